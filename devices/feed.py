"""What the sockets of a workspace in this process share: its group, one snapshot and one frame per tick.

Each socket then costs no more than the sending. A socket that cannot take a frame now lacks it, and gets what it lacks
in one frame as soon as it can (`devices.stream`): nothing is kept per socket.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import redis
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings

from devices import heard, live
from devices.frames import merge
from devices.missed import Missed
from devices.opened import Opened
from devices.stream import Stream
from workspaces.models import Workspace

log = logging.getLogger(__name__)

#: The next frame is due so much of a tick after one, so that what a late frame has shifted comes back.
_BEAT = 0.99


class Ended(Exception):
    """Frames may have been lost: listeners have to start anew."""


class _Frame(msgspec.Struct):
    at: int
    devices: list[dict[str, msgspec.Raw]]


_decode = msgspec.json.Decoder(_Frame).decode
_decode_sn = msgspec.json.Decoder(str).decode


class Feed:
    """`summary`: what lists and maps show. `opened`: all values of what somebody looks at."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.summary = Stream()
        self.opened = Opened(workspace)
        self._texts: list[str] = []
        self._arrived = asyncio.Event()
        self._ticked = asyncio.Event()
        self._removed: set[str] = set()
        self._has_ended = False
        self._snapshot: asyncio.Task[tuple[str, int]] | None = None
        self._snapshot_at = 0.0
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._group = live.group_name(workspace.workspace_id)
        self._missed = Missed(workspace)
        self._started = asyncio.create_task(self._start())
        self._work: tuple[asyncio.Task[None], ...] = ()

    # --- for listeners ------------------------------------------------------------------------------------------------
    async def started(self) -> None:
        """Raises redis.RedisError."""
        await asyncio.shield(self._started)

    async def snapshot(self) -> tuple[str, int]:
        """The frame with all devices, and the position in `summary` from which on to follow.

        Many listeners that come at once get the same one: whoever is given an older one also gets what came after it.
        Raises what the database and Valkey raise.
        """
        if self._snapshot is None or (
            self._snapshot.done() and time.monotonic() - self._snapshot_at > settings.LIVE_TICK_SECONDS
        ):
            self._snapshot = asyncio.create_task(self._read_snapshot())
        reading = self._snapshot
        try:
            return await asyncio.shield(reading)
        except Exception:
            if self._snapshot is reading:
                self._snapshot = None
            raise

    async def tick(self) -> None:
        """Wait until the streams may have grown. Raises Ended."""
        if not self._has_ended:
            await self._ticked.wait()
        if self._has_ended:
            raise Ended

    # --- its life -----------------------------------------------------------------------------------------------------
    async def _start(self) -> None:
        self._channel = await self._layer.new_channel()
        try:
            await self._layer.group_add(self._group, self._channel)
        except redis.RedisError:
            # The layer learns that Valkey was started anew when its old connection fails, and makes another one.
            await asyncio.sleep(1.0)
            await self._layer.group_add(self._group, self._channel)
        self._work = (
            asyncio.create_task(self._live(self._receive())),
            asyncio.create_task(self._live(self._deliver())),
            asyncio.create_task(self._live(self._look())),
        )

    async def _live(self, work: Any) -> None:
        try:
            await work
        except Exception:
            log.exception("The feed of workspace %s has failed; its sockets start anew", self._workspace.workspace_id)
            self.end()

    def end(self) -> None:
        """Tell all listeners to start anew."""
        self._has_ended = True
        self._ticked.set()

    async def stop(self) -> None:
        """Leave the group. Nobody listens any more."""
        for task in (self._started, *self._work):
            task.cancel()
        with contextlib.suppress(redis.RedisError, OSError):
            await self._layer.group_discard(self._group, self._channel)

    # --- its work -----------------------------------------------------------------------------------------------------
    async def _receive(self) -> None:
        while True:
            message = await self._layer.receive(self._channel)
            self._texts.append(message["text"])
            self._arrived.set()

    async def _look(self) -> None:
        """Tell what was announced while nobody heard it. What is announced meanwhile waits behind it, and is newer."""
        while True:
            if updates := await self._missed.look():
                self._texts.insert(0, live.frame("delta", heard.now_ms(), updates))
                self._arrived.set()
            await asyncio.sleep(settings.LIVE_LOOK_SECONDS)

    async def _deliver(self) -> None:
        """At most one frame per tick in the long run. One that comes early goes out early, up to half a tick: the
        worker's ticks are as long, and waiting for each one's jitter would add up to a tick of lag. For the same reason
        the beat comes back a little with each frame after one that was late."""
        due, tick = 0.0, settings.LIVE_TICK_SECONDS
        while not self._has_ended:
            await self._arrived.wait()
            await asyncio.sleep(due - tick / 2 - time.monotonic())
            due = max(due, time.monotonic()) + tick * _BEAT
            texts, self._texts = self._texts, []
            self._arrived.clear()
            await self._take(texts[0] if len(texts) == 1 else merge(texts))
            ticked, self._ticked = self._ticked, asyncio.Event()
            ticked.set()

    async def _take(self, text: str) -> None:
        frame = _decode(text)
        updates = [(sn, update) for sn, update in self._read(frame) if "removed" in update or sn not in self._removed]
        is_whole = len(updates) == len(frame.devices)
        self.summary.append(text if is_whole else live.frame("delta", frame.at, [update for _sn, update in updates]))
        await self.opened.take(frame.at, updates)

    def _read(self, frame: _Frame) -> Iterator[tuple[str, dict[str, msgspec.Raw]]]:
        """SN and update, with a note of those who left: the worker hears of that a moment later, and what it still
        says of them is nobody's here."""
        for update in frame.devices:
            sn = _decode_sn(update["sn"])
            if "removed" in update or "kind" in update:
                self._missed.told(sn)
            if "removed" in update:
                self._removed.add(sn)
                self.opened.removed(sn)
            elif "kind" in update:
                self._removed.discard(sn)
            yield sn, update

    async def _read_snapshot(self) -> tuple[str, int]:
        position = self.summary.position
        text = await database_sync_to_async(live.snapshot)(self._workspace)
        self._snapshot_at = time.monotonic()
        return text, position
