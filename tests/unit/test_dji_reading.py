"""What a device says costs the sockets of the Cloud API little, whatever it is."""

import json
import sys
from typing import Any

import msgspec
import pytest

from cloudapi.dji.envelope import without_nulls
from devices import dji_reading, live, newest
from devices.buffer import MAX_FRAGMENT_BYTES, LiveBuffer
from devices.dji_view import View
from tests.factories import FRAMES, frame

AT = 1_700_000_000_000
AIR = {
    "sn": "AIR",
    "kind": "aircraft",
    "model": "",
    "model_key": "",
    "callsign": "",
    "gateway_sn": None,
    "online": True,
}
TELEMETRY = sorted(
    path.stem
    for path in FRAMES.glob("*.json")
    if path.stem.startswith(("osd_", "state_")) and path.stem != "state_reply"
)
SOCKETS = 50


def readable(values: dict[str, bytes]) -> dict[str, bytes]:
    return {key: bytes(value.raw) for key, value in dji_reading.readable(live.raw_json(values)).items()}


@pytest.mark.parametrize("name", TELEMETRY)
def test_all_that_real_devices_say_is_readable(name: str) -> None:
    _kind, payload = frame(name)
    values = {key: json.dumps(value).encode() for key, value in payload["data"].items() if value is not None}
    told = readable(values)
    assert {key: json.loads(raw) for key, raw in told.items()} == without_nulls(payload["data"])
    assert all(told[key] == raw for key, raw in values.items() if b"null" not in raw), "as it was sent"
    assert all(8 * len(raw) <= dji_reading.MAX_BYTES for raw in values.values())
    assert sum(map(len, values.values())) * 8 <= newest.MAX_BYTES


@pytest.mark.parametrize(
    ("raw", "told"),
    [(b"null", None), (b'[null,{"a":null}]', b"[null,{}]"), (b'"null"', b'"null"'), (b"[1, 1.50 ]", b"[1, 1.50 ]"),
     (b"1e400", None), (b"9" * 5_000, None), (b'"%b"' % (b"x" * 16_382), b'"%b"' % (b"x" * 16_382)),
     (b'"%b"' % (b"x" * 16_383), None), (b"[" * 250 + b"]" * 250, b"[" * 250 + b"]" * 250),
     (b"[" + b"[],{}," * 249 + b"{}]", b"[" + b"[],{}," * 249 + b"{}]"), (b"[" + b"[],{}," * 250 + b"{}]", None)],
    ids=lambda raw: repr(raw)[:20],
)  # fmt: skip
def test_what_is_no_use_or_too_much_is_left_out(raw: bytes, told: bytes | None) -> None:
    assert readable({"a": raw, "b": b"1"}) == ({"a": told} if told is not None else {}) | {"b": b"1"}


@pytest.mark.parametrize("kind", ["delta", "fragments"])
def test_sockets_share_the_work(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[Any] = []

    def clean(value: Any) -> Any:
        cleaned.append(value)
        return without_nulls(value)

    monkeypatch.setattr(dji_reading, "without_nulls", clean)
    device = {"sn": "AIR", "values" if kind == "delta" else "data": {"a": {"b": None, "kind": kind}}}
    views = [View(is_pilot=False) for _socket in range(SOCKETS)]
    told = set()
    for view in views:
        view.snapshot(live.frame("snapshot", AT, [AIR]))
        told.update(view.delta(live.frame(kind, AT, [device])) + view.osd(AT))
    assert len(cleaned) == 1
    [text] = told
    assert json.loads(text)["data"]["host"] == {"a": {"kind": kind}}


def test_a_socket_keeps_no_frame_for_one_value_of_it() -> None:
    text = live.frame("snapshot", AT, [AIR | {"values": {"a": 1, "99-0-0": {"b": 1}, "rest": ["x" * 1_000] * 1_000}}])
    referred = sys.getrefcount(text)
    [update] = dji_reading.read(text).updates
    assert update.values is not None
    assert update.values.keys() == {"a", "99-0-0"}
    assert sys.getrefcount(text) == referred


def test_what_is_kept_of_a_device_is_bounded() -> None:
    buffer = LiveBuffer({"DOCK"})
    for number in range(30):
        values = {f"key{number}-{part}": "x" * 10_000 for part in range(10)}
        buffer.merge("DOCK", msgspec.Raw(json.dumps(values).encode()), AT + number)
    assert sum(map(len, buffer.values("DOCK").values())) <= newest.MAX_BYTES <= 100_000
    assert buffer.drain().fragments == {"DOCK": []}


def test_a_dock_s_small_messages_between_two_ticks_are_passed_on_up_to_a_limit() -> None:
    buffer = LiveBuffer({"DOCK"})
    for number in range(15):
        buffer.merge("DOCK", msgspec.Raw(b'{"a":"%d%b"}' % (number, b"x" * 5_000)), AT + number)
    [messages] = buffer.drain().fragments.values()
    assert len(messages) == 13
    assert sum(map(len, messages)) <= MAX_FRAGMENT_BYTES
