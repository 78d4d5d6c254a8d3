"""All values of the devices that somebody looks at, for the sockets of a workspace in this process.

Frames name the devices that were heard. Of those, only the ones that are looked at are read from Valkey, where the
worker put the values before it published; what differs from the time before is what listeners get.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import redis
from channels.db import database_sync_to_async

from devices import heard, live
from devices.models import Device
from devices.stream import Stream
from workspaces.models import Workspace

log = logging.getLogger(__name__)


class Opened:
    """`all`: deltas with all values of all devices, see `following_all`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.all = Stream()
        self._followers_of_all = 0
        self._streams: dict[str, Stream] = {}
        self._followers: dict[str, int] = {}
        self._values: dict[str, dict[str, bytes]] = {}
        self._due: set[str] = set()
        self._lock = asyncio.Lock()

    # --- for listeners ------------------------------------------------------------------------------------------------
    async def snapshot(self) -> tuple[str, int]:
        """The frame with all values of all devices, and the position in `all` from which on to follow.

        Raises what the database and Valkey raise.
        """
        position = self.all.position
        devices = await database_sync_to_async(live.listed)(self._workspace)
        async with self._lock:
            await self._refresh([device["sn"] for device in devices if device["sn"] not in self._values])
            for device in devices:
                device["values"] = live.raw_json(self._values.get(device["sn"], {}))
        return live.frame("snapshot", heard.now_ms(), devices), position

    @contextlib.contextmanager
    def following_all(self) -> Iterator[Stream]:
        """`all` is made as long as somebody is in here."""
        self._followers_of_all += 1
        try:
            yield self.all
        finally:
            self._followers_of_all -= 1
            if not self._followers_of_all:
                self._values = {sn: values for sn, values in self._values.items() if sn in self._streams}

    async def open(self, sn: str) -> tuple[str, Stream] | None:
        """The frame with all values of a device, and its stream to follow from its position on; None if it is not here.

        Raises what the database and Valkey raise.
        """
        if sn not in self._streams and not await database_sync_to_async(self._is_here)(sn):
            return None
        async with self._lock:
            stream = self._streams.setdefault(sn, Stream("details"))
            self._followers[sn] = self._followers.get(sn, 0) + 1
            try:
                if sn not in self._values:
                    await self._refresh([sn])
            except BaseException:
                self.close(sn)
                raise
            return self._details(sn, self._values.get(sn, {}), heard.now_ms()), stream

    def close(self, sn: str) -> None:
        """One listener has closed it."""
        if (left := self._followers.get(sn, 0) - 1) > 0:
            self._followers[sn] = left
            return
        self._streams.pop(sn, None)
        self._followers.pop(sn, None)
        if not self._followers_of_all:
            self._values.pop(sn, None)

    def stream(self, sn: str) -> Stream | None:
        """None once the device has left."""
        return self._streams.get(sn)

    # --- for the feed -------------------------------------------------------------------------------------------------
    def removed(self, sn: str) -> None:
        """It has left the workspace: its streams end."""
        self._streams.pop(sn, None)
        self._followers.pop(sn, None)
        self._values.pop(sn, None)

    async def take(self, at: int, updates: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Read the values of what the updates (SN, update) name, as far as somebody looks; append to the streams."""
        if not self._followers_of_all and not self._streams:
            return
        async with self._lock:
            named = {sn for sn, update in updates if "removed" not in update} | self._due
            wanted = named if self._followers_of_all else named & self._streams.keys()
            try:
                changed = await self._refresh(sorted(wanted))
                self._due = set()
            except redis.RedisError as error:
                log.warning("Valkey does not answer (%s); values of opened devices wait", error)
                changed, self._due = {}, set(wanted)
            for sn in changed.keys() & self._streams.keys():
                self._streams[sn].append(self._details(sn, changed[sn], at))
            if self._followers_of_all:
                self.all.append(live.frame("delta", at, _with_values(updates, changed)))

    async def _refresh(self, sns: Sequence[str]) -> dict[str, dict[str, bytes]]:
        """Read these devices' values; what has changed since the time before."""
        changed = {}
        for sn, now in zip(sns, await live.values(self._workspace.workspace_id, sns) if sns else (), strict=True):
            before = self._values.get(sn, {})
            if news := {key: raw for key, raw in now.items() if before.get(key) != raw}:
                changed[sn] = news
            self._values[sn] = now
        return changed

    def _is_here(self, sn: str) -> bool:
        return Device.objects.in_workspace(self._workspace).filter(sn=sn).exists()

    @staticmethod
    def _details(sn: str, values: Mapping[str, bytes], at: int) -> str:
        return live.frame("details", at, [{"sn": sn, "values": live.raw_json(values)}])


def _with_values(
    updates: Iterable[tuple[str, Mapping[str, Any]]], changed: dict[str, dict[str, bytes]]
) -> list[dict[str, Any]]:
    """The updates with all that has changed instead of what lists show of it."""
    merged = []
    for sn, update in updates:
        entry = {field: value for field, value in update.items() if field != "values"}
        if "removed" not in update and sn in changed:
            entry["values"] = live.raw_json(changed.pop(sn))
        merged.append(entry)
    return [*merged, *({"sn": sn, "values": live.raw_json(values)} for sn, values in changed.items())]
