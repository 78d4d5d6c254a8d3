"""What every live socket does: check access, follow the workspace's feed, end when the access ends."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import redis
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from devices import doorkeeper, feeds
from devices.feed import Ended, Feed
from devices.socket_limits import RENEW_SECONDS, Patience, Place
from devices.stream import Stream
from workspaces.socket_access import ACCESS_ENDED, Access, Claim

log = logging.getLogger(__name__)

#: "Come again": what was published meanwhile is lost, and whoever comes again gets a new snapshot. Autobahn sends no
#: code below 3000 but 1000.
COME_AGAIN = 4503
#: Close code "internal error".
FAILED = 4500
#: Close code of a socket that did not take its frames for `SLOW_SOCKET_SECONDS`.
TOO_SLOW = 4408
#: Close code of a socket too many of its user or of its workspace, and of one whose client says too much.
TOO_MANY = 4429

Snapshot = Callable[[], Awaitable[tuple[str, int]]]
Take = Callable[[str], Awaitable[None]]


class Slow(Exception):
    """The client did not take a frame for too long."""


class LiveConsumer(AsyncWebsocketConsumer):
    """Subclasses say who has access and what is sent.

    Nothing inbound changes state. Within `TOKEN_CHECK_SECONDS` a socket is closed with 4401 after its access ended, and
    with 4503 after Valkey was started anew. One that does not take its frames is closed with 4408, one too
    many, and a talkative one, with 4429 (`devices.socket_limits`).
    """

    access: Access
    feed: Feed | None = None
    _tasks: tuple[asyncio.Task[None], ...] = ()
    _place: Place
    _has_place = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience = Patience()

    def claim(self) -> Claim:
        """What the client shows."""
        raise NotImplementedError

    async def follow(self, feed: Feed) -> None:
        """Send what the feed says, from the beginning, until it raises Ended."""
        raise NotImplementedError

    async def connect(self) -> None:
        access = await doorkeeper.find(self.claim())
        if access is None:
            await self.close()
            return
        self.access = access
        self._place = Place(uuid.uuid4().hex, access.user_id, access.workspace.workspace_id)
        if not await database_sync_to_async(self._place.take)():
            await self.accept()  # without it a browser would not learn the code
            await self.close(code=TOO_MANY)
            return
        self._has_place = True
        # Joining comes first: what changes while the snapshot is read arrives behind it.
        self.feed = await feeds.join(access.workspace)
        await self.accept()
        self.run(self._watch_access())
        self.run(self._keep_place())
        self.run(self.follow(self.feed))

    def run(self, work: Awaitable[None]) -> None:
        """Run a coroutine until the socket closes; what it raises closes the socket."""
        self._tasks = (*self._tasks, asyncio.create_task(self.until_end(work)))

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        if self.feed is not None:
            feed, self.feed = self.feed, None
            await feeds.leave(feed)
        if self._has_place:
            self._has_place = False
            with contextlib.suppress(redis.RedisError):
                await database_sync_to_async(self._place.leave)()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One that talks faster than a person clicks is cut off."""
        if self._patience.ends():
            await self.close(code=TOO_MANY)
        elif text_data is not None:
            self.hear(text_data)

    def hear(self, text: str) -> None:
        """What the client says; most have nothing to say."""

    async def _keep_place(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with contextlib.suppress(redis.RedisError):
                await database_sync_to_async(self._place.renew)()

    async def deliver(self, text: str) -> None:
        """Send a frame; waits while the client is slow to take it. Raises Slow if that takes too long."""
        try:
            async with asyncio.timeout(settings.SLOW_SOCKET_SECONDS):
                await self.send(text_data=text)
        except TimeoutError:
            raise Slow from None

    async def follow_stream(self, feed: Feed, stream: Stream, snapshot: Snapshot, take: Take) -> None:
        """Give a snapshot to `take`, then what happened since; who missed too much gets another snapshot. Raises Ended
        and what `snapshot` and `take` raise."""
        text, position = await snapshot()
        while True:
            await take(text)
            while stream.position == position:
                await feed.tick()
            news, position = stream.since(position), stream.position
            text, position = (news, position) if news is not None else await snapshot()

    async def until_end(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Ended:
            await self.close(code=COME_AGAIN)
        except Slow:
            await self.close(code=TOO_SLOW)
        except Exception:
            log.exception("A socket of workspace %s has failed", self.access.workspace.workspace_id)
            await self.close(code=FAILED)

    async def _watch_access(self) -> None:
        while True:
            await doorkeeper.next_round()
            with contextlib.suppress(DatabaseError):  # an outage of the database ends nobody's access
                if await doorkeeper.find(self.access.claim) is None:
                    await self.close(code=ACCESS_ENDED)
                    return
