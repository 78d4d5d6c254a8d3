"""An uplink message on its way from the worker to a task: plain JSON for Celery, typed on both ends."""

from typing import Any

import msgspec

from mqtt_bridge import envelope
from mqtt_bridge.envelope import Envelope
from mqtt_bridge.topics import Kind


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the worker read from topic and envelope.

    tid, bid, method: as they came, "" where they are unusable. timestamp: the device's clock, ms. received_at: our
    clock, ms. data: raw JSON text. result: the result code of the answer when the worker knows it already.
    """

    kind: Kind
    gateway_sn: str
    tid: str
    bid: str
    method: str
    received_at: int
    timestamp: int | None = None
    gateway: str | None = None
    data: str = "null"
    result: int | None = None

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Message":
        return msgspec.json.decode(text, type=cls)

    def reply(self, data: dict[str, Any], *, timestamp: int) -> bytes:
        """The answer's payload: ids, method and gateway as they came, our clock, the data."""
        answer: dict[str, Any] = {"tid": self.tid, "bid": self.bid, "timestamp": timestamp}
        if self.method:
            answer["method"] = self.method
        if self.gateway is not None:
            answer["gateway"] = self.gateway
        return msgspec.json.encode(answer | {"data": data})


def read(kind: Kind, gateway_sn: str, payload: bytes, received_at: int) -> Message:
    """The message in a payload. Raises envelope.Malformed."""
    return from_envelope(kind, gateway_sn, envelope.decode(payload), received_at)


def from_envelope(kind: Kind, gateway_sn: str, read: Envelope, received_at: int) -> Message:
    return Message(
        kind=kind,
        gateway_sn=gateway_sn,
        tid=envelope.text_id(read.tid),
        bid=envelope.text_id(read.bid),
        method=envelope.text_id(read.method),
        received_at=received_at,
        timestamp=envelope.milliseconds(read.timestamp),
        gateway=envelope.text_id(read.gateway) or None,
        data=bytes(read.data).decode(),
    )


def answered(message: Message, result: int) -> Message:
    """The message without its data, to be answered with `result` and nothing else."""
    return msgspec.structs.replace(message, data="null", result=result)
