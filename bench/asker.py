"""Docks that ask: requests at a steady rate, each with an id of its own, and how long each answer took.

Reads its task as JSON from standard input (`host`, `port`, `gateways`), then a line per run: `{"rate", "seconds"}` for
`airport_bind_status` requests, or `{"storm": true}`: all connections are cut, and every gateway connects again and
tells its topology once. One line of JSON answers each.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from bench.figures import percentiles
from bench.mqtt import Connection

#: An answer that takes longer counts as none.
PATIENCE = 20.0
#: When all ask at once.
STORM_PATIENCE = 120.0


class Dock:
    def __init__(self, account: dict[str, Any], answered: dict[str, float]) -> None:
        self.sn = account["sn"]
        self._account = account
        self._answered = answered
        self._connection: Connection | None = None

    async def connect(self, host: str, port: int) -> None:
        self._connection = Connection(self.sn, self.sn, self._account["password"], self._arrived)
        await self._connection.open(host, port)
        await self._connection.subscribe(f"thing/product/{self.sn}/requests_reply", 1)
        await self._connection.subscribe(f"sys/product/{self.sn}/status_reply", 1)

    def cut(self) -> None:
        assert self._connection is not None
        self._connection.cut()

    def ask(self, number: int, *, topology: bool = False) -> str:
        """Send a request with QoS 1; returns its id."""
        assert self._connection is not None
        tid = f"{self.sn}-{number}"
        if topology:
            plane = self._account["devices"][-1]
            sub = {"sn": plane, "domain": 0, "type": 91, "sub_type": 1, "index": "A"}
            topic, method = f"sys/product/{self.sn}/status", "update_topo"
            data: dict[str, Any] = {"domain": 3, "type": 2, "sub_type": 0, "sub_devices": [sub]}
        else:
            topic, method = f"thing/product/{self.sn}/requests", "airport_bind_status"
            data = {"devices": [{"sn": self.sn}]}
        message = {"tid": tid, "bid": tid, "timestamp": int(time.time() * 1000), "method": method, "data": data}
        self._connection.publish(topic, json.dumps(message).encode(), number)
        return tid

    def _arrived(self, _topic: bytes, payload: bytes) -> None:
        self._answered[json.loads(payload)["tid"]] = time.monotonic()


async def run(docks: list[Dock], answered: dict[str, float], rate: float, seconds: float) -> dict[str, Any]:
    answered.clear()
    sent: dict[str, float] = {}
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(began + number / rate - time.monotonic())
        at = time.monotonic()
        sent[docks[number % len(docks)].ask(number)] = at
    return await figures(sent, answered)


async def figures(sent: dict[str, float], answered: dict[str, float], patience: float = PATIENCE) -> dict[str, Any]:
    until = time.monotonic() + patience
    while len(answered) < len(sent) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    took = [(answered[tid] - at) * 1000 for tid, at in sent.items() if tid in answered]
    return {"sent": len(sent), "answered": len(took), "ms": percentiles(took)}


async def storm(docks: list[Dock], answered: dict[str, float], task: dict[str, Any]) -> dict[str, Any]:
    answered.clear()
    for dock in docks:
        dock.cut()
    await asyncio.sleep(2.0)
    began = time.monotonic()
    sent: dict[str, float] = {}

    async def come_back(number: int, dock: Dock) -> None:
        while True:
            try:
                await asyncio.wait_for(dock.connect(task["host"], task["port"]), 10)
                break
            except (OSError, TimeoutError):
                await asyncio.sleep(0.5)
        sent[dock.ask(int(began) % 10_000 * 10 + number % 10, topology=True)] = time.monotonic()

    await asyncio.gather(*(come_back(number, dock) for number, dock in enumerate(docks)))
    connected = time.monotonic() - began
    found = await figures(sent, answered, STORM_PATIENCE)
    return {
        **found,
        "connected_s": round(connected, 2),
        "all_confirmed_s": round(max(answered.values(), default=began) - began, 2),
    }


async def main() -> None:
    loop = asyncio.get_running_loop()
    task = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    answered: dict[str, float] = {}
    docks = [Dock(account, answered) for account in task["gateways"]]
    for dock in docks:
        await dock.connect(task["host"], task["port"])
    print(json.dumps({"docks": len(docks)}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wanted = json.loads(line)
        if wanted.get("storm"):
            print(json.dumps(await storm(docks, answered, task)), flush=True)
        else:
            print(json.dumps(await run(docks, answered, wanted["rate"], wanted["seconds"])), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
