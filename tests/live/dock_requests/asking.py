"""Asking as a dock does, and what every answer must look like."""

from typing import Any

from tests.live.foreign_client import Gateway, Reply

GET_REFUSED = {"result": 210230}
MALFORMED = {"result": 210002}
UNSUPPORTED = {"result": 210003}
WRONG = "ZZZZZZZZZZZZ"


def checked(reply: Reply, sent: dict[str, Any], topic: str) -> Any:
    """The `data` of a reply whose envelope is as the README says."""
    copied = ("tid", "bid", "method", *(["gateway"] if "gateway" in sent else []))
    assert reply.topic == f"{topic}_reply"
    assert set(reply.body) == {*copied, "timestamp", "data"}
    assert {key: reply.body[key] for key in copied} == {key: sent[key] for key in copied}
    assert type(reply.body["timestamp"]) is int
    assert sent["timestamp"] - 1 <= reply.body["timestamp"] <= reply.at + 1
    assert "null" not in reply.text
    return reply.data


def ask(device: Gateway, topic: str, method: str, data: Any, **more: Any) -> Any:
    sent = device.send(topic, method, data, **more)
    return checked(device.answers(sent)[0], sent, topic)


def unbound(sn: str) -> dict[str, Any]:
    return {
        "sn": sn,
        "is_device_bind_organization": False,
        "organization_id": "",
        "organization_name": "",
        "device_callsign": "",
    }
