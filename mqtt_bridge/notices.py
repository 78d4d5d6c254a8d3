"""What brokers say about the connections of their clients.

Mosquitto writes its log to `$SYS/broker/log/#` (wording of 2.0.11, `connection_messages true`); EMQX publishes
`$SYS/brokers/{node}/clients/{client id}/connected` and `…/disconnected` with JSON.
"""

import re
from dataclasses import dataclass

import msgspec

FILTERS = ("$SYS/broker/log/#", "$SYS/brokers/+/clients/+/connected", "$SYS/brokers/+/clients/+/disconnected")

# "Client DOCK disconnected, not authorised." is of a log-in that failed, under the client id of whom it likes.
# A client id is whatever the client says, so it may contain anything; what the broker adds stands at both ends.
_CONNECTED = re.compile(
    rb"(?:\d+: )?New client connected from \S+ as (?P<client_id>.*) \(p\d+, c\d+, k\d+, u'(?P<username>[^']*)'\)\.\s*",
    re.DOTALL,
)
_GONE = re.compile(
    rb"(?:\d+: )?(?:Socket error on client (?P<in_error>.*), disconnecting\."
    rb"|Bad socket read/write on client (?P<bad>.*): .*"
    rb"|Client (?P<client_id>.*) (?:closed its connection|has exceeded timeout, disconnecting"
    rb"|been disconnected by administrative action|disconnected(?:: .*| due to [\w ]+)?)\.)\s*",
    re.DOTALL,
)
# Not lost, but its client id may read as if: "Client DOCK disconnected: x already connected, …".
_TAKEN_OVER = re.compile(rb"(?:\d+: )?Client .* already connected, closing old connection\.\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Connected:
    client_id: str
    username: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The broker has lost the client. Not said of one that was taken over by a new connection with its client id."""

    client_id: str


def read(topic: str, payload: bytes) -> Connected | Disconnected | None:
    """What a notice says of a connection; None for notices about anything else."""
    return _read_emqx(topic, payload) if topic.startswith("$SYS/brokers/") else _read_mosquitto(payload)


def _read_mosquitto(payload: bytes) -> Connected | Disconnected | None:
    if found := _CONNECTED.fullmatch(payload):
        return Connected(_text(found["client_id"]), _text(found["username"]))
    if _TAKEN_OVER.fullmatch(payload):
        return None
    if found := _GONE.fullmatch(payload):
        return Disconnected(_text(found["client_id"] or found["in_error"] or found["bad"]))
    return None


class _EmqxNotice(msgspec.Struct):
    clientid: str
    username: str | None = None
    reason: str | None = None


def _read_emqx(topic: str, payload: bytes) -> Connected | Disconnected | None:
    try:
        notice = msgspec.json.decode(payload, type=_EmqxNotice)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if topic.endswith("/connected"):
        return Connected(notice.clientid, notice.username or "")
    # A client that was taken over by its own new connection is not gone.
    return None if notice.reason in ("discarded", "takenover", "takeovered") else Disconnected(notice.clientid)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
