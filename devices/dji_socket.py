"""The Cloud API's WebSocket, `/api/v1/ws?x-auth-token=…`: plain JSON frames, from the server only."""

import asyncio
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings

from devices import heard, live
from devices.dji_frames import View
from devices.sockets import LiveConsumer
from workspaces.models import ClientKind
from workspaces.socket_access import Access, by_token, token_in


class DjiConsumer(LiveConsumer):
    """The token says which workspace and whether Pilot or a web client listens."""

    def find_access(self) -> Access | None:
        token = token_in(self.scope)
        return by_token(token) if token else None

    def groups_of(self, access: Access) -> list[str]:
        workspace_id = access.workspace.workspace_id
        groups = [live.group_name(workspace_id)]
        if access.client == ClientKind.WEB:
            groups.append(live.fragments_group_name(workspace_id))
        return groups

    async def begin(self) -> None:
        self._view = View(is_pilot=self.access.client == ClientKind.PILOT)
        self._view.snapshot(await database_sync_to_async(live.snapshot)(self.access.workspace))
        self.run(self._send_osd())

    async def live_frame(self, event: dict[str, Any]) -> None:
        for text in self._view.delta(event["text"]):
            await self.send(text_data=text)

    async def _send_osd(self) -> None:
        while True:
            for text in self._view.osd(heard.now_ms()):
                await self.send(text_data=text)
            await asyncio.sleep(settings.PILOT_OSD_SECONDS)
