"""Which devices' live values are due on Valkey's disk, so that last known values outlive a restart of everything.

Live values reach Valkey without its append-only file (`store.lua`). Once in a while `keep.lua` writes those that have
changed into it, in Valkey alone: no value travels, and it does not matter which worker heard of it.
"""

import time
from collections.abc import Iterable
from itertools import islice, takewhile
from pathlib import Path

from cloudapi.valkey import exchange
from devices import live

KEEP_SECONDS = 30.0
#: Per tick. A script of so many devices keeps Valkey from everything else for a few milliseconds.
DEVICES_AT_A_TIME = 200
_KEEP = (Path(__file__).parent / "keep.lua").read_text()


class Keeping:
    """Belongs to one thread."""

    def __init__(self) -> None:
        #: SN → when it first changed since it was kept (monotonic, s); so the oldest come first.
        self._changed: dict[str, float] = {}

    def note(self, sns: Iterable[str]) -> None:
        """These have changed, and Valkey has it."""
        now = time.monotonic()
        for sn in sns:
            self._changed.setdefault(sn, now)

    def keep(self, *, everything: bool = False) -> None:
        """Keep who is due, or at the end of the process everybody. Raises redis.RedisError."""
        oldest = float("inf") if everything else time.monotonic() - KEEP_SECONDS
        while sns := [*islice(takewhile(lambda sn: self._changed[sn] <= oldest, self._changed), DEVICES_AT_A_TIME)]:
            with exchange() as valkey:
                valkey.send("EVAL", _KEEP, len(sns), *(live.VALUES_KEY.format(sn=sn) for sn in sns))
                valkey.answers()
            for sn in sns:
                del self._changed[sn]
            if not everything:
                return
