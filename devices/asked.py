"""What one client has asked to see all values of, and sending it."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import msgspec
import redis
from django.conf import settings
from django.db import Error as DatabaseError

from devices.opened import Opened
from devices.sn import is_sn
from devices.stream import Stream

#: A page shows the values of one device; a script may look at some more. One more closes the one opened first.
MOST = 8
#: Longer messages are not read.
MOST_CHARACTERS = 256


class _Ask(msgspec.Struct):
    type: Literal["open", "close"]
    sn: str


_read = msgspec.json.Decoder(_Ask).decode


class _Followed(NamedTuple):
    ask: int
    stream: Stream
    position: int


class Asked:
    """`hear` notes what the client says, `follow` sends. Asks are served once per tick, so that asking faster costs
    nothing; a device that is not in the workspace is as silent as one that does not exist."""

    def __init__(self) -> None:
        self._asks: dict[str, int] = {}
        self._numbers = itertools.count()
        self._heard = asyncio.Event()
        self._followed: dict[str, _Followed] = {}

    def hear(self, text: str) -> None:
        """Take `{"type": "open" | "close", "sn": …}`; anything else says nothing."""
        if len(text) > MOST_CHARACTERS:
            return
        try:
            ask = _read(text)
        except msgspec.MsgspecError:
            return
        self._asks.pop(ask.sn, None)
        if ask.type == "open" and is_sn(ask.sn):
            self._asks[ask.sn] = next(self._numbers)
        if len(self._asks) > MOST:
            del self._asks[next(iter(self._asks))]
        self._heard.set()

    async def follow(self, opened: Opened, deliver: Callable[[str], Awaitable[None]]) -> None:
        """Send what is asked for, until cancelled."""
        try:
            while True:
                await self._heard.wait()
                for sn in [sn for sn, followed in self._followed.items() if self._asks.get(sn) != followed.ask]:
                    self._close(opened, sn)
                for sn, ask in list(self._asks.items()):
                    # Who asks during an outage is served after it.
                    with contextlib.suppress(redis.RedisError, DatabaseError):
                        if text := await self._news(opened, sn, ask):
                            await deliver(text)
                if not self._asks:
                    self._heard.clear()
                else:
                    await asyncio.sleep(settings.LIVE_TICK_SECONDS)
        finally:
            for sn in list(self._followed):
                self._close(opened, sn)

    async def _news(self, opened: Opened, sn: str, ask: int) -> str | None:
        followed = self._followed.get(sn)
        if followed is None:
            found = await opened.open(sn)
            if found is None:
                self._asks.pop(sn, None)
                return None
            text, stream = found
            self._followed[sn] = _Followed(ask, stream, stream.position)
            return text
        stream = followed.stream
        if opened.stream(sn) is not stream:  # it has left the workspace
            del self._followed[sn]
            self._asks.pop(sn, None)
            return None
        if stream.position == followed.position:
            return None
        text_or_none = stream.since(followed.position)
        self._followed[sn] = followed._replace(position=stream.position)
        if text_or_none is None:
            self._close(opened, sn)  # too much was missed: it is opened again
        return text_or_none

    def _close(self, opened: Opened, sn: str) -> None:
        followed = self._followed.pop(sn)
        if opened.stream(sn) is followed.stream:
            opened.close(sn)
