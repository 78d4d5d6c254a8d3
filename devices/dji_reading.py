"""Frames of `devices.live` as the Cloud API's WebSocket reads them.

All sockets of a process get the same frames, so what one says is worked out once for all of them. Values stay the JSON
that the device sent: what a socket does with them is handing them on, whatever they hold.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from cloudapi.dji.envelope import without_nulls
from devices import products

#: Values with more bytes, or with more lists and objects in them, are left out: the largest of a real device has 2 KB
#: and some 30 of them. It bounds what a hostile device makes us do.
MAX_BYTES = 16_384
MAX_INNER = 500
#: Sockets of a workspace read a frame at the same moment; few others come in between.
SHARED_FRAMES = 8


class Value(NamedTuple):
    """`payload`: the same with the key in it, where the value describes a payload."""

    raw: msgspec.Raw
    payload: msgspec.Raw | None


class Update(NamedTuple):
    """What a frame says of a device; `described` is all but its values. Shared by sockets: nobody changes it."""

    sn: str
    described: dict[str, Any]
    values: dict[str, Value] | None


class Fragment(NamedTuple):
    """A message of a dock, as it came but without nulls."""

    sn: str
    host: msgspec.Raw


class Frame(NamedTuple):
    at: int
    updates: tuple[Update, ...]
    fragments: tuple[Fragment, ...]


class _Frame(msgspec.Struct):
    type: str
    at: int
    devices: list[dict[str, msgspec.Raw]]


_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode = msgspec.json.Decoder().decode
_decode_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def read(text: str) -> Frame:
    """A frame that one socket reads, such as its snapshot."""
    frame = _decode_frame(text)
    if frame.type == "fragments":
        return Frame(frame.at, (), tuple(_fragment(device) for device in frame.devices))
    return Frame(frame.at, tuple(_update(device) for device in frame.devices), ())


#: A frame that many sockets read.
read_once = lru_cache(maxsize=SHARED_FRAMES)(read)


def _update(device: dict[str, msgspec.Raw]) -> Update:
    values = device.pop("values", None)
    described = {key: _decode(raw) for key, raw in device.items()}
    return Update(described["sn"], described, None if values is None else readable(_decode_values(values)))


def _fragment(device: dict[str, msgspec.Raw]) -> Fragment:
    host = {key: value.raw for key, value in readable(_decode_values(device["data"])).items()}
    return Fragment(_decode(device["sn"]), msgspec.Raw(_encode(host)))


def readable(values: Mapping[str, msgspec.Raw]) -> dict[str, Value]:
    """Without nulls: clients read fields without looking. What is too large, too deep or no JSON is left out."""
    found = {}
    for key, raw in values.items():
        text = bytes(raw)  # a copy: what `raw` shows is a part of its frame, and would keep all of it
        if len(text) > MAX_BYTES or text.count(b"[") + text.count(b"{") > MAX_INNER:
            continue
        try:
            value = _decode(text)
            if b"null" in text:
                value = without_nulls(value)
                text = _encode(value)
        except (RecursionError, msgspec.DecodeError):
            continue
        if value is not None:
            found[key] = Value(msgspec.Raw(text), _payload(key, text))
    return found


def _payload(key: str, text: bytes) -> msgspec.Raw | None:
    """The aircraft names a payload by its index, such as `99-0-0`."""
    if not text.startswith(b"{") or products.parse_model_key(key) is None:
        return None
    return msgspec.Raw(_encode({"payload_index": key, **_decode_values(text)}))
