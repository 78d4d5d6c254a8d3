"""Merging delta frames into one."""

from collections.abc import Sequence
from typing import Any

import msgspec


class _Delta(msgspec.Struct):
    at: int
    devices: list[dict[str, msgspec.Raw]]


_decode = msgspec.json.Decoder(_Delta).decode
_decode_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_sn = msgspec.json.Decoder(str).decode


def merge(frames: Sequence[str], kind: str = "delta") -> str:
    """One frame of this kind that says what these, oldest first, say together."""
    devices: dict[str, dict[str, Any]] = {}
    removed: dict[str, dict[str, Any]] = {}
    at = 0
    for text in frames:
        delta = _decode(text)
        at = max(at, delta.at)
        for update in delta.devices:
            sn = _decode_sn(update["sn"])
            if "removed" in update:
                devices.pop(sn, None)  # what was said before is void
                removed[sn] = dict(update)
            else:
                _merge_device(devices.setdefault(sn, {}), update)
    # Removals come first: a device that left and came back starts with nothing of what it was before.
    changes = [*removed.values(), *devices.values()]
    return msgspec.json.encode({"type": kind, "at": at, "devices": changes}).decode()


def _merge_device(into: dict[str, Any], update: dict[str, msgspec.Raw]) -> None:
    values = update.get("values")
    merged = into.get("values", {})
    into.update(update)
    if values is not None:
        into["values"] = merged | _decode_values(values)
