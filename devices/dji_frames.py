"""Frames of the Cloud API's WebSocket: `{biz_code, version, timestamp, data}`, and what their data look like."""

import math
from typing import Any

import msgspec

from cloudapi.dji.envelope import without_nulls
from devices import products

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


def position(values: dict[str, Any]) -> dict[str, float]:
    """What Pilot's map shows; nothing without a fix, which devices report as 0/0 or as impossible coordinates."""
    numbers = {key: values[key] for key in POSITION if _is_number(values.get(key))}
    latitude, longitude = numbers.get("latitude"), numbers.get("longitude")
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return {}
    return numbers if abs(latitude) <= 90 and abs(longitude) <= 180 else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def with_payloads(values: dict[str, Any]) -> dict[str, Any]:
    """Clients look for the payloads in a list, too; the aircraft names each by its index, such as `99-0-0`."""
    payloads = [
        {"payload_index": key, **value}
        for key, value in values.items()
        if products.parse_model_key(key) and isinstance(value, dict)
    ]
    return {"payloads": payloads, **values} if payloads else values


def readable(values: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """Without nulls: clients read fields without looking. What is nested too deep to be of use is left out."""
    readable: dict[str, Any] = {}
    for key, raw in values.items():
        try:
            value = without_nulls(_decode(raw))
            _encode([[[[[value]]]]])  # as deep as it will stand in a frame
        except (RecursionError, msgspec.DecodeError):
            continue
        if value is not None:
            readable[key] = value
    return readable


def frame(biz_code: str, at: int, data: dict[str, Any]) -> str:
    return _encode({"biz_code": biz_code, "version": VERSION, "timestamp": at, "data": data}).decode()
