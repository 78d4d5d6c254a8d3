"""The web server in front of greedy, slow and lying clients: raw bytes to a real Daphne."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudapi.web import bounds
from tests.platform import HOST, Platform

pytestmark = pytest.mark.live
MEGABYTE = 1024 * 1024
HEAD = b"POST /manage/api/v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def client(platform: Platform) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, platform.http_port), timeout=30) as connection:
        yield connection


def status(client: socket.socket) -> str:
    """The status code of the answer, "" if the server hung up without one."""
    received = b""
    try:
        while b"\r\n" not in received:
            piece = client.recv(4096)
            if not piece:
                break
            received += piece
    except ConnectionError:
        pass
    return received.split(b" ")[1].decode() if b" " in received else ""


def send_until_refused(client: socket.socket, piece: bytes, most: int) -> int:
    """How many bytes the server took before it answered or hung up."""
    sent = 0
    client.setblocking(False)
    try:
        while sent < most:
            try:
                sent += client.send(piece)
            except BlockingIOError:
                time.sleep(0.001)
            try:
                if client.recv(1, socket.MSG_PEEK) is not None:
                    break
            except BlockingIOError:
                continue
    except ConnectionError:
        pass
    client.setblocking(True)
    return sent


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("size", [MEGABYTE + 1, 1024 * MEGABYTE, 10**30])
def test_an_announced_body_that_is_too_large_is_refused_before_it_comes(client: socket.socket, size: int) -> None:
    client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % size)
    assert status(client) in {"413", "400"}


@pytest.mark.parametrize("framing", [b"Content-Length: 1073741824\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_gigabyte_costs_neither_memory_nor_disk(platform: Platform, client: socket.socket, framing: bytes) -> None:
    process = platform.children["web"].process
    assert process is not None
    before = resident(process.pid)
    client.sendall(HEAD + framing)
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in framing else b"x" * 65536
    sent = send_until_refused(client, chunk, 1024 * MEGABYTE)
    assert sent < 32 * MEGABYTE
    assert status(client) == "413"
    assert resident(process.pid) - before < 32 * MEGABYTE
    spooled = [file for file in Path(f"/proc/{process.pid}/fd").iterdir() if os.readlink(file).startswith("/tmp/tmp")]
    assert sum(file.stat().st_size for file in spooled) <= 2 * MEGABYTE


def test_a_body_of_the_allowed_size_arrives(client: socket.socket) -> None:
    client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % MEGABYTE + b" " * MEGABYTE)
    assert status(client) == "200"


@pytest.mark.parametrize(
    ("request_head", "answer"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {"400", ""}),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n", {"400", ""}),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: a\r\n" * 600 + b"\r\n", {"400", ""}),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Long: aaaaaaaaaaaaaaa\r\n" * 900 + b"\r\n", {"400", ""}),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {"400", ""}),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", {"400", ""}),
        (HEAD + b"Content-Length: -5\r\n\r\n", {"400", ""}),
    ],
    ids=["long path", "long header", "many headers", "large head", "two framings", "two lengths", "negative length"],
)
def test_an_odd_head_is_refused(client: socket.socket, request_head: bytes, answer: set[str]) -> None:
    client.sendall(request_head)
    assert status(client) in answer


def test_requests_that_trickle_in_are_cut_off(platform: Platform) -> None:
    starts = [b"GET / HT", HEAD + b"X-", HEAD + b"Content-Length: 100000\r\n\r\n"]
    clients = [socket.create_connection((HOST, platform.http_port), timeout=30) for _start in starts]
    began = time.monotonic()
    for client, start in zip(clients, starts, strict=True):
        client.sendall(start)
    for client in clients:
        client.setblocking(False)
        while time.monotonic() - began < bounds.RECEIVE_SECONDS + 15:
            try:
                for each in clients:
                    each.send(b"x")
                if client.recv(100) == b"":
                    break
            except BlockingIOError:
                time.sleep(0.25)
            except ConnectionError:
                break
        assert bounds.RECEIVE_SECONDS - 2 < time.monotonic() - began < bounds.RECEIVE_SECONDS + 10
    for client in clients:
        client.close()


def test_others_are_served_meanwhile(platform: Platform) -> None:
    slow = [socket.create_connection((HOST, platform.http_port), timeout=30) for _number in range(100)]
    try:
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        with socket.create_connection((HOST, platform.http_port), timeout=10) as other:
            other.sendall(b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert status(other) == "200"
    finally:
        for connection in slow:
            connection.close()
