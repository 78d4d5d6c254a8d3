"""Live state as the Cloud API's WebSocket tells it.

Pilot gets the position of every device at a steady rate, and is told to ask for the topology again. Web clients get the
OSD itself: aircraft and controllers whole, docks in the fragments in which they came, since clients file a fragment by
the keys that it has.
"""

from collections.abc import Iterable
from typing import Any

from devices import dji_frames, dji_reading
from devices.dji_reading import Fragment, Update, Value


class View:
    """What one socket knows of its workspace. Feed it the frames of `devices.live`, send what it returns."""

    def __init__(self, *, is_pilot: bool) -> None:
        self._is_pilot = is_pilot
        self._devices: dict[str, dict[str, Any]] = {}
        self._values: dict[str, dict[str, Value]] = {}
        self._with_news: set[str] = set()

    def snapshot(self, frame: str) -> None:
        """Learn the whole workspace; nothing is sent, since clients ask for the list by HTTP."""
        for update in dji_reading.read(frame).updates:
            self._learn(update)
            self._with_news.add(update.sn)

    def delta(self, frame: str) -> list[str]:
        """Frames for what came, went or moved between gateways; values wait for `osd`. Docks' messages go on."""
        read = dji_reading.read_once(frame)
        frames = [] if self._is_pilot else [_fragment(fragment, read.at) for fragment in read.fragments]
        topology_changed = False
        for update in read.updates:
            before = self._devices.get(update.sn)
            after = self._learn(update)
            frames += self._presence(update.sn, before or {}, after or {}, read.at)
            topology_changed |= _place(before) != _place(after)
        if topology_changed and self._is_pilot:
            frames.append(dji_frames.frame("device_update_topo", read.at, {}))
        return frames

    def osd(self, now: int) -> list[str]:
        """The frames of a tick (`now`: our clock, ms)."""
        due = self._devices.keys() if self._is_pilot else self._with_news & self._devices.keys()
        frames = [text for sn in sorted(due) if self._devices[sn].get("online") for text in self._osd(sn, now)]
        self._with_news = set()
        return frames

    def _learn(self, update: Update) -> dict[str, Any] | None:
        """Take an update in; the device as it is then, None if it is not there."""
        sn = update.sn
        if "removed" in update.described:
            self._devices.pop(sn, None)
            self._values.pop(sn, None)
            return None
        if sn not in self._devices and "kind" not in update.described:
            return None  # values of a device that has just left
        self._devices[sn] = self._devices.get(sn, {}) | update.described
        if update.values is not None:
            self._values.setdefault(sn, {}).update(update.values)
            self._with_news.add(sn)
        return self._devices[sn]

    def _presence(self, sn: str, before: dict[str, Any], after: dict[str, Any], at: int) -> Iterable[str]:
        if after.get("online") and not before.get("online"):
            yield dji_frames.frame("device_online", at, dji_frames.topo(after))
        elif before.get("online") and not after.get("online"):
            yield dji_frames.frame("device_offline", at, {"sn": sn, "online_status": False})

    def _osd(self, sn: str, now: int) -> Iterable[str]:
        values, kind = self._values.get(sn, {}), self._devices[sn].get("kind")
        if self._is_pilot:
            if position := dji_frames.position(values):
                yield dji_frames.frame("device_osd", now, {"sn": sn, "host": position})
        elif values and kind != "dock":
            host = dji_frames.host(values, with_payloads=kind != "controller")
            biz_code = "gateway_osd" if kind == "controller" else "device_osd"
            yield dji_frames.frame(biz_code, now, {"sn": sn, "host": host})


def _fragment(fragment: Fragment, at: int) -> str:
    return dji_frames.frame("dock_osd", at, {"sn": fragment.sn, "host": fragment.host})


def _place(device: dict[str, Any] | None) -> tuple[Any, ...] | None:
    """What Pilot shows of a device's place in the topology."""
    if device is None:
        return None
    return tuple(device.get(key) for key in ("online", "gateway_sn", "callsign", "model_key"))
