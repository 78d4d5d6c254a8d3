"""What an operator's page shows, held against what is true."""

import asyncio
import json
import math
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException


class Truth(NamedTuple):
    """Whether a device is online since then (time.monotonic); None while either may be shown."""

    online: bool | None
    since: float


class Change(NamedTuple):
    at: float
    sn: str
    online: bool


@dataclass
class Figures:
    """worst: seconds and SN of who was shown wrongly for longest, counted while nothing is broken. false_offline: of
    those that were online since before it broke."""

    worst: tuple[float, str] = (0.0, "")
    false_offline: list[str] = field(default_factory=list)


class Watch:
    """Lives in the loop of the fleet. `shown` and `changes` are what the pages said."""

    def __init__(self, http_url: str) -> None:
        self._url = http_url
        self.shown: dict[str, bool] = {}
        self.changes: list[Change] = []
        self.truth: dict[str, Truth] = {}
        self.figures = Figures()
        self.connections = 0
        self._broken_at, self._recovered_at = math.inf, 0.0
        self._is_broken = False

    # --- what is true -------------------------------------------------------------------------------------------------
    def expect(self, sn: str, online: bool | None) -> None:
        known = self.truth.get(sn)
        if known is None or known.online is not online:
            self.truth[sn] = Truth(online, time.monotonic())

    def broken(self) -> None:
        """From now until `recovered` nobody can expect the page to be right; yet nobody may go offline falsely."""
        self._is_broken = True
        self._broken_at = time.monotonic()
        self.figures = Figures()

    def recovered(self) -> None:
        self._recovered_at = time.monotonic()
        self._is_broken = False

    def wrong(self) -> list[str]:
        """SNs that are shown wrongly at this moment."""
        return [
            sn
            for sn, truth in self.truth.copy().items()
            if truth.online is not None and self.shown.get(sn, False) is not truth.online
        ]

    def wrongly_offline(self) -> list[str]:
        return [sn for sn in self.wrong() if self.truth[sn].online]

    def story(self, sn: str) -> str:
        """What was shown of a device lately, counted from the moment since which it is as it is."""
        truth = self.truth[sn]
        shown = [
            f"{change.at - truth.since:+.1f} s {change.online}" for change in self.changes.copy() if change.sn == sn
        ]
        return f"{sn} online: {truth.online}, recovered {self._recovered_at - truth.since:+.1f} s, shown: {shown[-6:]}"

    # --- coroutines ---------------------------------------------------------------------------------------------------
    async def follow(self, workspace_id: str, cookie: str) -> None:
        """Read the frames of a workspace; connect again when the server closes, and only then."""
        url = f"{self._url.replace('http', 'ws', 1)}/ws/workspaces/{workspace_id}/?detail=summary"
        while True:
            try:
                async with connect(
                    url, additional_headers={"Cookie": cookie}, origin=self._url, max_size=None, ping_interval=None,  # type: ignore[arg-type]
                ) as socket:  # fmt: skip
                    self.connections += 1
                    async for text in socket:
                        self._take(json.loads(text))
            except (OSError, WebSocketException):
                pass
            await asyncio.sleep(0.5)

    async def audit(self) -> None:
        """Note who is shown wrongly and for how long."""
        while True:
            await asyncio.sleep(0.25)
            if not self._is_broken:
                now = time.monotonic()
                for sn in self.wrong():
                    seconds = now - max(self.truth[sn].since, self._recovered_at)
                    self.figures.worst = max(self.figures.worst, (seconds, sn))

    def _take(self, frame: dict[str, Any]) -> None:
        now = time.monotonic()
        for update in frame["devices"]:
            sn, online = update["sn"], update.get("online")
            if update.get("removed"):
                self.shown.pop(sn, None)
            elif online is not None:
                self._show(sn, online, now)

    def _show(self, sn: str, online: bool, now: float) -> None:
        if self.shown.get(sn) is not online:
            truth = self.truth.get(sn, Truth(None, 0))
            if self.shown.get(sn) and truth.online and truth.since < self._broken_at:
                self.figures.false_offline.append(sn)
            self.shown[sn] = online
            self.changes.append(Change(now, sn, online))
