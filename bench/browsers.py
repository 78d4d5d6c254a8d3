"""How many browsers one process serves: N WebSockets on `/ws/workspaces/{workspace_id}/`, four frames a second.

A private PostgreSQL, Valkey and web process; ten workspaces with a hundred aircraft each, all of which have moved in
every frame. Frames are published as the worker does it. Lag: from publishing to the client, on one clock.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import django
import redis

from bench.emqx_auth import described
from cloudapi.platform import BASE_DIR, probes, servers
from tests import environment
from tests.platform import HOST, Platform
from tests.processes import Child, wait_until
from tests.servers import PostgreSQL

RESULTS = Path(__file__).parent / "results"
WORKSPACES, DEVICES = 10, 100
TICK = 0.25
COLUMNS = (
    "server", "browsers", "failed", "connect_s", "p50_ms", "p99_ms", "frames_s", "cpu", "us_per_frame",
    "kb_per_browser", "frame_bytes", "load",
)  # fmt: skip


@contextmanager
def stage() -> Iterator[Platform]:
    directory = Path(tempfile.mkdtemp(prefix="cloudapi-bench-"))
    postgres = PostgreSQL()
    platform: Platform | None = None
    try:
        postgres.start()
        no_broker = servers.Mosquitto("mosquitto", Path("not-started"))
        env = {"DATABASE_URL": postgres.create_database(), "STATIC_ROOT": str(directory / "static")}
        limits = dict.fromkeys(("SOCKETS_PER_USER", "SOCKETS_PER_WORKSPACE"), "10000")
        platform = Platform(directory, no_broker, **env, **limits)
        platform.run("collectstatic", "--no-input", "-v", "0")
        platform.children["valkey"].start()
        platform.wait_ready("valkey")
        yield platform
    finally:
        if platform is not None:
            platform.stop()
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


def populate(platform: Platform, browsers: int) -> tuple[list[str], list[str]]:
    """The workspaces' IDs, and a path for each browser; each has a token of its own, and they share the workspaces."""
    code = f"""
import json
from devices.models import Device
from workspaces import tokens
from workspaces.models import ClientKind, Membership, Organization, Role, User, Workspace
ONLINE = {{"online": True, "offline_reason": ""}}
organization = Organization.objects.create(name="Bench")
workspaces, users = [], []
for number in range({WORKSPACES}):
    workspaces.append(Workspace.objects.create(organization=organization, name=f"Bench {{number}}"))
    users.append(User.objects.create_user(f"bench{{number}}", password="not-used-for-logging-in"))
    Membership.objects.create(user=users[-1], workspace=workspaces[-1], role=Role.OPERATOR)
    Device.objects.bulk_create(
        Device(sn=f"B{{number}}-{{one}}", workspace=workspaces[-1], domain=0, type=91, sub_type=1, **ONLINE)
        for one in range({DEVICES})
    )
given = [
    tokens.issue(user=users[n % {WORKSPACES}], workspace=workspaces[n % {WORKSPACES}], client=ClientKind.WEB)
    for n in range({browsers})
]
print(json.dumps([[str(workspace.workspace_id) for workspace in workspaces], given]))
"""
    workspaces, given = json.loads(platform.run("shell", "-c", code).splitlines()[-1])
    paths = [
        f"/ws/workspaces/{workspaces[number % WORKSPACES]}/?detail=summary&x-auth-token={token}"
        for number, token in enumerate(given)
    ]
    return workspaces, paths


class Publisher(threading.Thread):
    """Publishes a frame per workspace and tick: all devices have moved. Stores what a snapshot reads before."""

    def __init__(self, redis_url: str, workspaces: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._workspaces = workspaces
        self._client = redis.Redis.from_url(redis_url)
        self._stopped = threading.Event()
        self.late = 0

    def run(self) -> None:
        self._store()
        begin = time.monotonic()
        number = 0
        while not self._stopped.is_set():
            number += 1
            self._publish(number)
            left = begin + number * TICK - time.monotonic()
            self.late += left < 0
            self._stopped.wait(max(0.0, left))

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _store(self) -> None:
        from devices import live

        osd = json.loads((BASE_DIR / "tests/fixtures/frames/osd_aircraft.json").read_text())["payload"]["data"]
        values = {key: json.dumps(value, separators=(",", ":")) for key, value in osd.items()}
        pipeline = self._client.pipeline(transaction=False)
        for index, workspace in enumerate(self._workspaces):
            for device in range(DEVICES):
                sn = f"B{index}-{device}"
                pipeline.hset(live.values_key(UUID(workspace), sn), mapping=values)
        pipeline.execute()

    def _publish(self, number: int) -> None:
        from devices import heard, live

        pipeline = self._client.pipeline(transaction=False)
        for index, workspace in enumerate(self._workspaces):
            now = heard.now_ms()
            moved = {
                "latitude": 46.9 + number * 1e-6, "longitude": 7.4 + number * 1e-6, "height": 500 + number % 90,
                "elevation": number % 90, "attitude_head": number % 360, "horizontal_speed": 7.5,
            }  # fmt: skip
            devices = [{"sn": f"B{index}-{device}", "last_seen_at": now, "values": moved} for device in range(DEVICES)]
            group = f"workspace.{workspace.replace('-', '')}"
            pipeline.publish(*live.publication(group, live.frame("delta", now, devices)))
        pipeline.execute()


def web_server(name: str, platform: Platform) -> Child:
    uvicorn = ("-m", "uvicorn", "--host", HOST, "--port", str(platform.http_port), "--ws", "websockets")
    argv = {
        "daphne": platform.children["web"].argv,
        "uvicorn": (sys.executable, *uvicorn, "--no-access-log", "--log-level", "warning", "cloudapi.asgi:application"),
    }[name]
    return Child(argv, platform.data_dir / "logs" / f"{name}.log", env=platform.env)


def measure(platform: Platform, name: str, paths: Sequence[str], seconds: float) -> dict[str, Any]:
    """One web process with so many browsers, all of which connect at once."""
    load = os.getloadavg()[0]
    web = web_server(name, platform)
    web.start()
    try:
        wait_until(lambda: probes.web(HOST, platform.http_port), f"{name} answers")
        memory = resident(web.pid)
        clients = subprocess.Popen(
            [sys.executable, "-m", "bench.browser_clients", str(platform.http_port), str(seconds)],
            cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        given, said = clients.stdin, clients.stdout
        if given is None or said is None:
            raise RuntimeError("no pipes")
        given.write("\n".join(paths))
        given.close()
        connected = json.loads(said.readline())
        said.readline()  # the measured time begins
        cpu, memory = cpu_seconds(web.pid), resident(web.pid) - memory
        figures: dict[str, Any] = json.loads(said.readline())
        cpu = cpu_seconds(web.pid) - cpu
        clients.wait()
    finally:
        web.stop()
    figures |= {
        "server": name,
        "browsers": len(paths),
        **connected,
        "load": round(load, 1),
        "cpu": round(cpu / seconds, 3),
    }
    figures["us_per_frame"] = round(cpu / max(1, figures["frames"]) * 1e6)
    figures["kb_per_browser"] = round(memory / 1024 / len(paths))
    return {column: figures.pop(column) for column in COLUMNS} | figures


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browsers", type=int, nargs="+", default=[100, 500, 1000, 2000])
    parser.add_argument("--servers", nargs="+", default=["daphne", "uvicorn"], choices=["daphne", "uvicorn"])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--name", default="browsers", help="bench/results/NAME.json")
    asked = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    described_before = described()
    environment.prepare()  # what Django's settings need where no platform runs
    django.setup()
    rows = []
    with stage() as platform:
        workspaces, paths = populate(platform, max(asked.browsers))
        publisher = Publisher(platform.redis_url, workspaces)
        publisher.start()
        print(" | ".join(f"{column:>14}" for column in COLUMNS))
        for browsers in asked.browsers:
            for name in asked.servers:
                rows.append(measure(platform, name, paths[:browsers], asked.seconds))
                print(" | ".join(f"{rows[-1][column]!s:>14}" for column in COLUMNS), flush=True)
        publisher.stop()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{asked.name}.json"
    result = {"bench": "browsers", "machine": described_before, "late_publishes": publisher.late, "rows": rows}
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"→ {path}")


if __name__ == "__main__":
    main()
