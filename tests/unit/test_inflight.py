"""Messages whose reply is not out yet."""

import pytest

from mqtt_bridge import inflight, message
from mqtt_bridge.message import Message
from tests.factories import Clock, payload

pytestmark = pytest.mark.live


def request(data: object = None, *, tid: str = "1", bid: str = "2") -> Message:
    return message.read("requests", "DOCK-A", payload("config", data, tid=tid, bid=bid), 1)


def test_a_repeat_is_queued_again_unless_many_wait(clock: Clock, valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = inflight.note(request())
    assert task_id is not None
    assert inflight.note(request()) == task_id
    monkeypatch.setattr(inflight, "BACKLOG", 0)
    assert inflight.note(request()) is None
    inflight.done(task_id)
    assert inflight.note(request()) == task_id


def test_only_the_same_message_is_a_repeat(clock: Clock, valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflight, "BACKLOG", 0)
    assert inflight.note(request()) is not None
    assert inflight.note(request({"config_scope": "product"})) is not None
    assert inflight.note(request(tid="3")) is not None
    nothing = "00000000-0000-0000-0000-000000000000"
    assert inflight.note(request(tid=nothing, bid=nothing)) is not None
    assert inflight.note(request(tid=nothing, bid=nothing)) is not None
