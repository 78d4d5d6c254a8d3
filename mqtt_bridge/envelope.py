"""The envelope around every message: `tid`, `bid`, `method`, `timestamp`, `gateway`, `need_reply`, `data`.

Protocol: "MQTT message structure". The types here are wider than the documents', since a message is only refused for
what we use of it: timestamps arrive as strings, `need_reply` as 0, 1 or a boolean, and telemetry without most of it.
"""

from typing import Any

import msgspec

from devices.buffer import NotAnObject

#: Ids are UUIDs in the documents; what is longer or not printable is no id and cannot be kept in the ledger.
MAX_ID = 128


class Envelope(msgspec.Struct):
    tid: Any = ""
    bid: Any = ""
    method: Any = ""
    timestamp: Any = None
    gateway: Any = None
    need_reply: Any = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class Telemetry(msgspec.Struct):
    """What is used of an OSD or state message. `data` stays raw per top-level key."""

    data: dict[str, msgspec.Raw]
    timestamp: Any = None


class Malformed(ValueError):
    """The payload is no JSON object in UTF-8."""


_decoder = msgspec.json.Decoder(Envelope)
_decode_telemetry = msgspec.json.Decoder(Telemetry).decode


def decode(payload: bytes) -> Envelope:
    """Decode the envelope; `data` stays raw JSON. Raises Malformed."""
    try:
        _check_encoding(payload)
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error


def decode_telemetry(payload: bytes) -> Telemetry:
    """The same for telemetry, in one pass. Raises Malformed, or NotAnObject when it has no data that is an object."""
    try:
        _check_encoding(payload)
        return _decode_telemetry(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        decode(payload)  # malformed is worse
        raise NotAnObject(str(error)) from error


def _check_encoding(payload: bytes) -> None:
    """msgspec does not look inside the strings of raw parts, so invalid UTF-8 would travel on to browsers."""
    if not payload.isascii():
        payload.decode()


def text_id(value: object) -> str:
    """An id or method as it came if it is usable text, else ""."""
    return value if isinstance(value, str) and len(value) <= MAX_ID and value.isprintable() else ""


def milliseconds(value: object) -> int | None:
    """A device's timestamp in ms, also when it came as a float or a numeric string; None if it is unusable."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 < value < 2**53 else None


def wants_reply(value: object) -> bool:
    return value in (1, True, "1")
