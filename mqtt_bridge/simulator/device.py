"""What docks and controllers have in common: they report their topology, and carry an aircraft."""

import asyncio
from collections.abc import Callable

from . import aircraft_osd
from .aircraft_osd import Aircraft
from .envelope import Body, Ids, downlinks, status_topic, thing_topic
from .flight import Flight, Moment, Plan
from .gateway import LONGEST_WAIT, Gateway
from .options import Options

#: Seconds between two OSD of an aircraft, two `state` that wait for their reply, two summaries.
OSD_EVERY, STATE_AGAIN, SUMMARY_EVERY = 2.0, 8.0, 30.0


class Device(Gateway):
    """A gateway with its aircraft."""

    domain: str
    plan = Plan()
    aircraft_lives_in_dock: bool

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        super().__init__(options, say)
        self.aircraft = Aircraft(options.aircraft_sn, options.aircraft_model_key, self.aircraft_lives_in_dock)
        self.flight = Flight(options.home, options.seed, self.plan)

    async def session(self) -> None:
        self.connected = True
        account = f" as {self.options.endpoint.username}" if self.options.endpoint.username else ""
        self.say(f"connect ✓ {self.options.endpoint.host}:{self.options.endpoint.port}{account}")
        await self.subscribe(downlinks(self.sn))
        await self.start()
        async with asyncio.TaskGroup() as tasks:
            for telemetry in (self.report(), self._topology(), self._summary()):
                tasks.create_task(telemetry)

    async def start(self) -> None:
        """The steps before the first topology update."""

    async def report(self) -> None:
        """The gateway's own telemetry, for ever."""
        raise NotImplementedError

    @property
    def moment(self) -> Moment:
        ahead = self.options.head_start * self.flight.cycle_seconds
        return self.flight.at(ahead + self.seconds * self.options.speedup)

    @property
    def present(self) -> bool:
        """Whether the aircraft belongs to the topology now."""
        leaves, away = self.options.leave_after, self.options.return_after
        if leaves is None or self.seconds < leaves:
            return True
        return away is not None and self.seconds >= leaves + away

    # --- the aircraft -------------------------------------------------------------------------------------------------
    async def _topology(self) -> None:
        """Keeps the topology true; the aircraft speaks only while the platform has accepted it."""
        while True:
            present = self.present
            accepted = await self._update_topo(present)
            self.attempt = 0
            async with asyncio.TaskGroup() as tasks:
                aircraft = tasks.create_task(self._fly()) if present and accepted else None
                retry = None if accepted else self.seconds + LONGEST_WAIT
                async for _ in self.every(0.2):
                    if self.present != present or (retry is not None and self.seconds >= retry):
                        break
                if aircraft:
                    aircraft.cancel()

    async def _update_topo(self, present: bool) -> bool:
        _, kind, sub_kind = (int(part) for part in self.options.model_key.split("-"))
        data = {
            "domain": self.domain,
            "type": kind,
            "sub_type": sub_kind,
            "device_secret": f"{self.random.getrandbits(128):032x}",
            "nonce": f"{self.random.getrandbits(128):032x}",
            "thing_version": "1.1.2",
            "sub_devices": self._sub_devices() if present else [],
        }
        reply = await self.ask(status_topic(self.sn), "update_topo", data)
        result = reply.get("result") if isinstance(reply, dict) else None
        aircraft = f"aircraft {self.aircraft.sn}" if present else "no aircraft (sub_devices is empty)"
        self.say(f"update_topo {'✓' if result == 0 else '✗'} result={result} {aircraft}")
        return result == 0

    def _sub_devices(self) -> list[Body]:
        models = {self.aircraft.sn: self.aircraft.model_key}
        if "unknown" in self.options.misbehaviour.kinds:
            models[f"{self.aircraft.sn}X"] = "0-9999-7"
        return [
            {
                "sn": sn,
                "domain": model_key.split("-")[0],
                "type": int(model_key.split("-")[1]),
                "sub_type": int(model_key.split("-")[2]),
                "index": index,
                "device_secret": f"{self.random.getrandbits(128):032x}",
                "nonce": f"{self.random.getrandbits(128):032x}",
                "thing_version": "1.1.2",
            }
            for index, (sn, model_key) in zip("AB", models.items(), strict=False)
        ]

    async def _fly(self) -> None:
        await self.subscribe([thing_topic(self.aircraft.sn, kind) for kind in ("state_reply", "events_reply")])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._aircraft_osd())
            tasks.create_task(self._aircraft_state())

    async def _aircraft_osd(self) -> None:
        async for _ in self.every(OSD_EVERY):
            self.tell(self.aircraft.sn, "osd", self.aircraft_report(self.moment))

    def aircraft_report(self, moment: Moment) -> Body:
        return aircraft_osd.osd(self.aircraft, moment)

    async def _aircraft_state(self) -> None:
        """Wants a reply, and says the same again under the same ids until it comes."""
        home = (self.options.home.latitude, self.options.home.longitude)
        ids = Ids()
        with self.link.expecting(ids.tid, ids.bid) as reply:
            while not reply.done():
                self.tell(self.aircraft.sn, "state", aircraft_osd.state(home), ids, need_reply=1)
                await asyncio.wait([reply], timeout=STATE_AGAIN)
        data = reply.result().get("data")
        self.say(f"state_reply ✓ result={data.get('result') if isinstance(data, dict) else data}")

    async def _summary(self) -> None:
        async for _ in self.every(SUMMARY_EVERY):
            if self.sent:
                sent = ", ".join(f"{count} {kind}" for kind, count in sorted(self.sent.items()))
                self.say(f"telemetry ✓ {sent}; {self._where()}")
                self.sent.clear()

    def _where(self) -> str:
        moment = self.moment
        if not self.present:
            return "aircraft away"
        place = (
            f"{moment.latitude:.5f}/{moment.longitude:.5f} {moment.elevation:.0f} m {moment.horizontal_speed:.0f} m/s"
            if moment.airborne
            else "on the ground"
        )
        others = f"; {self.link.unexpected_replies} other replies" if self.link.unexpected_replies else ""
        return f"{moment.phase}, {place}, battery {moment.battery:.0f} %{others}"
