"""How many live sockets a user and a workspace may have open, in all processes together, and how much a client may say.

A place is kept in Valkey for `LEASE_SECONDS` and renewed while the socket is open, so that what a killed process held
is free soon.
"""

import time
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from cloudapi.valkey import client

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0
#: So many messages a client may send in so many seconds.
MESSAGES, PER_SECONDS = 200, 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one socket (`name`) among those of its user and its workspace.

    The methods raise redis.RedisError.
    """

    name: str
    user_id: int
    workspace_id: UUID

    def take(self) -> bool:
        """False if the user or the workspace has too many."""
        now = time.time()
        pipeline = client().pipeline()
        for key, _limit in self._limits():
            pipeline.zremrangebyscore(key, "-inf", now)
            pipeline.zadd(key, {self.name: now + LEASE_SECONDS})
            pipeline.expire(key, int(2 * LEASE_SECONDS))
            pipeline.zcard(key)
        counts = pipeline.execute()[3::4]
        if all(count <= limit for count, (_key, limit) in zip(counts, self._limits(), strict=True)):
            return True
        self.leave()
        return False

    def renew(self) -> None:
        pipeline = client().pipeline()
        for key, _limit in self._limits():
            pipeline.zadd(key, {self.name: time.time() + LEASE_SECONDS})
            pipeline.expire(key, int(2 * LEASE_SECONDS))
        pipeline.execute()

    def leave(self) -> None:
        pipeline = client().pipeline()
        for key, _limit in self._limits():
            pipeline.zrem(key, self.name)
        pipeline.execute()

    def _limits(self) -> tuple[tuple[str, int], ...]:
        return (
            (f"cloudapi:sockets:user:{self.user_id}", settings.SOCKETS_PER_USER),
            (f"cloudapi:sockets:workspace:{self.workspace_id.hex}", settings.SOCKETS_PER_WORKSPACE),
        )


@dataclass(slots=True)
class Patience:
    """Counts what a client says."""

    began: float = field(default_factory=time.monotonic)
    heard: int = 0

    def ends(self) -> bool:
        """Note a message; True if it was one too many."""
        if time.monotonic() - self.began > PER_SECONDS:
            self.began, self.heard = time.monotonic(), 0
        self.heard += 1
        return self.heard > MESSAGES
