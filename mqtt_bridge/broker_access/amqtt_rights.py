"""What amqtt's plugin knows of accounts' roles: read at most so often, however many messages ask."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mqtt_bridge.broker_access.roles import Role

#: How long (s) the roles of an account are taken as they were read.
FRESH_FOR = 1.0
#: So often per second they are read anew for a refusal: who has just been bound must not lose what it sends next, and
#: who sends nothing but what is forbidden must not keep the database busy.
SECOND_LOOKS = 5


@dataclass(slots=True)
class _Account:
    roles: list[Role] = field(default_factory=list)
    #: When the reading began; the roles are not older.
    read_at: float = float("-inf")
    second_looks: deque[float] = field(default_factory=lambda: deque(maxlen=SECOND_LOOKS))
    #: Who asks while they are read waits for the next reading, and all who wait share it.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def may_look_again(self, now: float) -> bool:
        return len(self.second_looks) < SECOND_LOOKS or now - self.second_looks[0] >= 1.0


class KnownRights:
    """`read` asks the tables for the roles of a user name."""

    def __init__(self, read: Callable[[str], Awaitable[list[Role]]]) -> None:
        self._read = read
        self._accounts: dict[str, _Account] = {}

    def note(self, username: str, roles: list[Role], read_at: float) -> None:
        """They were read elsewhere, beginning at `read_at` (monotonic)."""
        account = self._account(username)
        account.roles, account.read_at = roles, read_at

    async def recent(self, username: str) -> list[Role]:
        """As they were within the last second."""
        account = self._account(username)
        oldest = time.monotonic() - FRESH_FOR
        if account.read_at < oldest:
            async with account.lock:
                if account.read_at < oldest:
                    await self._renew(username, account)
        return account.roles

    async def now(self, username: str, asked_at: float) -> list[Role]:
        """As they are since `asked_at` (monotonic), unless that was asked too often within the last second."""
        account = self._account(username)
        async with account.lock:
            if account.read_at < asked_at and account.may_look_again(now := time.monotonic()):
                account.second_looks.append(now)
                await self._renew(username, account)
        return account.roles

    async def _renew(self, username: str, account: _Account) -> None:
        began = time.monotonic()
        account.roles = await self._read(username)
        account.read_at = began
        self._forget_stale(began)

    def _account(self, username: str) -> _Account:
        return self._accounts.setdefault(username, _Account())

    def _forget_stale(self, now: float) -> None:
        self._accounts = {
            username: account
            for username, account in self._accounts.items()
            if account.lock.locked() or now - account.read_at < FRESH_FOR
        }
