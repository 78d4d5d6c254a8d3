"""Frames of the Cloud API's WebSocket: `{biz_code, version, timestamp, data}`, and what their data look like."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from devices import products
from devices.dji_reading import Value

POSITION = ("latitude", "longitude", "height", "attitude_head", "elevation", "horizontal_speed", "vertical_speed")
VERSION = "1.0"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def topo(device: dict[str, Any]) -> dict[str, Any]:
    """The Topo of a device that has come online."""
    model_key = device.get("model_key") or ""
    product = products.parse_model_key(model_key)
    domain, type_, sub_type = (str(number) for number in product) if product else ("", "", "")
    shape = {
        "sn": device["sn"],
        "device_callsign": device.get("callsign") or device.get("model") or device["sn"],
        "device_model": {
            "key": model_key,
            "device_model_key": model_key,
            "domain": domain,
            "type": type_,
            "sub_type": sub_type,
        },
        "model": device.get("model") or "",
        "online_status": True,
        "bound_status": True,
        "user_id": "",
        "user_callsign": device.get("callsign") or "",
        "icon_urls": {"normal_icon_url": "", "selected_icon_url": ""},
        "gateway_sn": device.get("gateway_sn") or "",
    }
    return shape | ({"domain": product[0]} if product else {})


def position(values: Mapping[str, Value]) -> dict[str, float]:
    """What Pilot's map shows; nothing without a fix, which devices report as 0/0 or as impossible coordinates."""
    numbers = {
        key: number for key in POSITION if key in values and (number := _number(values[key].raw)) is not None
    }  # fmt: skip
    latitude, longitude = numbers.get("latitude"), numbers.get("longitude")
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return {}
    return numbers if abs(latitude) <= 90 and abs(longitude) <= 180 else {}


def _number(raw: msgspec.Raw) -> float | None:
    value = _decode(raw)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def host(values: Mapping[str, Value], *, with_payloads: bool) -> dict[str, Any]:
    """What a device says of itself. Clients look for an aircraft's payloads in a list, too."""
    host: dict[str, Any] = {key: value.raw for key, value in values.items()}
    payloads = [value.payload for value in values.values() if value.payload is not None] if with_payloads else []
    return {"payloads": payloads, **host} if payloads else host


def frame(biz_code: str, at: int, data: dict[str, Any]) -> str:
    return _encode({"biz_code": biz_code, "version": VERSION, "timestamp": at, "data": data}).decode()
