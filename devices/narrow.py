"""From raw JSON values to the typed columns of `devices.models.state`. Telemetry is received, not trusted."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec


class Narrow(NamedTuple):
    """Columns in the order of the model."""

    latitude: float | None = None
    longitude: float | None = None
    height: float | None = None
    elevation: float | None = None
    heading: float | None = None
    horizontal_speed: float | None = None
    vertical_speed: float | None = None
    battery_percent: int | None = None
    mode_code: int | None = None


#: The top-level keys that the columns are made from.
KEYS = (
    "latitude", "longitude", "height", "elevation", "attitude_head", "horizontal_speed", "vertical_speed",
    "battery", "capacity_percent", "mode_code",
)  # fmt: skip


class _Battery(msgspec.Struct):
    capacity_percent: msgspec.Raw = msgspec.Raw(b"")


_decode_battery = msgspec.json.Decoder(_Battery).decode


def of(values: Mapping[str, bytes]) -> Narrow:
    """The columns of a device's values. Aircraft tell the battery as an object, controllers as a number."""
    latitude = _number(values.get("latitude"), -90, 90)
    longitude = _number(values.get("longitude"), -180, 180)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        latitude = longitude = None
    return Narrow(
        latitude,
        longitude,
        _number(values.get("height"), -1_000, 100_000),
        _number(values.get("elevation"), -20_000, 100_000),
        _number(values.get("attitude_head"), -360, 360),
        _number(values.get("horizontal_speed"), 0, 1_000),
        _number(values.get("vertical_speed"), -1_000, 1_000),
        _whole(_battery(values.get("battery")) or values.get("capacity_percent"), 0, 100),
        _whole(values.get("mode_code"), 0, 10_000),
    )


def _number(raw: bytes | None, low: float, high: float) -> float | None:
    if raw is None or len(raw) > 40:
        return None
    try:
        number = float(raw)
    except ValueError:
        return None
    return number if math.isfinite(number) and low <= number <= high else None


def _whole(raw: bytes | None, low: int, high: int) -> int | None:
    number = _number(raw, low, high)
    return None if number is None else round(number)


def _battery(raw: bytes | None) -> bytes | None:
    if raw is None:
        return None
    try:
        return bytes(_decode_battery(raw).capacity_percent)
    except (msgspec.DecodeError, RecursionError):
        return None
