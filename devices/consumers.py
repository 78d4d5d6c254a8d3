"""The WebSocket behind the operator's page: `/ws/workspaces/{workspace_id}/`."""

from urllib.parse import parse_qs

from django.conf import settings

from devices.asked import Asked
from devices.feed import Feed
from devices.sockets import LiveConsumer
from workspaces.session_keys import is_session_key
from workspaces.socket_access import Claim, token_in


class WorkspaceConsumer(LiveConsumer):
    """For members by their session or an access token: a snapshot, then deltas, with all values of every device; with
    `?detail=summary`, which browsers ask for, with what lists and maps show of each, and all values of a device in
    `details` frames after `{"type": "open", "sn": …}`.

    At most one frame of each kind goes out per tick, and a slow browser gets the newest state instead of a backlog.
    """

    channel_layer_alias = "none: the feed listens for all sockets"

    def claim(self) -> Claim:
        workspace_id = self.scope["url_route"]["kwargs"]["workspace_id"]
        if token := token_in(self.scope):
            return Claim(token=token, workspace_id=workspace_id)
        session_key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME)
        return Claim(session_key=session_key if is_session_key(session_key) else "", workspace_id=workspace_id)

    async def connect(self) -> None:
        self._asked = Asked()
        await super().connect()

    def hear(self, text: str) -> None:
        self._asked.hear(text)

    async def follow(self, feed: Feed) -> None:
        query = parse_qs(self.scope.get("query_string", b"").decode("latin1"))
        if query.get("detail") == ["summary"]:
            self.run(self._asked.follow(feed.opened, self.deliver))
            await self.follow_stream(feed, feed.summary, feed.snapshot, self.deliver)
        else:
            with feed.opened.following_all() as stream:
                await self.follow_stream(feed, stream, feed.opened.snapshot, self.deliver)
