"""A dock: configuration, binding with a code, topology, three-part OSD, and a flight every now and then."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from . import gateway_osd
from .device import Device
from .envelope import ZERO_ID, Ids
from .flight import Phase
from .options import Options


@dataclass(slots=True)
class DockOptions(Options):
    """`organization_id` and `bind_code` are what the operator types into Pilot beside the dock's account."""

    organization_id: str = ""
    bind_code: str = field(default="", repr=False)
    callsign: str = ""


class Dock(Device):
    domain = "3"
    aircraft_lives_in_dock = True
    options: DockOptions
    #: Why the platform would not bind, for who started the simulator.
    refusal: str | None = None
    bound = False

    async def start(self) -> None:
        """Order of the dock's access page: config, bind status, and the organization only while unbound."""
        await self._config()
        self.bound = await self._is_bound()
        if self.bound:
            self.refusal = None
        elif not (self.options.organization_id and self.options.bind_code):
            self.say("binding … no organization id and binding code given; the dock stays unbound")
        elif await self._organization():
            await self._bind()

    async def _config(self) -> None:
        data = _struct(await self.request("config", {"config_type": "json", "config_scope": "product"}))
        if "app_id" in data:
            secrets = " ".join(f"{name}={'given' if data.get(name) else '-'}" for name in ("app_key", "app_license"))
            ntp = f"{data.get('ntp_server_host')}:{data.get('ntp_server_port')}"
            self.say(f"config ✓ app_id={data['app_id']} {secrets} ntp={ntp}")
        else:
            self.say(f"config ✗ result={data.get('result')}")

    async def _is_bound(self) -> bool:
        asked = [self.sn, self.aircraft.sn]
        data = _struct(await self.request("airport_bind_status", {"devices": [{"sn": sn} for sn in asked]}))
        entries = _struct(data.get("output")).get("bind_status") or []
        bound = {entry.get("sn"): entry.get("is_device_bind_organization") for entry in map(_struct, entries)}
        words = ", ".join(f"{sn} {'bound' if bound.get(sn) else 'unbound'}" for sn in asked)
        names = sorted({str(_struct(entry).get("organization_name") or "") for entry in entries} - {""})
        self.say(f"airport_bind_status {_mark(data)} {words}{' to ' + ', '.join(names) if names else ''}")
        return all(bound.get(sn) for sn in asked)

    async def _organization(self) -> bool:
        data = _struct(
            await self.request(
                "airport_organization_get",
                {"device_binding_code": self.options.bind_code, "organization_id": self.options.organization_id},
            )
        )
        name = _struct(data.get("output")).get("organization_name")
        self.say(f"airport_organization_get {_mark(data)} {name or ''}".rstrip())
        if data.get("result") != 0:
            self.refusal = f"airport_organization_get was refused: {data.get('result')}"
        return data.get("result") == 0

    async def _bind(self) -> None:
        callsign = self.options.callsign or self.sn
        devices = [
            (self.sn, callsign, self.options.model_key),
            (self.aircraft.sn, f"{callsign} aircraft", self.aircraft.model_key),
        ]
        wanted = [
            {
                "device_binding_code": self.options.bind_code,
                "organization_id": self.options.organization_id,
                "device_callsign": name,
                "sn": sn,
                "device_model_key": model_key,
            }
            for sn, name, model_key in devices
        ]
        data = _struct(await self.request("airport_organization_bind", {"bind_devices": wanted}))
        infos = [_struct(info) for info in _struct(data.get("output")).get("err_infos") or []]
        codes = {info.get("sn"): info.get("err_code") for info in infos}
        self.bound = data.get("result") == 0 and all(codes.get(sn) == 0 for sn, _, _ in devices)
        words = ", ".join(f"{sn} err_code={code}" for sn, code in codes.items())
        self.say(f"airport_organization_bind {'✓' if self.bound else '✗'} result={data.get('result')} {words}".rstrip())
        self.refusal = None if self.bound else f"airport_organization_bind was refused: {words or data.get('result')}"

    async def report(self) -> None:
        """About two messages a second in all, in three shapes."""
        zero = Ids(ZERO_ID, ZERO_ID)
        self.tell(self.sn, "state", gateway_osd.state(self.aircraft, self.sn), zero)
        async with asyncio.TaskGroup() as tasks:
            for part in (self._status(), self._work(), self._wireless(), self._tasks()):
                tasks.create_task(part)

    async def _status(self) -> None:
        async for _ in self.every(1.0):
            home = self.options.home
            self.tell(self.sn, "osd", gateway_osd.dock_status(self.aircraft, self.moment, home, self.present))

    async def _work(self) -> None:
        async for _ in self.every(2.0):
            self.tell(self.sn, "osd", gateway_osd.dock_work(self.moment))

    async def _wireless(self) -> None:
        async for _ in self.every(2.0):
            self.tell(self.sn, "osd", gateway_osd.dock_link(self.moment, self.present))

    async def _tasks(self) -> None:
        """Around a flight: what a dock asks before take-off, and the progress that it reports."""
        phase = self.moment.phase
        async for _ in self.every(1.0):
            before, phase = phase, self.moment.phase
            if phase is before or not self.present:
                continue
            self.say(f"flight … {phase}")
            if phase is Phase.PREPARE:
                # Unanswered, each of them holds the take-off back by about 40 s.
                for method in ("flight_areas_get", "offline_map_get"):
                    self.say(f"{method} {_mark(_struct(await self.request(method, None)))}")
            if phase in (Phase.SURVEY, Phase.RECOVER):
                self._progress(done=phase is Phase.RECOVER)

    def _progress(self, done: bool) -> None:
        output = {
            "status": "ok" if done else "in_progress",
            "progress": {"current_step": 19 if done else 15, "percent": 100 if done else 20},
            "ext": {"current_waypoint_index": 0, "media_count": 0, "flight_id": f"flight-{self.moment.sorties}"},
        }
        self.tell(self.sn, "events", {"result": 0, "output": output}, method="flighttask_progress")


def _struct(value: Any) -> dict[str, Any]:
    """A reply is as little to be trusted as any other message."""
    return value if isinstance(value, dict) else {}


def _mark(data: dict[str, Any]) -> str:
    return f"{'✓' if data.get('result') == 0 else '✗'} result={data.get('result')}"
