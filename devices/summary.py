"""What lists and maps show of a device: a few small values. All the others are sent for opened devices only."""

from collections.abc import Mapping

import msgspec

#: Top-level key → the part of it that is shown; "" for all of it.
PARTS: dict[str, str] = {
    # where it is and how it moves
    "latitude": "",
    "longitude": "",
    "height": "",
    "elevation": "",
    "attitude_head": "",
    "horizontal_speed": "",
    "vertical_speed": "",
    # how it is
    "mode_code": "",
    "battery": "capacity_percent",
    "capacity_percent": "",
    "drone_charge_state": "capacity_percent",
    "drone_in_dock": "",
    "cover_state": "",
}
#: A value of more bytes is none that a list could show.
MAX_BYTES = 64
_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def of(values: Mapping[str, bytes]) -> dict[str, bytes]:
    """The part of these values (key → raw JSON) that lists and maps show."""
    return {
        key: raw if not (part := PARTS[key]) and len(raw) <= MAX_BYTES else _shown(raw, part)
        for key, raw in values.items()
        if key in PARTS
    }


def _shown(raw: bytes, part: str) -> bytes:
    """For values that are too long, or of which a part is shown."""
    if not part:
        return b"null"
    try:
        shown = bytes(_split(raw)[part])
    except (msgspec.DecodeError, KeyError, RecursionError):
        return b"null"
    return b'{"%b":%b}' % (part.encode(), shown) if len(shown) <= MAX_BYTES else b"null"
