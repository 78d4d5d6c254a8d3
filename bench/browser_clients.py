"""Many WebSocket clients in one process, light enough to wait for the server and not the other way round.

Paths come by standard input, one per client; all connect at once. Prints three lines of JSON: how connecting went when
all have their snapshot, {} when the measured time begins, and the figures of that time. Of a frame only the moment of
its publishing is read (`"at"`, ms on this machine's clock).
"""

import asyncio
import json
import os
import resource
import sys
import time
from base64 import b64encode
from collections.abc import Sequence
from typing import cast

import uvloop

_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_AT = b'"at":'


class Client(asyncio.Protocol):
    """`lags` gets how long each frame but the snapshot took, in ms."""

    def __init__(self, request: bytes, lags: list[float]) -> None:
        self._request = request
        self._lags = lags
        self._buffer = b""
        self._is_open = False
        self.connected: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.frames = 0
        self.bytes = 0
        self.began = time.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.connected.done():
            self.connected.set_exception(error or ConnectionError(self._buffer[:200]))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._is_open:
            head, found, rest = buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = buffer
                return
            if b" 101 " not in head[:20]:
                self.connected.set_exception(ConnectionError(head[:200]))
                return
            self._is_open, buffer = True, rest
        self._buffer = self._frames(buffer)

    def _frames(self, buffer: bytes) -> bytes:
        """Takes the whole frames; the rest."""
        while len(buffer) >= 2:
            length, start = buffer[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(buffer[2:4]), 4
            elif length == 127:
                length, start = int.from_bytes(buffer[2:10]), 10
            if len(buffer) < start + length:
                break
            if buffer[0] & 0x0F == 1:
                self._text(buffer, start, length)
            buffer = buffer[start + length :]
        return buffer

    def _text(self, buffer: bytes, start: int, length: int) -> None:
        now = time.time()
        if not self.connected.done():
            self.connected.set_result(now - self.began)
            return
        at = buffer.index(_AT, start) + len(_AT)
        self._lags.append(now * 1000 - int(buffer[at : buffer.index(b",", at)]))
        self.frames += 1
        self.bytes += length


def percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 2) if ordered else float("nan")


async def run(port: int, seconds: float, paths: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    clients: list[Client] = []
    began = time.time()

    async def open_one(path: str) -> float:
        key = b64encode(os.urandom(16)).decode()
        request = _UPGRADE.format(path=path, host=f"127.0.0.1:{port}", key=key).encode()
        _transport, client = await loop.create_connection(lambda: Client(request, lags), "127.0.0.1", port)
        clients.append(client)
        return await asyncio.wait_for(client.connected, 60)

    opened = await asyncio.gather(*map(open_one, paths), return_exceptions=True)
    took = [one for one in opened if isinstance(one, float)]
    failed = [repr(one) for one in opened if not isinstance(one, float)]
    say(
        {
            "failed": len(failed),
            "errors": failed[:3],
            "connect_s": round(time.time() - began, 2),
            "connect_p50_s": percentile(took, 0.5),
        }
    )
    await asyncio.sleep(2)  # what was missed while connecting
    say({})
    lags.clear()
    before, used = [(client.frames, client.bytes) for client in clients], os.times()
    await asyncio.sleep(seconds)
    frames = [client.frames - earlier[0] for client, earlier in zip(clients, before, strict=True)]
    times, total = os.times(), sum(frames)
    received = sum(client.bytes for client in clients) - sum(size for _frames, size in before)
    say(
        {
            "frames": total,
            "frames_s": round(total / seconds),
            "frames_s_per_browser": [round(few / seconds, 2) for few in (min(frames), max(frames))],
            "frame_bytes": round(received / max(1, total)),
            "p50_ms": percentile(lags, 0.5),
            "p99_ms": percentile(lags, 0.99),
            "max_ms": round(max(lags, default=0), 1),
            "generator_cpu": round((times.user + times.system - used.user - used.system) / seconds, 3),
        }
    )


def say(what: dict[str, object]) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    uvloop.run(run(port, seconds, sys.stdin.read().split()))


if __name__ == "__main__":
    main()
