"""How long EMQX waits for an answer: logins and topics, from Valkey ("hit") and from the tables ("miss").

A private PostgreSQL, Valkey and Daphne, started as everywhere else; questions come over keep-alive connections, as from
EMQX's pool, in three ways: one after the other; eight at a time without a pause; and 100 a second on eight connections,
where the time counts from the moment that a question was due.
"""

import argparse
import asyncio
import json
import os
import platform as machine
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from cloudapi.platform import servers
from tests import environment
from tests.emqx import SECRET, authn, authz
from tests.platform import HOST, Platform
from tests.servers import PostgreSQL

RESULTS = Path(__file__).parent / "results"
CONNECTIONS = 8
PACED = 100.0
Question = tuple[str, bytes]


@contextmanager
def stage() -> Iterator[Platform]:
    """Valkey and Daphne, and a database; everything is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="cloudapi-bench-"))
    postgres = PostgreSQL()
    platform: Platform | None = None
    try:
        postgres.start()
        env = {"DATABASE_URL": postgres.create_database(), "MQTT_BROKER": "emqx", "EMQX_HTTP_SECRET": SECRET}
        no_broker = servers.Mosquitto("mosquitto", Path("not-started"))
        platform = Platform(directory, no_broker, STATIC_ROOT=str(directory / "static"), **env)
        platform.run("collectstatic", "--no-input", "-v", "0")
        platform.children["valkey"].start()
        platform.wait_ready("valkey")
        platform.children["web"].start()
        platform.wait_ready("web")
        yield platform
    finally:
        if platform is not None:
            platform.stop()
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


def accounts(platform: Platform, count: int) -> list[tuple[str, str]]:
    """User names and passwords of docks that have just been made."""
    workspace = platform.manage("create_organization", "Bench")["workspace_id"]
    sns = [f"BENCH{number:06}" for number in range(count)]
    made = platform.manage("add_gateway", *sns, "--model", "3-2-0", "--workspace", workspace)
    return [(row["mqtt_username"], row["mqtt_password"]) for row in made["gateways"]]


class Connection:
    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        return self

    async def ask(self, question: Question) -> None:
        """Raises RuntimeError for any answer but "allow"."""
        path, body = question
        self._writer.write(
            f"POST /internal/mqtt/{path} HTTP/1.1\r\nHost: web:8000\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await self._reader.readexactly(length)
        if b"200" not in head.split(b"\r\n")[0] or json.loads(answer)["result"] != "allow":
            raise RuntimeError(f"{path}: {head!r} {answer!r}")

    def close(self) -> None:
        self._writer.close()


async def at_once(port: int, questions: Sequence[Question], connections: int) -> list[float]:
    """Each connection asks its next question as soon as it has the answer to the last one; milliseconds."""
    waiting = list(reversed(questions))
    took: list[float] = []

    async def work(connection: Connection) -> None:
        while waiting:
            question = waiting.pop()
            began = time.perf_counter()
            await connection.ask(question)
            took.append((time.perf_counter() - began) * 1000)

    await _with_connections(port, connections, work)
    return took


async def paced(port: int, questions: Sequence[Question], connections: int = CONNECTIONS) -> list[float]:
    """Questions fall due at an even pace, and wait for a free connection if there is none; milliseconds since due."""
    due: asyncio.Queue[tuple[float, Question] | None] = asyncio.Queue()
    took: list[float] = []

    async def work(connection: Connection) -> None:
        while (item := await due.get()) is not None:
            await connection.ask(item[1])
            took.append((time.perf_counter() - item[0]) * 1000)

    async def clock() -> None:
        begin = time.perf_counter()
        for number, question in enumerate(questions):
            at = begin + number / PACED
            await asyncio.sleep(at - time.perf_counter())
            due.put_nowait((at, question))
        for _ in range(connections):
            due.put_nowait(None)

    await asyncio.gather(clock(), _with_connections(port, connections, work))
    return took


async def _with_connections(port: int, count: int, work: Callable[[Connection], Awaitable[None]]) -> None:
    connections = [await Connection(port).open() for _ in range(count)]
    try:
        await asyncio.gather(*map(work, connections))
    finally:
        for connection in connections:
            connection.close()


def figures(took: Sequence[float], seconds: float) -> dict[str, float]:
    ordered = sorted(took)
    at = {name: ordered[min(len(ordered) - 1, int(len(ordered) * part))] for name, part in _PARTS.items()}
    return {**{f"{name} ms": round(value, 2) for name, value in at.items()}, "per second": round(len(took) / seconds)}


_PARTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def measure(platform: Platform, rows: list[tuple[str, str]]) -> list[dict[str, Any]]:
    logins = [("authn", authn(username, password, username)) for username, password in rows]
    topics = [("authz", authz(name, "publish", f"thing/product/{name}/requests")) for name, _password in rows]
    ways: dict[str, Callable[[Sequence[Question]], Coroutine[Any, Any, list[float]]]] = {
        "1 connection": lambda questions: at_once(platform.http_port, questions, 1),
        f"{CONNECTIONS} connections": lambda questions: at_once(platform.http_port, questions, CONNECTIONS),
        f"{PACED:.0f}/s": lambda questions: paced(platform.http_port, questions),
    }
    result: list[dict[str, Any]] = []
    with redis.Redis.from_url(platform.redis_url) as valkey:
        for way, run in ways.items():
            for questions in (logins, topics):
                valkey.flushall()
                for kind in ("miss", "hit"):
                    began, cpu = time.perf_counter(), cpu_seconds(platform)
                    took = asyncio.run(run(questions))
                    cpu = cpu_seconds(platform) - cpu
                    row: dict[str, Any] = {"question": questions[0][0], "from": kind, "way": way, "count": len(took)}
                    row |= figures(took, time.perf_counter() - began)
                    result.append({**row, "cpu ms": round(cpu / len(took) * 1000, 2)})
                    print(" | ".join(f"{value!s:>14}" for value in result[-1].values()), flush=True)
    return result


def cpu_seconds(platform: Platform) -> float:
    """Of Daphne, so far: what an answer costs, however busy the machine is."""
    fields = Path(f"/proc/{platform.children['web'].pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def described() -> dict[str, Any]:
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "cpu": cpu,
        "kernel": machine.release(),
        "python": machine.python_version(),
        "load_average_before": os.getloadavg(),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="questions of each kind, and accounts (default 2000)")
    parser.add_argument("--name", default="emqx_auth", help="bench/results/NAME.json")
    asked = parser.parse_args()
    described_before = described()
    environment.prepare()  # what Django's settings need where no platform runs
    with stage() as platform:
        rows = accounts(platform, asked.count)
        asyncio.run(at_once(platform.http_port, [("authn", authn(*rows[0], rows[0][0]))] * 50, CONNECTIONS))  # warm
        print(" | ".join(f"{name:>14}" for name in ("", "from", "way", "count", *_PARTS, "per second", "cpu ms")))
        result = measure(platform, rows)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{asked.name}.json"
    path.write_text(json.dumps({"bench": "emqx_auth", "machine": described_before, "rows": result}, indent=1) + "\n")
    print(f"→ {path}")


if __name__ == "__main__":
    main()
