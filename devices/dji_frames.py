"""Live state as the Cloud API's WebSocket tells it: `{biz_code, version, timestamp, data}`.

Pilot gets the position of every device at a steady rate, and is told to ask for the topology again. Web clients get the
OSD itself: aircraft and controllers whole, docks in the fragments in which they came, since clients file a fragment by
the keys that it has.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

POSITION = ("latitude", "longitude", "height", "attitude_head", "elevation", "horizontal_speed", "vertical_speed")
VERSION = "1.0"
_encode = msgspec.json.Encoder().encode


class View:
    """What one socket knows of its workspace. Feed it the frames of `devices.live`, send what it returns."""

    def __init__(self, *, is_pilot: bool) -> None:
        self._is_pilot = is_pilot
        self._devices: dict[str, dict[str, Any]] = {}
        self._with_news: set[str] = set()

    def snapshot(self, frame: str) -> None:
        """Learn the whole workspace; nothing is sent, since clients ask for the list by HTTP."""
        for device in msgspec.json.decode(frame)["devices"]:
            self._devices[device["sn"]] = device
            self._with_news.add(device["sn"])

    def delta(self, frame: str) -> list[str]:
        """Frames for what came, went or moved between gateways; values wait for `osd`."""
        decoded = msgspec.json.decode(frame)
        if decoded["type"] == "fragments":
            return [] if self._is_pilot else list(self._fragments(decoded))
        return [text for update in decoded["devices"] for text in self._apply(update, decoded["at"])]

    def osd(self, now: int) -> list[str]:
        """The frames of a tick (`now`: our clock, ms)."""
        due = self._devices if self._is_pilot else self._with_news
        frames = [text for sn in sorted(due) for text in self._osd(sn, now)]
        self._with_news = set()
        return frames

    def _apply(self, update: dict[str, Any], at: int) -> Iterable[str]:
        sn = update["sn"]
        if update.get("removed"):
            self._with_news.discard(sn)
            if self._devices.pop(sn, None) is not None:
                yield _frame("device_offline", at, {"sn": sn, "online_status": False})
                yield from self._topology_changed(at)
            return
        before = self._devices.get(sn, {})
        if not before and "kind" not in update:
            return  # values of a device that has just left
        values = before.get("values", {}) | update.get("values", {})
        device = self._devices[sn] = before | update | {"values": values}
        if "values" in update:
            self._with_news.add(sn)
        if device.get("online") != before.get("online"):
            yield self._presence(device, at)
        if any(device.get(field) != before.get(field) for field in ("online", "gateway_sn", "callsign")):
            yield from self._topology_changed(at)

    def _presence(self, device: dict[str, Any], at: int) -> str:
        if not device.get("online"):
            return _frame("device_offline", at, {"sn": device["sn"], "online_status": False})
        domain, type_, sub_type = [*device.get("model_key", "").split("-"), "", "", ""][:3]
        topo = {
            "sn": device["sn"],
            "device_callsign": device.get("callsign") or device.get("model") or device["sn"],
            "device_model": {
                "key": device.get("model_key", ""),
                "device_model_key": device.get("model_key", ""),
                "domain": domain,
                "type": type_,
                "sub_type": sub_type,
            },
            "model": device.get("model", ""),
            "online_status": True,
            "bound_status": True,
            "user_id": "",
            "user_callsign": device.get("callsign", ""),
            "icon_urls": {"normal_icon_url": "", "selected_icon_url": ""},
            "gateway_sn": device.get("gateway_sn") or "",
        }
        return _frame("device_online", at, topo | ({"domain": int(domain)} if domain else {}))

    def _topology_changed(self, at: int) -> Iterable[str]:
        if self._is_pilot:
            yield _frame("device_update_topo", at, {})

    def _osd(self, sn: str, now: int) -> Iterable[str]:
        device = self._devices.get(sn)
        if device is None or not device.get("online"):
            return
        values = without_nulls(device.get("values", {}))
        if self._is_pilot:
            position = {key: values[key] for key in POSITION if isinstance(values.get(key), int | float)}
            if "latitude" in position and "longitude" in position:
                yield _frame("device_osd", now, {"sn": sn, "host": position})
        elif values and device.get("kind") != "dock":
            biz_code = "gateway_osd" if device.get("kind") == "controller" else "device_osd"
            yield _frame(biz_code, now, {"sn": sn, "host": values})

    def _fragments(self, decoded: dict[str, Any]) -> Iterable[str]:
        for fragment in decoded["devices"]:
            yield _frame("dock_osd", decoded["at"], {"sn": fragment["sn"], "host": without_nulls(fragment["data"])})


def without_nulls(value: Any) -> Any:
    """Existing clients read fields without looking, so a field without a value is left out."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


def _frame(biz_code: str, at: int, data: dict[str, Any]) -> str:
    return _encode({"biz_code": biz_code, "version": VERSION, "timestamp": at, "data": data}).decode()
