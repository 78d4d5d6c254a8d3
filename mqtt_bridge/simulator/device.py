"""What docks and controllers have in common: they stay connected, report their topology, and carry an aircraft."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from . import aircraft_osd
from .aircraft_osd import Aircraft
from .envelope import Body, Clock, Ids, downlinks, envelope, status_topic, thing_topic
from .flight import Flight, Home, Moment, Plan
from .link import Endpoint, Link, SessionEnded
from .misbehave import Misbehaviour

#: Seconds between two OSD of an aircraft, two `state` that wait for their reply, two summaries.
OSD_EVERY, STATE_AGAIN, SUMMARY_EVERY = 2.0, 8.0, 30.0
LONGEST_WAIT = 30.0
#: `result` of a command that the simulator does not carry out: "operation not supported".
NOT_SUPPORTED = 314000


@dataclass(slots=True)
class Options:
    """What a simulated gateway is told on its command line."""

    sn: str
    model_key: str
    aircraft_sn: str
    aircraft_model_key: str
    endpoint: Endpoint
    home: Home
    seed: int = 0
    speedup: float = 1.0
    #: How much of its first cycle (flight and charging, 0 to 1) lies behind the aircraft when it starts.
    head_start: float = 0.0
    #: Seconds until the aircraft leaves the topology, and how long it stays away (None: for good).
    leave_after: float | None = None
    return_after: float | None = None
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)


class Device:
    """A gateway with its aircraft. `run` ends only with CredentialsRefused or by cancelling."""

    domain: str
    plan = Plan()
    aircraft_lives_in_dock: bool

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self.options = options
        self.sn = options.sn
        self.clock = Clock(options.misbehaviour.skew_ms)
        self.aircraft = Aircraft(options.aircraft_sn, options.aircraft_model_key, self.aircraft_lives_in_dock)
        self.flight = Flight(options.home, options.seed, self.plan)
        self.say = say
        self.link: Link
        self.connected = False
        #: Telemetry, and requests with their repetitions, since the start.
        self.messages = 0
        self._random = random.Random(f"{options.seed} {options.sn}")
        self._started = asyncio.get_running_loop().time()
        self._sent: dict[str, int] = {}
        self._attempt = 0

    # --- connection ---------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        while True:
            self.link = Link(self.options.endpoint, self.sn, self.options.misbehaviour, self._command)
            try:
                await self.link.connect()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.link.watch())
                    tasks.create_task(self._session())
            except* SessionEnded as ended:
                self.say(f"connection ✗ {first(ended)}")
            finally:
                self.connected = False
                await self.link.close()
            # Jitter, or all the devices of a site come back in the same instant.
            delay = min(LONGEST_WAIT, 2.0**self._attempt) * self._random.uniform(0.5, 1.0)
            self._attempt += 1
            self.say(f"connection … again in {delay:.1f} s")
            await asyncio.sleep(delay)

    async def _session(self) -> None:
        self.connected = True
        account = f" as {self.options.endpoint.username}" if self.options.endpoint.username else ""
        self.say(f"connect ✓ {self.options.endpoint.host}:{self.options.endpoint.port}{account}")
        await self._subscribe(downlinks(self.sn))
        await self.start()
        async with asyncio.TaskGroup() as tasks:
            for telemetry in (self.report(), self._topology(), self._summary()):
                tasks.create_task(telemetry)

    async def start(self) -> None:
        """The steps before the first topology update."""

    async def report(self) -> None:
        """The gateway's own telemetry, for ever."""
        raise NotImplementedError

    async def _subscribe(self, topics: list[str]) -> None:
        for topic in await self.link.subscribe(topics):
            self.say(f"subscribe ✗ the broker refuses {topic}")

    # --- asking -------------------------------------------------------------------------------------------------------
    async def ask(self, topic: str, method: str, data: Any) -> Any:
        """The `data` of the reply. Raises NoReply or LinkLost."""
        ids = Ids()

        def body() -> Body:
            self.messages += 1
            return envelope(data, clock=self.clock, gateway_sn=self.sn, ids=ids, method=method)

        def silence(attempt: int) -> None:
            self.say(f"{method} … no reply to try {attempt}")

        reply = await self.link.ask(topic, body, silence)
        if reply.get("method", method) != method:
            self.say(f"{method} ! the reply says method {reply['method']!r}")
        return reply.get("data")

    async def request(self, method: str, data: Any) -> Any:
        return await self.ask(thing_topic(self.sn, "requests"), method, data)

    def tell(self, sn: str, kind: str, data: Any, ids: Ids | None = None, **more: Any) -> None:
        """Publishes osd, state or events of the gateway or of its aircraft."""
        self.link.publish(thing_topic(sn, kind), envelope(data, clock=self.clock, gateway_sn=self.sn, ids=ids, **more))
        key = f"{'gateway' if sn == self.sn else 'aircraft'} {kind}"
        self.messages += 1
        self._sent[key] = self._sent.get(key, 0) + 1

    def _command(self, topic: str, body: Body) -> None:
        """Services and property/set: answered, never carried out."""
        self.say(f"command ✗ {body.get('method', topic)}: not supported by the simulator")
        with contextlib.suppress(SessionEnded):
            reply: Body = {key: body[key] for key in ("tid", "bid", "method") if key in body}
            reply |= {"timestamp": self.clock.now_ms(), "gateway": self.sn, "data": {"result": NOT_SUPPORTED}}
            self.link.publish(f"{topic}_reply", reply)

    # --- time ---------------------------------------------------------------------------------------------------------
    @property
    def seconds(self) -> float:
        """Since the start, across reconnections."""
        return asyncio.get_running_loop().time() - self._started

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

    async def every(self, seconds: float) -> AsyncIterator[None]:
        """Ticks at a fixed rate, out of step with other devices."""
        loop = asyncio.get_running_loop()
        tick = loop.time() + self._random.uniform(0, seconds / 4)
        while True:
            await asyncio.sleep(max(0.0, tick - loop.time()))
            yield
            tick = max(tick + seconds, loop.time())

    # --- the aircraft -------------------------------------------------------------------------------------------------
    async def _topology(self) -> None:
        """Keeps the topology true; the aircraft speaks only while the platform has accepted it."""
        while True:
            present = self.present
            accepted = await self._update_topo(present)
            self._attempt = 0
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
            "device_secret": f"{self._random.getrandbits(128):032x}",
            "nonce": f"{self._random.getrandbits(128):032x}",
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
                "device_secret": f"{self._random.getrandbits(128):032x}",
                "nonce": f"{self._random.getrandbits(128):032x}",
                "thing_version": "1.1.2",
            }
            for index, (sn, model_key) in zip("AB", models.items(), strict=False)
        ]

    async def _fly(self) -> None:
        await self._subscribe([thing_topic(self.aircraft.sn, kind) for kind in ("state_reply", "events_reply")])
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
            if self._sent:
                sent = ", ".join(f"{count} {kind}" for kind, count in sorted(self._sent.items()))
                self.say(f"telemetry ✓ {sent}; {self._where()}")
                self._sent.clear()

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


def first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
