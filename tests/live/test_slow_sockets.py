"""Clients that do not read: they cost nobody else anything, and not much memory."""

import contextlib
import itertools
import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from devices import heard, live
from tests.live.browser_session import log_in
from tests.live.tenants import Tenant
from tests.platform import Platform

pytestmark = pytest.mark.live

SLOW_SECONDS = 4.0
FRAME_BYTES = 600_000
SLOW_CLIENTS = 30


@pytest.fixture(scope="module")
def patient(make_platform: Callable[..., Platform]) -> Iterator[Platform]:
    made = make_platform(SLOW_SOCKET_SECONDS=str(SLOW_SECONDS))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def acme(patient: Platform) -> Tenant:
    return Tenant(patient, "Acme", docks=1, users=True)


@pytest.fixture
def talker(patient: Platform, acme: Tenant) -> Iterator["Talker"]:
    talker = Talker(patient, acme)
    yield talker
    talker.stop()


class Talker(threading.Thread):
    """Publishes large frames, as a worker would, until `stop`; each has a greater `number` than the one before."""

    def __init__(self, platform: Platform, tenant: Tenant) -> None:
        super().__init__()
        self.number = 0
        self._group = f"workspace.{tenant.workspace_id.replace('-', '')}"
        self._client = redis.Redis.from_url(platform.redis_url)
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        for number in itertools.count(1):
            device = {"sn": "TALKER", "last_seen_at": number, "values": {"padding": f"{number}" + "x" * FRAME_BYTES}}
            self._client.publish(*live.publication(self._group, live.frame("delta", heard.now_ms(), [device])))
            self.number = number
            if self._stopped.wait(0.1):
                return

    def stop(self) -> None:
        self._stopped.set()
        self.join()


@pytest.fixture
def join(patient: Platform, acme: Tenant) -> Iterator[Callable[[], ClientConnection]]:
    """Opens a socket whose client takes from the network only what is asked for."""
    cookie = log_in(patient.http_url, acme.users["operator"])
    opened: list[ClientConnection] = []

    def join() -> ClientConnection:
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        plain.connect((urlsplit(patient.http_url).hostname, urlsplit(patient.http_url).port))
        url = f"{patient.http_url.replace('http', 'ws', 1)}/ws/workspaces/{acme.workspace_id}/?detail=summary"
        headers = {"Cookie": cookie}
        opened.append(
            connect(url, sock=plain, additional_headers=headers, max_size=None, max_queue=1, ping_interval=None)
        )
        return opened[-1]

    yield join
    for one in opened:
        with contextlib.suppress(OSError, ConnectionClosed):
            one.socket.close()


def newest(connection: ClientConnection, seconds: float) -> int:
    """The number that the last frame within this time says."""
    number, deadline = 0, time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(TimeoutError):
            frame: dict[str, Any] = json.loads(connection.recv(timeout=left))
            number = max([number, *(update["last_seen_at"] for update in frame["devices"])])
    return number


def test_clients_that_do_not_read_are_closed_and_nobody_else_waits(
    patient: Platform, talker: Talker, join: Callable[[], ClientConnection]
) -> None:
    web = patient.children["web"].pid
    reader = join()
    assert newest(reader, 1) > 0
    before = memory(web)
    slow = [join() for _ in range(SLOW_CLIENTS)]
    opened_at = time.monotonic()
    most, lags = before, []
    while time.monotonic() < opened_at + SLOW_SECONDS - 1:
        lags.append(talker.number - newest(reader, 0.4))
        most = max(most, memory(web))
    sent = SLOW_CLIENTS * 4 * (SLOW_SECONDS - 1) * FRAME_BYTES
    grown = most - before
    print(f"\n{SLOW_CLIENTS} clients: {grown / 2**20:.1f} MB kept of {sent / 2**20:.0f} MB sent; lags {lags}")  # noqa: T201
    assert grown < sent / 4
    assert sorted(lags)[len(lags) // 2] <= 6, "frames are 0.1 s apart, ticks 0.25 s"

    newest(reader, SLOW_SECONDS)
    assert newest(reader, 1) >= talker.number - 6
    for one in slow:
        assert is_closed(one)
    print(f"{(memory(web) - before) / 2**20:.1f} MB kept after they were closed")  # noqa: T201


def memory(process: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


def is_closed(connection: ClientConnection) -> bool:
    """Reads what was on its way."""
    try:
        for _ in range(100):
            connection.recv(timeout=5)
    except (ConnectionClosed, OSError):
        return True
    return False


def test_who_reads_again_in_time_gets_the_newest_and_no_backlog(
    talker: Talker, join: Callable[[], ClientConnection]
) -> None:
    client = join()
    began = talker.number
    time.sleep(SLOW_SECONDS - 1.5)
    missed = talker.number - began
    frames, deadline = 0, time.monotonic() + 10
    while time.monotonic() < deadline:
        frame = json.loads(client.recv(timeout=5))
        frames += 1
        if any(update.get("last_seen_at", 0) >= talker.number - 4 for update in frame["devices"]):
            break
    print(f"\n{frames} frames for {missed} that were missed")  # noqa: T201
    assert frames <= 8, "what it missed comes as one frame, after the few that were on their way"
