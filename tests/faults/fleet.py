"""Simulated docks, hundreds of them in one thread. Each knows what is true of it and tells the watch."""

import asyncio
import json
import random
import threading
import time
import uuid
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

from tests.faults.mqtt import Link
from tests.faults.watch import Watch

TELEMETRY_SECONDS = 2.0
#: A dock waits so long for an answer before it asks again.
PATIENCE = 10.0


@dataclass(frozen=True)
class Account:
    """A dock's account, and how it binds itself."""

    sn: str
    password: str
    organization_id: str
    bind_code: str


@dataclass
class Asked:
    """One thing that a dock wants answered, and the moments (time.monotonic) at which it tried."""

    sn: str
    method: str
    tries: list[float] = field(default_factory=list)
    refusals: list[Any] = field(default_factory=list)
    answered_at: float | None = None

    def __str__(self) -> str:
        answered = f"after {self.answered_at - self.tries[0]:.1f} s" if self.answered_at is not None else "never"
        return f"{self.method} of {self.sn}, answered {answered}, {len(self.tries)} tries, refused {self.refusals[-3:]}"


class Fleet:
    """The loop of all docks and of the watch, in a thread of its own."""

    def __init__(self, host: str, port: int, watch: Watch) -> None:
        self.host, self.port, self.watch = host, port, watch
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="fleet", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        async def cancel() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def begin(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, Any], seconds: float = 120) -> Any:
        return self.begin(work).result(seconds)


class Dock:
    """A dock with one aircraft. It reconnects by itself until it leaves, and then says its topology again."""

    def __init__(self, fleet: Fleet, account: Account, aircraft: str) -> None:
        self.account, self.sn, self.aircraft = account, account.sn, aircraft
        self.asked: list[Asked] = []
        self.bound = False
        self.has_aircraft = True
        self.wanted = self.gone = False
        self.connected_at: list[float] = []
        self.reporting: asyncio.Task[None] | None = None
        self.watch = fleet.watch
        self._fleet = fleet
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._link: Link | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        # One at a time: asking again with what was true before the last one would take it back.
        self._saying_topology = asyncio.Lock()

    @property
    def is_connected(self) -> bool:
        return self._link is not None and self._link.is_open

    # --- connection ---------------------------------------------------------------------------------------------------
    async def connect(self, keepalive: int = 30) -> None:
        """Connect; tries until it is accepted. One that has left does not come back."""
        self.wanted = not self.gone
        filters = (f"thing/product/{self.sn}/requests_reply", f"sys/product/{self.sn}/status_reply")
        while self.wanted:
            link = Link(self.sn, self.account.password, self._take, self._lost)
            try:
                await link.open(self._fleet.host, self._fleet.port, filters, keepalive)
            except (OSError, TimeoutError):
                link.abort()
                await asyncio.sleep(random.uniform(0.3, 1.5))
                continue
            if not self.wanted:
                link.leave()
                return
            self._link = link
            self.connected_at.append(time.monotonic())
            return

    def leave(self, how: str = "clean") -> None:
        """Go for good: "clean" with a good-bye, "fin" or "reset" without."""
        self.gone = True
        self.drop(how)
        self.watch.expect(self.sn, False)
        self.watch.expect(self.aircraft, False)

    def drop(self, how: str = "clean") -> None:
        """Lose the connection, for a moment that nobody may notice."""
        self.wanted = False
        if self._link is not None:
            if how == "clean":
                self._link.leave()
            else:
                self._link.abort(reset=how == "reset")
        self._link = None

    def _lost(self) -> None:
        if self.wanted:
            self._reconnecting = asyncio.get_running_loop().create_task(self._come_back())

    async def _come_back(self) -> None:
        await asyncio.sleep(random.uniform(0.1, 1.0))
        await self.connect()
        if self.bound and self.wanted:
            await self.say_topology()

    # --- messages -----------------------------------------------------------------------------------------------------
    def report(self) -> None:
        """OSD of the dock and of its aircraft."""
        if self._link is None or not self._link.is_open:
            return
        for sn in (self.sn, self.aircraft) if self.has_aircraft and self.bound else (self.sn,):
            self._link.send(f"thing/product/{sn}/osd", self._message(data={"height": random.random(), "mode_code": 1}))

    async def keep_reporting(self, every: float = TELEMETRY_SECONDS) -> None:
        await asyncio.sleep(random.uniform(0, every))
        while self.wanted:
            self.report()
            await asyncio.sleep(every)

    async def bind(self) -> None:
        """Ask until the platform says that dock and aircraft are bound."""
        devices = [
            {"sn": sn, "device_binding_code": self.account.bind_code, "organization_id": self.account.organization_id,
             "device_callsign": sn[-4:], "device_model_key": model}
            for sn, model in ((self.sn, "3-2-0"), (self.aircraft, "0-91-0"))
        ]  # fmt: skip
        await self.insist("thing/product/{}/requests", "airport_organization_bind", {"bind_devices": devices})
        self.bound = self.bound or self.wanted

    async def say_topology(self, *, aircraft: bool | None = None) -> None:
        """Tell the platform until it has confirmed."""
        async with self._saying_topology:
            await self._say_topology(self.has_aircraft if aircraft is None else aircraft)

    async def _say_topology(self, said: bool) -> None:
        self.has_aircraft = said
        if self.watch.truth.get(self.aircraft, (None, 0))[0] is not said:
            self.watch.expect(self.aircraft, None)
        sub = {"sn": self.aircraft, "domain": 0, "type": 91, "sub_type": 0, "index": "A"}
        data = {"domain": 3, "type": 2, "sub_type": 0, "sub_devices": [sub] if said else []}
        await self.insist("sys/product/{}/status", "update_topo", data)
        if self.wanted:
            self.watch.expect(self.sn, True)
            self.watch.expect(self.aircraft, said)

    async def insist(self, topic: str, method: str, data: Any) -> None:
        """Ask, and ask again after `PATIENCE` or a refusal, until it is done or the dock has left."""
        asked = Asked(self.sn, method)
        self.asked.append(asked)
        ids: dict[str, Any] = {}
        while self.wanted:
            if not self.is_connected:
                await asyncio.sleep(0.1)
                continue
            ids = ids or {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4())}
            asked.tries.append(time.monotonic())
            answer = await self._ask(topic.format(self.sn), {**ids, "method": method, "data": data})
            if answer is not None and _is_good(answer):
                asked.answered_at = time.monotonic()
                return
            if answer is not None:
                asked.refusals.append(answer)
                ids = {}
                await asyncio.sleep(1)
        self.asked.remove(asked)  # it left, so it waits for nothing

    async def _ask(self, topic: str, message: dict[str, Any]) -> Any:
        future = self._waiting[message["tid"]] = asyncio.get_running_loop().create_future()
        link = self._link
        assert link is not None
        try:
            await link.publish(topic, self._message(**message))
            return await asyncio.wait_for(future, PATIENCE)
        except (OSError, TimeoutError):
            return None

    def _message(self, **more: Any) -> bytes:
        ids = {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4()), "timestamp": time.time_ns() // 1_000_000}
        return json.dumps({**ids, "gateway": self.sn, **more}).encode()

    def _take(self, _topic: str, payload: bytes) -> None:
        body = json.loads(payload)
        future = self._waiting.pop(body.get("tid"), None)
        if future is not None and not future.done():
            future.set_result(body["data"])


def _is_good(answer: dict[str, Any]) -> bool:
    infos = answer.get("output", {}).get("err_infos", [])
    return answer["result"] == 0 and all(info["err_code"] == 0 for info in infos)
