"""The feeds of this process: made for the first socket of a workspace, stopped after the last."""

import asyncio
import logging
from uuid import UUID

import redis
from django.conf import settings

from cloudapi.valkey import run_id
from devices.feed import Feed
from workspaces.models import Workspace

log = logging.getLogger(__name__)

_feeds: dict[UUID, Feed] = {}
_listeners: dict[Feed, int] = {}
_watch: set[asyncio.Task[None]] = set()


async def join(workspace: Workspace) -> Feed:
    """The workspace's feed, followed from now on; `leave` it in any case. Raises redis.RedisError."""
    feed = _feeds.get(workspace.workspace_id)
    if feed is None:
        feed = _feeds[workspace.workspace_id] = Feed(workspace)
    _listeners[feed] = _listeners.get(feed, 0) + 1
    if not _watch:
        _watch.add(asyncio.create_task(_watch_valkey()))
    try:
        await feed.started()
    except BaseException:
        await leave(feed)
        raise
    return feed


async def leave(feed: Feed) -> None:
    _listeners[feed] -= 1
    if _listeners[feed]:
        return
    del _listeners[feed]
    _forget(feed)
    if not _listeners:
        for task in _watch:
            task.cancel()
        _watch.clear()
    await feed.stop()


def _forget(feed: Feed) -> None:
    for workspace_id in [workspace_id for workspace_id, known in _feeds.items() if known is feed]:
        del _feeds[workspace_id]


async def _watch_valkey() -> None:
    """When Valkey was started anew, what was published meanwhile is lost: every feed ends, and whoever comes again gets
    a new one."""
    known = ""
    while True:
        try:
            now = await run_id()
            if known and now != known:
                for feed in list(_feeds.values()):
                    feed.end()
                _feeds.clear()
            known = now
        except redis.RedisError:
            pass  # it does not answer now
        except Exception:
            log.exception("Whether Valkey was started anew is not known")
        await asyncio.sleep(settings.TOKEN_CHECK_SECONDS)
