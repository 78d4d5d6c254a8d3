"""The Cloud API's WebSocket, `/api/v1/ws?x-auth-token=…`: plain JSON frames, from the server only."""

import asyncio
from typing import Any

from django.conf import settings

from devices import dji_frames, heard, live
from devices.dji_view import View
from devices.feed import Ended, Feed
from devices.sockets import LiveConsumer
from workspaces.models import ClientKind
from workspaces.socket_access import Claim, token_in


class DjiConsumer(LiveConsumer):
    """The token says which workspace and whether Pilot or a web client listens."""

    _view: View | None = None
    _fragments_group = ""

    def claim(self) -> Claim:
        return Claim(token=token_in(self.scope))

    async def follow(self, feed: Feed) -> None:
        """Pilot shows what lists and maps show; web clients get all values, and the messages of docks as they came."""
        if self.access.client == ClientKind.PILOT:
            await self.follow_stream(feed, feed.summary, feed.snapshot, self._take)
            return
        self._fragments_group = live.fragments_group_name(self.access.workspace.workspace_id)
        await self.channel_layer.group_add(self._fragments_group, self.channel_name)
        with feed.opened.following_all() as stream:
            await self.follow_stream(feed, stream, feed.opened.snapshot, self._take)

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self._fragments_group:
            await self.channel_layer.group_discard(self._fragments_group, self.channel_name)

    async def live_frame(self, event: dict[str, Any]) -> None:
        """The messages of docks."""
        await self.until_end(self._send(self._view.delta(event["text"]) if self._view else []))

    async def _take(self, text: str) -> None:
        if self._view is None:
            is_pilot = self.access.client == ClientKind.PILOT
            self._view = View(is_pilot=is_pilot)
            self._view.snapshot(text)
            if is_pilot:  # what changed since it asked for the list, before the snapshot, would be in neither
                await self.deliver(dji_frames.frame("device_update_topo", heard.now_ms(), {}))
            self.run(self._send_osd(self._view))
        elif live.is_snapshot(text):
            raise Ended  # it missed what came and went: clients ask for the list by HTTP when they connect
        else:
            await self._send(self._view.delta(text))

    async def _send_osd(self, view: View) -> None:
        while True:
            await self._send(view.osd(heard.now_ms()))
            await asyncio.sleep(settings.PILOT_OSD_SECONDS)

    async def _send(self, frames: list[str]) -> None:
        for text in frames:
            await self.deliver(text)
