"""How long telemetry takes to reach a browser, and to leave the worker: one process that follows one workspace.

A real WebSocket through Daphne (device → browser) and a plain subscription to the channel layer's channel (device →
publish). Reads `{"ws", "token", "redis_url", "channel"}` from standard input (the URL has a query); each further line
is answered by the latencies since the line before.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

import redis.asyncio
import uvloop
import websockets

from bench.figures import percentiles
from bench.frames import STAMP

_STAMPS = re.compile(rf'"{STAMP}":(\d{{16}})')


class Watcher:
    def __init__(self) -> None:
        self.browser: list[float] = []
        self.publish: list[float] = []
        self.frames = self.frame_bytes = 0

    async def browse(self, to: dict[str, Any]) -> None:
        async with websockets.connect(
            f"{to['ws']}&x-auth-token={to['token']}", max_size=None, compression=None
        ) as page:
            await page.recv()  # the snapshot shows the past
            async for frame in page:
                text = frame if isinstance(frame, str) else frame.decode()
                self._note(text, self.browser)
                self.frames += 1
                self.frame_bytes += len(text)

    async def subscribe(self, to: dict[str, Any]) -> None:
        async with redis.asyncio.Redis.from_url(to["redis_url"]).pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(to["channel"])
            async for message in channel.listen():
                self._note(message["data"].decode("utf-8", "replace"), self.publish)

    def _note(self, text: str, latencies: list[float]) -> None:
        now = time.time() * 1000
        latencies.extend(now - int(stamp) / 1000 for stamp in _STAMPS.findall(text))

    def report(self) -> dict[str, Any]:
        found = {
            "browser_ms": percentiles(self.browser),
            "publish_ms": percentiles(self.publish),
            "frames": self.frames,
            "frame_kb": round(self.frame_bytes / max(1, self.frames) / 1000, 1),
        }
        self.browser, self.publish, self.frames, self.frame_bytes = [], [], 0, 0
        return found


async def main() -> None:
    loop = asyncio.get_running_loop()
    to = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    watcher = Watcher()
    tasks = [asyncio.create_task(watcher.browse(to)), asyncio.create_task(watcher.subscribe(to))]
    await asyncio.sleep(1.0)
    print(json.dumps({}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        for task in tasks:
            if task.done():
                task.result()
                raise SystemExit("the WebSocket was closed")
        print(json.dumps(watcher.report()), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
