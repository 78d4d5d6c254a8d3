"""What a feed was not told, found by looking at the tables now and then.

Announcements get lost: with a process that is killed between its commit and telling, with a connection to Valkey that
was cut and made anew. Whoever is shown a device would go on seeing it as it was.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

import redis
from channels.db import database_sync_to_async
from django.db import DatabaseError

from devices import live
from workspaces.models import Workspace

Described = Mapping[str, Any]
#: Changes all the time, and telemetry tells it.
_TOLD_OTHERWISE = "last_seen_at"


class Missed:
    """Compares each look at the devices of a workspace with the one before."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._before: dict[str, Described] | None = None
        self._told: set[str] = set()

    def told(self, sn: str) -> None:
        """The device was announced; if a look goes on, the announcement may be newer than what it sees."""
        self._told.add(sn)

    async def look(self) -> list[dict[str, Any]]:
        """Updates that say what has changed since the look before, announced or not; none by the first one, nor while
        the database or Valkey does not answer."""
        self._told.clear()
        with contextlib.suppress(DatabaseError, redis.RedisError):
            return self.compare(await database_sync_to_async(live.listed)(self._workspace))
        return []

    def compare(self, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`listed` as `live.listed` gives it."""
        now: dict[str, Described] = {
            device["sn"]: {field: value for field, value in device.items() if field != _TOLD_OTHERWISE}
            for device in listed
        }
        before, self._before = self._before, now
        if before is None:
            return []
        # The next look compares with what was before once more.
        for sn in self._told:
            now.pop(sn, None)
            if sn in before:
                now[sn] = before[sn]
        changed = [dict(described) for sn, described in now.items() if before.get(sn) != described]
        return [{"sn": sn, "removed": True} for sn in before.keys() - now.keys()] + changed
