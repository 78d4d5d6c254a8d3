"""What every live socket does: check access, join the workspace's groups, end when the access ends."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import redis
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from cloudapi.valkey import run_id
from workspaces.socket_access import ACCESS_ENDED, Access

#: Close code "service restart": what was published meanwhile is lost, and whoever comes again gets a new snapshot.
COME_AGAIN = 1012


class LiveConsumer(AsyncWebsocketConsumer):
    """Subclasses say who has access, which groups carry their frames, and what a new socket gets first.

    Nothing inbound changes state. Within `TOKEN_CHECK_SECONDS` a socket is closed with 4401 after its access ended, and
    with 1012 after Valkey was started anew.
    """

    access: Access
    _groups: Sequence[str] = ()
    _tasks: tuple[asyncio.Task[None], ...] = ()

    def find_access(self) -> Access | None:
        """Runs in a thread with a database connection."""
        raise NotImplementedError

    def groups_of(self, access: Access) -> Sequence[str]:
        raise NotImplementedError

    async def begin(self) -> None:
        """Send what a new socket gets first. Frames that come meanwhile are delivered behind it."""

    async def connect(self) -> None:
        access = await database_sync_to_async(self.find_access)()
        if access is None:
            await self.close()
            return
        self.access = access
        # Joining comes first: what changes while the snapshot is read arrives behind it.
        self._groups = self.groups_of(access)
        for group in self._groups:
            await self._join(group)
        await self.accept()
        self.run(self._watch_access())
        self.run(self._watch_valkey())
        await self.begin()

    async def _join(self, group: str) -> None:
        try:
            await self.channel_layer.group_add(group, self.channel_name)
        except redis.RedisError:
            # The layer learns that Valkey was started anew when its old connection fails, and makes another one.
            await asyncio.sleep(1.0)
            await self.channel_layer.group_add(group, self.channel_name)

    def run(self, work: Any) -> None:
        """Run a coroutine until the socket closes."""
        self._tasks = (*self._tasks, asyncio.create_task(work))

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        for group in self._groups:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Clients have nothing to say here."""

    async def _watch_access(self) -> None:
        while True:
            await asyncio.sleep(settings.TOKEN_CHECK_SECONDS)
            with contextlib.suppress(DatabaseError):  # an outage of the database ends nobody's access
                if not await database_sync_to_async(self.access.still_holds)():
                    await self.close(code=ACCESS_ENDED)
                    return

    async def _watch_valkey(self) -> None:
        known = ""
        while True:
            with contextlib.suppress(redis.RedisError):
                now = await database_sync_to_async(run_id)()
                if known and now != known:
                    await self.close(code=COME_AGAIN)
                    return
                known = now
            await asyncio.sleep(settings.TOKEN_CHECK_SECONDS)
