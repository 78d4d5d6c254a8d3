"""Which devices' live values are due on Valkey's disk, so that last known values outlive a restart of everything.

Live values reach Valkey without its append-only file (`store.lua`). Once in a while `keep.lua` writes those that have
changed into it, in Valkey alone: no value travels, and it does not matter which worker heard of it.
"""

import time
from collections.abc import Iterable
from itertools import islice, takewhile
from pathlib import Path

from django.conf import settings

from cloudapi.valkey import exchange
from devices import live
from devices.directory import Directory

#: A device is written once in so many seconds, or in twice as many when all have changed at once. Everybody else in
#: Valkey waits meanwhile, so each tick writes an even share.
KEEP_SECONDS = 30.0
#: At the end of the process, when there are no more ticks.
DEVICES_AT_A_TIME = 200
_KEEP = (Path(__file__).parent / "keep.lua").read_text()


class Keeping:
    """Belongs to one thread."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        #: SN → when it first changed since it was kept (monotonic, s); so the oldest come first.
        self._changed: dict[str, float] = {}

    def note(self, sns: Iterable[str]) -> None:
        """These have changed, and Valkey has it."""
        now = time.monotonic()
        for sn in sns:
            self._changed.setdefault(sn, now)

    def keep(self) -> None:
        """Keep a tick's share of those who are due. Raises redis.RedisError."""
        due = time.monotonic() - KEEP_SECONDS
        share = 1 + int(len(self._changed) * settings.LIVE_TICK_SECONDS / KEEP_SECONDS)
        self._keep([*islice(takewhile(lambda sn: self._changed[sn] <= due, self._changed), share)])

    def keep_everything(self) -> None:
        """Raises redis.RedisError."""
        while self._changed:
            self._keep([*islice(self._changed, DEVICES_AT_A_TIME)])

    def _keep(self, sns: list[str]) -> None:
        if not sns:
            return
        owners = ((sn, entry.workspace_id) for sn in sns if (entry := self._directory.get(sn)) is not None)
        keys = [live.values_key(workspace_id, sn) for sn, workspace_id in owners if workspace_id is not None]
        with exchange() as valkey:
            valkey.send("EVAL", _KEEP, len(keys), *keys)
            valkey.answers()
        for sn in sns:
            del self._changed[sn]
