"""What goes wrong: each fault hits one or two parts of the platform at the same moment."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import psycopg
import redis

from cloudapi.platform import probes
from tests.live.test_crashes import with_descendants
from tests.platform import Platform
from tests.processes import wait_until
from tests.servers import PostgreSQL

#: How long a killed part is away before it is started again, and how long a stopped one stands still.
AWAY_SECONDS = 2.0
PAUSE_SECONDS = 20.0


@dataclass(frozen=True)
class Fault:
    """kill: SIGKILL to the part and all that it started, then a new start. pause: SIGSTOP to all of it, SIGCONT after
    20 s. restart: SIGTERM, start. With `departures` the row ends when every dock that went is shown offline."""

    action: Literal["kill", "pause", "restart"]
    parts: tuple[str, ...]
    departures: bool = False

    def __str__(self) -> str:
        return f"{self.action} {'+'.join(self.parts)}"


PARTS = ("mqtt_worker", "celery", "beat", "web", "valkey", "broker", "postgres")
CORE = ("mqtt_worker", "celery", "valkey", "broker", "postgres")
TABLE = (
    *(Fault("kill", (part,), departures=part in CORE) for part in PARTS),
    *(Fault("pause", (part,), departures=part in CORE) for part in PARTS),
    *(Fault("restart", (part,)) for part in PARTS),
    Fault("kill", ("mqtt_worker", "celery"), departures=True),
    Fault("kill", ("valkey", "celery")),
    Fault("kill", ("broker", "mqtt_worker"), departures=True),
    Fault("kill", ("postgres", "valkey")),
    Fault("kill", ("postgres", "mqtt_worker")),
    Fault("pause", ("broker", "web")),
)
SHORT = (
    Fault("kill", ("mqtt_worker",)),
    Fault("kill", ("valkey", "celery")),
    Fault("restart", ("broker",)),
    Fault("kill", ("postgres", "web")),
)


class Breaker:
    """Breaks parts of a platform and mends them; `restarts` counts parts that had to be started more than once."""

    def __init__(self, platform: Platform, postgres: PostgreSQL) -> None:
        self._platform, self._postgres = platform, postgres
        self.restarts = 0

    def happen(self, fault: Fault) -> None:
        """Returns when the parts are started or continued; see `wait_until_mended`."""
        if fault.action == "pause":
            stopped = [pid for part in fault.parts for pid in with_descendants(self._platform.children[part].pid)]
            _signal(stopped, signal.SIGSTOP)
            time.sleep(PAUSE_SECONDS)
            _signal(stopped, signal.SIGCONT)
            return
        if fault.action == "kill":
            _signal([pid for part in fault.parts for pid in with_descendants(self._platform.children[part].pid)])
            for part in fault.parts:
                process = self._platform.children[part].process
                assert process is not None
                process.wait()
            time.sleep(AWAY_SECONDS)
        else:
            for part in fault.parts:
                self._platform.children[part].stop()
        for part in reversed(fault.parts):  # in no helpful order
            self._platform.children[part].start()

    def wait_until_mended(self, fault: Fault, seconds: float = 60) -> None:
        """All parts answer, also those that were not hit."""
        # What the worker said before it happened says nothing of now.
        wait_until(lambda: probes.valkey(self._platform.redis_url), "Valkey answers", seconds)
        with redis.Redis.from_url(self._platform.redis_url) as client:
            client.delete(probes.WORKER_ALIVE_KEY)
        for part in PARTS:
            wait_until(lambda part=part: self._answers(part), f"{part} answers", seconds, every=0.1)  # type: ignore[misc]

    def _answers(self, part: str) -> bool:
        if not self._platform.children[part].is_running:
            # As whoever runs the platform does.
            self.restarts += 1
            self._platform.children[part].start()
            return False
        if part == "postgres":
            with contextlib.suppress(psycopg.OperationalError):
                self._postgres.execute("SELECT 1")
                return True
            return False
        return self._platform.answers(part)


def memory(platform: Platform, part: str) -> int:
    """Resident memory of a part with all that it started, in MiB."""
    total = 0
    for pid in with_descendants(platform.children[part].pid):
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/statm") as statm:
            total += int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total // 2**20


def _signal(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Waits for the condition; False if it did not come true in this time."""
    with contextlib.suppress(AssertionError):
        wait_until(condition, "", seconds, every=0.1)
        return True
    return False
