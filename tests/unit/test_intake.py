"""What the worker does with one message: buffer, queue, or count and drop."""

import json

import pytest
from django.conf import settings

from devices.buffer import LiveBuffer
from mqtt_bridge.intake import MAX_LOG_LINES_PER_SECOND, Intake
from mqtt_bridge.message import Message
from mqtt_bridge.results import INVALID_PARAMETER
from tests.factories import FRAMES, payload

RECORDED = {path.stem: json.loads(path.read_text()) for path in sorted(FRAMES.glob("*.json"))}
REQUESTS, STATUS, OSD = "thing/product/DOCK1/requests", "sys/product/DOCK1/status", "thing/product/DOCK1/osd"


class Box:
    """An intake with its buffer, and what it queued."""

    def __init__(self) -> None:
        self.queued: list[Message] = []
        self.buffer = LiveBuffer()
        self.intake = Intake(self.buffer, self.queued.append)

    def take(self, topic: str, text: bytes, *, retained: bool = False) -> dict[str, int]:
        self.intake.take(topic, text, retained=retained)
        self.intake.work()
        return {name: count for name, count in self.intake.counts.items() if not name.startswith("received.")}


@pytest.fixture
def box() -> Box:
    return Box()


def test_a_request_is_queued_and_is_a_sign_of_life(box: Box) -> None:
    assert box.take(REQUESTS, payload("config", {"config_type": "json"}, gateway="DOCK1")) == {}
    [queued] = box.queued
    assert (queued.kind, queued.gateway_sn, queued.method, queued.gateway) == ("requests", "DOCK1", "config", "DOCK1")
    assert json.loads(queued.data) == {"config_type": "json"}
    changes = box.buffer.drain()
    assert (changes.heard, changes.values) == ({"DOCK1": queued.received_at}, {})


def test_telemetry_is_merged_and_not_queued(box: Box) -> None:
    for data in (b'{"a": 1, "b": {"c": 2}}', b'{"b": null, "99-0-0": []}'):
        box.take(OSD, b'{"data": ' + data + b"}")
    assert box.queued == []
    assert box.buffer.drain().values == {"DOCK1": {"a": b"1", "b": b"null", "99-0-0": b"[]"}}


@pytest.mark.parametrize("name", [name for name, read in RECORDED.items() if read["direction"] == "up"])
def test_no_recorded_uplink_is_dropped(box: Box, name: str) -> None:
    topic = RECORDED[name]["topic"].replace("{", "").replace("}", "")
    assert box.take(topic, json.dumps(RECORDED[name]["payload"]).encode()) == {}
    assert box.buffer.drain().heard


DROPPED = [
    ("topic", "", b"{}", False),
    ("topic", "thing/product/A'B/osd", b'{"data": {}}', False),
    ("topic", "thing/product/\ud800/osd", b"\xff", False),
    ("retained", OSD, b'{"data": {"a": 1}}', True),
    ("retained", REQUESTS, b'{"tid": "t", "bid": "b", "method": "config", "data": {}}', True),
    ("malformed", OSD, b"", False),
    ("malformed", OSD, b'{"data": {"a": 1}', False),
    ("malformed", OSD, b'{"data": {"a": "\xff"}}', False),
    ("malformed", OSD, b'{"data": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, False),
    ("malformed", OSD, b'{"data": {"a": "' + b"x" * 5_000_000 + b'"}}', False),
    ("data", OSD, b"{}", False),
    ("data", OSD, b'{"data": null}', False),
    ("data", OSD, b'{"data": [1, 2]}', False),
    ("data", OSD, b'{"data": "text"}', False),
    ("malformed", REQUESTS, b"not json", False),
    ("malformed", REQUESTS, b'{"method": "config", "data": {}}', False),
    ("malformed", REQUESTS, b'{"tid": 5, "bid": null, "method": "config"}', False),
    ("malformed", REQUESTS, b'{"tid": "' + b"x" * 5_000_000, False),
    ("malformed", STATUS, b'["update_topo"]', False),
]


@pytest.mark.parametrize(("reason", "topic", "text", "retained"), DROPPED, ids=lambda value: str(value)[:40])
def test_what_nobody_waits_for_is_counted_and_dropped(
    box: Box, reason: str, topic: str, text: bytes, retained: bool
) -> None:
    assert box.take(topic, text, retained=retained) == {f"dropped.{reason}": 1}
    assert box.queued == []
    changes = box.buffer.drain()
    assert (changes.heard, changes.values) == ({}, {})


@pytest.mark.parametrize("data", [None, [], {}, "x", {"a": "\0"}, {"devices": [{"sn": "S" * 500}]}])
def test_a_recognisable_request_is_queued_whatever_its_data(box: Box, data: object) -> None:
    assert box.take(REQUESTS, payload("airport_bind_status", data)) == {}
    assert len(box.queued) == 1


def test_an_oversized_request_is_queued_without_its_data_to_be_refused(box: Box) -> None:
    text = payload("config", {"config_type": "x" * 5_000_000})
    assert box.take(REQUESTS, text) == {"oversized": 1}
    assert (box.queued[0].result, box.queued[0].data) == (INVALID_PARAMETER, "null")
    just_fits = payload("config", "") + b" " * (settings.MQTT_MAX_PAYLOAD - len(payload("config", "")))
    box.take(REQUESTS, just_fits)
    assert box.queued[1].result is None


@pytest.mark.parametrize("need_reply", [1, True, "1"])
def test_a_state_or_event_that_wants_a_reply_gets_0(box: Box, need_reply: object) -> None:
    for kind in ("state", "events"):
        box.take(f"thing/product/PLANE/{kind}", payload("x", {"a": 1}, need_reply=need_reply))
    assert [(queued.kind, queued.result) for queued in box.queued] == [("state", 0), ("events", 0)]


def test_when_the_queue_fails_a_request_is_not_taken_but_telemetry_goes_on(box: Box) -> None:
    def fail(_message: Message) -> None:
        raise ConnectionError

    intake = Intake(box.buffer, fail)
    for topic in (REQUESTS, STATUS):
        with pytest.raises(ConnectionError):
            intake.take(topic, payload("config", {}))
    intake.work()
    assert box.buffer.drain().heard == {}
    intake.take("thing/product/PLANE/state", payload("", {"a": 1}, need_reply=1))
    intake.work()
    assert box.buffer.drain().values == {"PLANE": {"a": b"1"}}


def test_garbage_is_logged_shortly_and_not_without_end(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    for _message in range(100):
        box.take(OSD, b"garbage\r\nERROR forged line " + b"x" * 100_000)
    assert 1 <= len(caplog.messages) <= 2 * MAX_LOG_LINES_PER_SECOND
    assert all(len(line) < 2500 and "\n" not in line and "\r" not in line for line in caplog.messages)
    assert box.intake.counts["dropped.malformed"] == 100
