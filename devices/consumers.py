"""The WebSocket behind the operator's page: `/ws/workspaces/{workspace_id}/`."""

import asyncio
import time
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings

from devices import live
from devices.frames import merge
from devices.sockets import LiveConsumer
from workspaces.socket_access import Access, by_session, by_token, token_in


class WorkspaceConsumer(LiveConsumer):
    """A snapshot, then deltas, for members by their session or an access token.

    Frames that arrive faster than the tick are merged: at most one goes out per tick, and a slow browser gets the
    newest state instead of a backlog.
    """

    def find_access(self) -> Access | None:
        workspace_id = self.scope["url_route"]["kwargs"]["workspace_id"]
        if token := token_in(self.scope):
            return by_token(token, workspace_id)
        return by_session(self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, ""), workspace_id)

    def groups_of(self, access: Access) -> list[str]:
        return [live.group_name(access.workspace.workspace_id)]

    async def begin(self) -> None:
        self._pending: list[str] = []
        self._arrived = asyncio.Event()
        await self.send(text_data=await database_sync_to_async(live.snapshot)(self.access.workspace))
        self.run(self._forward(time.monotonic() + settings.LIVE_TICK_SECONDS))

    async def live_frame(self, event: dict[str, Any]) -> None:
        self._pending.append(event["text"])
        self._arrived.set()

    async def _forward(self, next_send: float) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(next_send - time.monotonic())
            texts, self._pending = self._pending, []
            self._arrived.clear()
            next_send = time.monotonic() + settings.LIVE_TICK_SECONDS
            await self.send(text_data=texts[0] if len(texts) == 1 else merge(texts))
