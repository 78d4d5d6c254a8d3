"""The load generator: gateways that publish OSD with QoS 0 at a steady rate, in a process of its own (uvloop).

Reads its task as JSON from standard input (`host`, `port`, `gateways` as bench.rows prints them, then one line of JSON
per run: `{"rate": messages per second, "seconds": s}`) and prints one line of JSON per run. Packets are made from
ready parts, so a message costs a few microseconds; each run says how far behind the plan it was at most.
"""

import asyncio
import json
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

import uvloop

from bench.frames import templates
from bench.mqtt import Connection, publish_header

#: Seconds between two batches of messages.
STEP = 0.002
#: Bytes of the two stamps in a packet.
STAMPS = 13 + 16
CONNECTS_PER_SECOND = 500


@dataclass(slots=True)
class Sender:
    """One device: its packets in parts, and the connection of its gateway."""

    connection: Connection
    parts: list[tuple[bytes, bytes, bytes]]
    turn: int = 0

    def send(self, now_us: int) -> None:
        before, middle, after = self.parts[self.turn]
        self.turn = (self.turn + 1) % len(self.parts)
        self.connection.write(b"%b%d%b%016d%b" % (before, now_us // 1000, middle, now_us, after))


async def connect(task: dict[str, Any]) -> list[Sender]:
    parts = templates()
    senders = []
    for number, gateway in enumerate(task["gateways"]):
        connection = Connection(gateway["sn"], gateway["username"], gateway["password"])
        await connection.open(task["host"], task["port"])
        for sn in gateway["devices"]:
            topic = task["topic"].format(sn=sn)
            packets = [(publish_header(topic, len(a + b + c) + STAMPS) + a, b, c) for a, b, c in parts]
            senders.append(Sender(connection, packets, number % len(parts)))
        await asyncio.sleep(1 / CONNECTS_PER_SECOND)
    return senders


async def run(senders: list[Sender], rate: float, seconds: float) -> dict[str, Any]:
    """Send at a steady rate; every device gets its turn before the first has its second."""
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    began = time.monotonic()
    sent, latest = 0, 0.0
    total = int(rate * seconds)
    while sent < total:
        due = min(total, int((time.monotonic() - began) * rate) + 1)
        while sent < due:
            senders[sent % len(senders)].send(time.time_ns() // 1000)
            sent += 1
        plan = began + sent / rate
        latest = max(latest, time.monotonic() - plan)
        await asyncio.sleep(max(STEP, plan - time.monotonic()))
    waiting = sum(sender.connection.waiting() for sender in senders[:: max(1, len(senders) // 500)])
    took = time.monotonic() - began
    now = resource.getrusage(resource.RUSAGE_SELF)
    used = now.ru_utime + now.ru_stime - cpu.ru_utime - cpu.ru_stime
    return {
        "sent": sent,
        "seconds": round(took, 3),
        "rate": round(sent / took, 1),
        "late_ms": round(latest * 1000, 1),
        "unsent_bytes": waiting,
        "cpu_us_per_message": round(used / sent * 1e6, 1),
        "cpu_share": round(used / took, 3),
    }


async def main() -> None:
    loop = asyncio.get_running_loop()
    task = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    senders = await connect(task)
    print(json.dumps({"pid": os.getpid(), "senders": len(senders)}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wanted = json.loads(line)
        print(json.dumps(await run(senders, wanted["rate"], wanted["seconds"])), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
