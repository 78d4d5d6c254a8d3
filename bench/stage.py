"""The stage of a benchmark: the whole platform on this machine, private, with PostgreSQL and Mosquitto's authorisation.

The same processes as deploy/compose.yml starts, and the same configuration of Mosquitto and Valkey; PostgreSQL keeps
its defaults, so that a commit is on disk (the tests' one is not).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import proc
from cloudapi.platform import BASE_DIR, servers
from tests import environment
from tests.platform import Platform
from tests.processes import Child
from tests.servers import PostgreSQL

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}


class Stage:
    """`platform` with a fleet in it; `fleet` is what bench.rows printed."""

    def __init__(self, platform: Platform, postgres: PostgreSQL) -> None:
        self.platform = platform
        self.postgres = postgres
        self.fleet: dict[str, Any] = {}

    def populate(self, devices: int, gateways: int, workspaces: int = 10) -> None:
        """Rows first, then the broker's accounts: nothing runs yet that would hear of them."""
        numbers = {"--devices": devices, "--gateways": gateways, "--workspaces": workspaces}
        made = subprocess.run(
            [sys.executable, "-m", "bench.rows", *(str(part) for pair in numbers.items() for part in pair)],
            env=self.platform.env, cwd=BASE_DIR, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(made.stderr[-3000:])
        self.fleet = json.loads(made.stdout)

    def account(self) -> dict[str, str]:
        """The server's own."""
        return {"username": self.platform.env["MQTT_USERNAME"], "password": self.platform.env["MQTT_PASSWORD"]}

    def favour(self) -> None:
        """See `proc.favour`; every process has a session of its own."""
        running = [child.pid for child in self.platform.children.values() if child.is_running]
        for pid in (os.getpid(), self.postgres.child.pid, *running):
            proc.favour(pid)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by part."""
        children = self.platform.children
        seconds = {
            name: proc.cpu_seconds(child.pid, family=True) for name, child in children.items() if child.is_running
        }
        return seconds | {"postgresql": proc.cpu_seconds(self.postgres.child.pid, family=True)}


@contextmanager
def stage(devices: int, gateways: int, workspaces: int = 10, **variables: str) -> Iterator[Stage]:
    """A running platform with that many devices; everything is gone afterwards."""
    binary = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    plugin = servers.dynsec_plugin(binary) if binary else None
    if binary is None or plugin is None:
        raise SystemExit("Mosquitto with its dynamic security plugin is not installed.")
    directory = Path(tempfile.mkdtemp(prefix="cloudapi-bench-"))
    postgres = PostgreSQL(**DURABLE)
    platform: Platform | None = None
    try:
        postgres.start()
        env = {"DATABASE_URL": postgres.create_database(), "STATIC_ROOT": str(directory / "static"), **variables}
        platform = Platform(directory, servers.Mosquitto(binary, plugin), CELERY_CONCURRENCY="2", **env)
        celery = platform.children["celery"]
        platform.children["celery-2"] = Child(
            [*celery.argv, "-n", "celery-2@%h"], directory / "logs" / "celery-2.log", env=platform.env
        )
        platform.run("collectstatic", "--no-input", "-v", "0")
        made = Stage(platform, postgres)
        made.populate(devices, gateways, workspaces)
        platform.start()
        made.favour()
        yield made
    finally:
        if platform is not None:
            platform.stop()
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


def prepare() -> None:
    """The environment that Django's settings need in this process."""
    environment.prepare()
