"""What a timeline entry says, as a sentence in the language of the reader. Details: see `devices.timeline`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from devices.clock_text import duration
from devices.models import Device, OfflineReason, TimelineEntry

_OWNER = re.compile(r"(?P<kind>code|user|gateway) (?P<who>\S+): (?P<workspace>.*)", re.DOTALL)
_SECONDS = re.compile(r"(?P<seconds>\d+(?:\.\d+)?) s(?: (?P<gateway>\S+))?")
_NAMING = ("online", "left_gateway", "gateway_offline", "disconnected", "joined_workspace", "moved_to_gateway")


@dataclass(frozen=True, slots=True)
class Teller:
    """Speaks about one device. `gateways`: those that its reader may know, by SN; another one stays unnamed."""

    sn: str
    gateways: Mapping[str, Device]

    def sentence(self, entry: TimelineEntry) -> str:
        """An event that this version does not know is said as it is stored, without its detail."""
        say: dict[str, Callable[[str], str]] = {
            "online": self._online,
            "left_gateway": self._left,
            "gateway_offline": self._with_gateway,
            "silent": self._silent,
            "disconnected": self._disconnected,
            "connection_lost": self._connection_lost,
            "reconnected": self._reconnected,
            "joined_workspace": self._joined,
            "released": self._released,
            "moved_to_gateway": self._moved,
        }
        return say[entry.event](entry.detail).strip() if entry.event in say else entry.event

    def _online(self, detail: str) -> str:
        how, _space, sn = detail.partition(" ")
        if how == "telemetry":
            return _("Came online: its messages arrive")
        if how == "topology" and sn == self.sn:
            return _("Came online: it connected and reported its topology")
        if how == "topology":
            return _("Came online: {gateway} reported it in its topology").format(gateway=self._gateway(sn))
        return _("Came online")

    def _left(self, detail: str) -> str:
        return _("Left: {gateway} reported a topology without it").format(gateway=self._gateway(detail))

    def _with_gateway(self, detail: str) -> str:
        sn, _space, why = detail.partition(" ")
        gateway = self._gateway(sn)
        if why == OfflineReason.SILENT:
            return _("Went offline with {gateway}, which fell silent").format(gateway=gateway)
        if why == OfflineReason.DISCONNECTED:
            return _("Went offline with {gateway}, which lost its connection to the broker").format(gateway=gateway)
        return _("Went offline with {gateway}").format(gateway=gateway)

    def _silent(self, detail: str) -> str:
        if (found := _SECONDS.fullmatch(detail)) is None:
            return _("Offline: {reason}").format(reason=OfflineReason.SILENT.label)
        return _("Offline: silent for {duration}").format(duration=_time(found))

    def _disconnected(self, detail: str) -> str:
        if (found := _SECONDS.fullmatch(detail)) is None:
            return _("Offline: {reason}").format(reason=OfflineReason.DISCONNECTED.label)
        if found["gateway"]:
            gateway = self._gateway(found["gateway"])
            return _("Offline: {gateway} lost its connection to the broker").format(gateway=gateway)
        return _("Offline: its connection to the broker did not come back within {duration}").format(
            duration=_time(found)
        )

    def _connection_lost(self, _detail: str) -> str:
        grace = duration(settings.OFFLINE_AFTER_SECONDS * 1000)
        return _("Lost its connection to the broker; {duration} of grace").format(duration=grace)

    def _reconnected(self, detail: str) -> str:
        if (found := _SECONDS.fullmatch(detail)) is None:
            return _("Back, stayed online")
        return _("Back after {duration}, stayed online").format(duration=_time(found))

    def _joined(self, detail: str) -> str:
        if (found := _OWNER.fullmatch(detail)) is None:
            return _("Joined workspace {workspace}").format(workspace=detail)
        workspace = found["workspace"]
        if found["kind"] == "code":
            return _("Joined workspace {workspace} with a bind code").format(workspace=workspace)
        if found["kind"] == "user":
            return _("Joined workspace {workspace}, claimed by {user}").format(workspace=workspace, user=found["who"])
        gateway = self._gateway(found["who"])
        return _("Joined workspace {workspace} along with {gateway}").format(workspace=workspace, gateway=gateway)

    def _released(self, detail: str) -> str:
        if (found := _OWNER.fullmatch(detail)) is None:
            return _("Released from workspace {workspace}").format(workspace=detail)
        sentence = _("Released from workspace {workspace} by {user}")
        return sentence.format(workspace=found["workspace"], user=found["who"])

    def _moved(self, detail: str) -> str:
        return _("Changed its gateway: now behind {gateway}").format(gateway=self._gateway(detail))

    def _gateway(self, sn: str) -> str:
        gateway = self.gateways.get(sn)
        if gateway is None:
            return _("a gateway outside this workspace")
        name = gateway.callsign or gateway.sn
        if gateway.kind == "dock":
            return _("dock {name}").format(name=name)
        if gateway.kind == "controller":
            return _("controller {name}").format(name=name)
        return _("gateway {name}").format(name=name)


def gateways_named(entry: TimelineEntry) -> set[str]:
    """What may be the SN of a gateway in an entry's detail."""
    return set(entry.detail.replace(": ", " ").split(" ")[:3]) if entry.event in _NAMING else set()


def after_absence(sentence: str, milliseconds: int) -> str:
    return _("{sentence}, after {duration} offline").format(sentence=sentence, duration=duration(milliseconds))


def told_ms(entry: TimelineEntry) -> int:
    """The time that an entry's detail tells, 0 if none."""
    found = _SECONDS.fullmatch(entry.detail)
    return round(float(found["seconds"]) * 1000) if found else 0


def _time(found: re.Match[str]) -> str:
    return duration(float(found["seconds"]) * 1000)
