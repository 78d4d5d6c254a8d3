"""Whatever arrives is either counted and dropped or answered; nothing raises."""

import json
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.buffer import LiveBuffer
from mqtt_bridge import dispatch, topics
from mqtt_bridge.intake import Intake
from mqtt_bridge.message import Message
from mqtt_bridge.redaction import MAX_LOGGED, excerpt
from mqtt_bridge.registry import ROUTES
from tests.factories import make_bound, make_code
from workspaces.models import Workspace

#: One database for all examples of a test: each is rolled back.
EXAMPLES = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
METHODS = sorted({method for _kind, method in ROUTES})

odd = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=80),
    st.sampled_from([2**31, 2**63, -(2**63), 10**40, "\0", "PLANE", "S" * 500, "A/B", "' OR 1=1", "3", [], {}]),
)  # fmt: skip
names = st.sampled_from(
    [
        "sn",
        "devices",
        "bind_devices",
        "sub_devices",
        "domain",
        "type",
        "sub_type",
        "index",
        "device_binding_code",
        "organization_id",
        "config_type",
        "config_scope",
        "device_callsign",
        "device_model_key",
        "thing_version",
    ]
)
anything = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=5), inner, max_size=5)
)


def _near(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with these fields, some of which are missing or odd."""
    return st.fixed_dictionaries({}, optional={name: values | odd for name, values in fields.items()})


sns = st.sampled_from(["DOCK-A", "PLANE", "DOCK-B", "NEW-1", "NEW-2"])
near_device = _near(
    sn=sns, device_binding_code=st.text(max_size=20), organization_id=st.text(max_size=10), device_callsign=st.text(),
    device_model_key=st.sampled_from(["3-2-0", "0-91-1"]), domain=st.integers(-1, 300), type=st.text(max_size=4),
)  # fmt: skip
near_data = _near(
    config_type=st.just("json"), config_scope=st.just("product"), devices=st.lists(near_device, max_size=3),
    bind_devices=st.lists(near_device, max_size=3), sub_devices=st.lists(near_device, max_size=70),
    device_binding_code=st.text(max_size=20), organization_id=st.integers(), domain=st.integers(-1, 300),
)  # fmt: skip
envelopes = st.fixed_dictionaries(
    {"tid": st.uuids().map(str) | odd, "method": st.sampled_from(METHODS) | odd, "data": near_data | anything},
    optional={"bid": st.uuids().map(str) | odd, "timestamp": odd, "gateway": odd, "need_reply": odd},
)
kinds = st.sampled_from([
    "sys/product/{}/status", "thing/product/{}/status", "thing/product/{}/requests", "thing/product/{}/events",
    "thing/product/{}/osd", "thing/product/{}/state", "thing/product/{}/services_reply",
])  # fmt: skip
known_topics = st.builds(str.format, kinds, st.sampled_from(["DOCK-A", "STRANGER", "PLANE"]))
some_topics = known_topics | st.builds(str.format, kinds, st.text(max_size=70)) | st.text(max_size=100)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """JSON, some of it damaged: cut, overwritten, nested, in another encoding; or no JSON at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    text = json.dumps(draw(envelopes), ensure_ascii=draw(st.booleans()))
    damage = draw(st.sampled_from(["none", "none", "none", "cut", "byte", "nested", "utf-16", "numbers"]))
    sent = text.encode(errors="surrogatepass")
    if damage == "cut":
        return sent[: draw(st.integers(0, len(sent)))]
    if damage == "byte":
        at = draw(st.integers(0, len(sent) - 1))
        return sent[:at] + draw(st.binary(min_size=1, max_size=1)) + sent[at + 1 :]
    if damage == "nested":
        return b'{"tid": "t", "data": ' + b'{"a": [' * 3000 + sent + b"]}" * 3000 + b"}"
    if damage == "utf-16":
        return text.encode("utf-16", errors="surrogatepass")
    return sent.replace(b"0", b"9" * 400) if damage == "numbers" else sent


def take(topic: str, payload: bytes, *, retained: bool = False) -> tuple[Intake, LiveBuffer, list[Message]]:
    queued: list[Message] = []
    buffer = LiveBuffer()
    intake = Intake(buffer, queued.append)
    intake.take(topic, payload, retained=retained)
    intake.work()
    return intake, buffer, queued


@EXAMPLES
@given(topic=some_topics, payload=payloads(), retained=st.booleans())
@example(
    topic="thing/product/DOCK-A/requests", payload=b'{"tid": "t", "data": "' + b"x" * 5_000_000 + b'"}', retained=False
)
@example(topic="thing/product/\ud800/osd", payload=b"\xff\0", retained=False)
def test_a_message_is_taken_or_counted_as_dropped(topic: str, payload: bytes, retained: bool) -> None:
    intake, buffer, queued = take(topic, payload, retained=retained)
    dropped = sum(count for name, count in intake.counts.items() if name.startswith("dropped."))
    heard = buffer.drain().heard
    assert dropped + len(heard) == 1
    assert len(queued) <= len(heard)
    parsed = topics.parse(topic)
    assert heard == {} or (parsed is not None and list(heard) == [parsed.sn] and not retained)


@pytest.mark.django_db
@EXAMPLES
@given(topic=known_topics, payload=payloads())
def test_what_is_queued_is_answered(ours: Workspace, theirs: Workspace, topic: str, payload: bytes) -> None:
    with transaction.atomic():
        if not ours.devices.exists():
            make_bound(ours, "DOCK-A", "PLANE")
            make_bound(theirs, "DOCK-B")
        code = make_code(ours)
        _intake, _buffer, queued = take(topic, payload)
        for message in queued:
            again = Message.from_json(message.to_json())
            assert again == message
            answer = dispatch.answer(again)
            assert answer.keys() <= {"result", "output"} or "app_id" in answer
            assert isinstance(answer.get("result", 0), int)
            reply = json.loads(again.reply(answer, timestamp=1))
            assert (reply["tid"], reply["bid"], reply["data"]) == (message.tid, message.bid, answer)
            assert code not in str(reply)
        transaction.set_rollback(True)


@EXAMPLES
@given(text=st.binary(max_size=6000))
def test_an_excerpt_is_one_printable_line(text: bytes) -> None:
    line = excerpt(text)
    assert len(line) <= MAX_LOGGED
    assert line.isprintable()


@EXAMPLES
@given(
    name=st.sampled_from(
        ["device_binding_code", "app_key", "app_license", "MQTT-Password", "x_token", "device_secret"]
    ),
    before=st.text(st.characters(codec="ascii"), max_size=20),
    secret=st.text("ABCDEFGHJKMNPQRSTVWXYZ23456789 \\\"'{}[],:=\n", min_size=1, max_size=30),
    form=st.sampled_from(["{}", "[1, {}]", '{{"x": {}}}']),
)
def test_no_secret_is_left_in_an_excerpt(name: str, before: str, secret: str, form: str) -> None:
    marked = f"{secret}§{secret}"
    text = f'{{{json.dumps(before)}: 1, "{name}": {form.format(json.dumps(marked, ensure_ascii=False))}, "z": 2}}'
    for cut in range(len(text)):
        assert "§" not in excerpt(text[: cut + 1].encode())
