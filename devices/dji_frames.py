"""Live state as the Cloud API's WebSocket tells it: `{biz_code, version, timestamp, data}`.

Pilot gets the position of every device at a steady rate, and is told to ask for the topology again. Web clients get the
OSD itself: aircraft and controllers whole, docks in the fragments in which they came, since clients file a fragment by
the keys that it has.
"""

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from cloudapi.dji.envelope import without_nulls
from devices import products

POSITION = ("latitude", "longitude", "height", "attitude_head", "elevation", "horizontal_speed", "vertical_speed")
VERSION = "1.0"
_encode = msgspec.json.Encoder().encode


class _Frame(msgspec.Struct):
    """A frame of `devices.live`. Values stay as they are until somebody wants them."""

    type: str
    at: int
    devices: list[dict[str, msgspec.Raw]]


_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode


class View:
    """What one socket knows of its workspace. Feed it the frames of `devices.live`, send what it returns."""

    def __init__(self, *, is_pilot: bool) -> None:
        self._is_pilot = is_pilot
        self._devices: dict[str, dict[str, Any]] = {}
        self._values: dict[str, dict[str, Any]] = {}
        self._with_news: set[str] = set()

    def snapshot(self, frame: str) -> None:
        """Learn the whole workspace; nothing is sent, since clients ask for the list by HTTP."""
        for update in _decode_frame(frame).devices:
            sn = _decode(update["sn"])
            self._learn(sn, update)
            self._with_news.add(sn)

    def delta(self, frame: str) -> list[str]:
        """Frames for what came, went or moved between gateways; values wait for `osd`."""
        decoded = _decode_frame(frame)
        if decoded.type == "fragments":
            return [] if self._is_pilot else list(self._fragments(decoded))
        frames: list[str] = []
        topology_changed = False
        for update in decoded.devices:
            sn = _decode(update["sn"])
            before = self._devices.get(sn)
            after = self._learn(sn, update)
            frames += self._presence(sn, before or {}, after or {}, decoded.at)
            topology_changed |= _place(before) != _place(after)
        if topology_changed and self._is_pilot:
            frames.append(_frame("device_update_topo", decoded.at, {}))
        return frames

    def osd(self, now: int) -> list[str]:
        """The frames of a tick (`now`: our clock, ms)."""
        due = self._devices.keys() if self._is_pilot else self._with_news & self._devices.keys()
        frames = [text for sn in sorted(due) if self._devices[sn].get("online") for text in self._osd(sn, now)]
        self._with_news = set()
        return frames

    def _learn(self, sn: str, update: dict[str, msgspec.Raw]) -> dict[str, Any] | None:
        """Take an update in; the device as it is then, None if it is not there."""
        if "removed" in update:
            self._devices.pop(sn, None)
            self._values.pop(sn, None)
            return None
        if sn not in self._devices and "kind" not in update:
            return None  # values of a device that has just left
        described = {key: _decode(raw) for key, raw in update.items() if key != "values"}
        self._devices[sn] = self._devices.get(sn, {}) | described
        if "values" in update:
            self._values.setdefault(sn, {}).update(_readable(_decode_values(update["values"])))
            self._with_news.add(sn)
        return self._devices[sn]

    def _presence(self, sn: str, before: dict[str, Any], after: dict[str, Any], at: int) -> Iterable[str]:
        if after.get("online") and not before.get("online"):
            yield _frame("device_online", at, _topo(after))
        elif before.get("online") and not after.get("online"):
            yield _frame("device_offline", at, {"sn": sn, "online_status": False})

    def _osd(self, sn: str, now: int) -> Iterable[str]:
        values, kind = self._values.get(sn, {}), self._devices[sn].get("kind")
        if self._is_pilot:
            if position := _position(values):
                yield _frame("device_osd", now, {"sn": sn, "host": position})
        elif values and kind != "dock":
            host = values if kind == "controller" else _with_payloads(values)
            yield _frame("gateway_osd" if kind == "controller" else "device_osd", now, {"sn": sn, "host": host})

    def _fragments(self, decoded: _Frame) -> Iterable[str]:
        for fragment in decoded.devices:
            host = _readable(_decode_values(fragment["data"]))
            yield _frame("dock_osd", decoded.at, {"sn": _decode(fragment["sn"]), "host": host})


def _topo(device: dict[str, Any]) -> dict[str, Any]:
    model_key = device.get("model_key") or ""
    product = products.parse_model_key(model_key)
    domain, type_, sub_type = (str(number) for number in product) if product else ("", "", "")
    topo = {
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
    return topo | ({"domain": product[0]} if product else {})


def _place(device: dict[str, Any] | None) -> tuple[Any, ...] | None:
    """What Pilot shows of a device's place in the topology."""
    if device is None:
        return None
    return tuple(device.get(key) for key in ("online", "gateway_sn", "callsign", "model_key"))


def _position(values: dict[str, Any]) -> dict[str, float]:
    """What Pilot's map shows; nothing without a fix, which devices report as 0/0 or as impossible coordinates."""
    numbers = {key: values[key] for key in POSITION if _is_number(values.get(key))}
    latitude, longitude = numbers.get("latitude"), numbers.get("longitude")
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return {}
    return numbers if abs(latitude) <= 90 and abs(longitude) <= 180 else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _with_payloads(values: dict[str, Any]) -> dict[str, Any]:
    """Clients look for the payloads in a list, too; the aircraft names each by its index, such as `99-0-0`."""
    payloads = [
        {"payload_index": key, **value}
        for key, value in values.items()
        if products.parse_model_key(key) and isinstance(value, dict)
    ]
    return {"payloads": payloads, **values} if payloads else values


def _readable(values: dict[str, msgspec.Raw]) -> dict[str, Any]:
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


def _frame(biz_code: str, at: int, data: dict[str, Any]) -> str:
    return _encode({"biz_code": biz_code, "version": VERSION, "timestamp": at, "data": data}).decode()
