"""Merging of live values and frames equals applying one after another."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.buffer import Changes, LiveBuffer
from devices.frames import merge

EXAMPLES = settings(deadline=None, max_examples=100)
sns = st.sampled_from(["DOCK", "PLANE", "RC"])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from(["mode_code", "99-0-0", "4g_link_state", "position.x", "名", "a"])
osd = st.tuples(sns, st.dictionaries(keys, json_values, max_size=4))


def feed(buffer: LiveBuffer, sn: str, values: dict[str, Any], at: int) -> None:
    buffer.merge(sn, msgspec.Raw(json.dumps(values).encode()), at)


def decoded(changes: Changes) -> dict[str, dict[str, Any]]:
    return {sn: {key: json.loads(raw) for key, raw in values.items()} for sn, values in changes.values.items()}


@EXAMPLES
@given(st.lists(osd, max_size=12))
def test_the_buffer_is_a_dict_update_per_key(messages: list[tuple[str, dict[str, Any]]]) -> None:
    buffer = LiveBuffer()
    expected: dict[str, dict[str, Any]] = {}
    for at, (sn, values) in enumerate(messages):
        feed(buffer, sn, values, at)
        expected.setdefault(sn, {}).update(values)
    changes = buffer.drain()
    assert decoded(changes) == expected
    assert changes.heard == {sn: at for at, (sn, _values) in enumerate(messages)}


@EXAMPLES
@given(st.lists(st.tuples(st.sampled_from(["message", "message", "delivered", "failed"]), osd), max_size=15))
def test_deliveries_that_fail_lose_nothing_and_newer_values_win(
    steps: list[tuple[str, tuple[str, dict[str, Any]]]],
) -> None:
    """A delivery takes what is there; if it fails, that comes back behind what arrived meanwhile."""
    buffer = LiveBuffer()
    received: dict[str, dict[str, Any]] = {}
    delivered: dict[str, dict[str, Any]] = {}
    heard: dict[str, int] = {}

    def receive(at: int, sn: str, values: dict[str, Any]) -> None:
        feed(buffer, sn, values, at)
        received.setdefault(sn, {}).update(values)
        heard[sn] = at

    for at, (step, (sn, values)) in enumerate(steps):
        if step == "message":
            receive(at, sn, values)
            continue
        changes = buffer.drain()
        receive(at, sn, values)
        if step == "failed":
            buffer.put_back(changes)
        else:
            for known, new in decoded(changes).items():
                delivered.setdefault(known, {}).update(new)
    rest = buffer.drain()
    for known, new in decoded(rest).items():
        delivered.setdefault(known, {}).update(new)
    assert delivered == received
    assert all(heard[sn] == at for sn, at in rest.heard.items())


update = st.builds(
    lambda sn, fields, values: {"sn": sn, **fields, **({} if values is None else {"values": values})},
    sns,
    st.fixed_dictionaries(
        {}, optional={"online": st.booleans(), "callsign": st.text(max_size=5), "gateway_sn": st.none()}
    ),
    st.none() | st.dictionaries(keys | st.just("removed"), json_values, max_size=3),
)
removal = sns.map(lambda sn: {"sn": sn, "removed": True})
frames = st.lists(st.lists(update | update | removal, max_size=4), min_size=1, max_size=5)


def apply(state: dict[str, dict[str, Any]], devices: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a browser knows after a delta."""
    for report in devices:
        known = state.setdefault(report["sn"], {})
        if report.get("removed") is True:
            del state[report["sn"]]
            continue
        values = {**known.get("values", {}), **report.get("values", {})}
        known.update(report)
        known["values"] = values
    return state


@EXAMPLES
@given(before=st.lists(update, max_size=3), frames=frames)
def test_a_merged_frame_does_what_its_frames_do_one_after_another(
    before: list[dict[str, Any]], frames: list[list[dict[str, Any]]]
) -> None:
    texts = [json.dumps({"type": "delta", "at": at, "devices": devices}) for at, devices in enumerate(frames)]
    one_by_one = apply({}, before)
    for devices in frames:
        apply(one_by_one, devices)
    merged = json.loads(merge(texts))
    assert (merged["type"], merged["at"]) == ("delta", len(frames) - 1)
    assert apply(apply({}, before), merged["devices"]) == one_by_one
    assert len(merged["devices"]) <= 2 * len({report["sn"] for devices in frames for report in devices})
