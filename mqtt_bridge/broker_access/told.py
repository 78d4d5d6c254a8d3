"""What the broker was told last of each account's rights, by whichever process: a digest in Valkey."""

import contextlib
import hashlib
from collections.abc import Collection, Iterable

import redis
from msgspec import json

from cloudapi.valkey import client, text
from mqtt_bridge.broker_access.access import Access

#: User name → digest of its role.
_KEY = "cloudapi:rights:told"


def note(accesses: Iterable[Access]) -> None:
    """The broker was told these. Raises redis.RedisError."""
    if listed := list(accesses):
        client().hset(_KEY, mapping={access.username: _digest(access) for access in listed})


def forget(usernames: Collection[str]) -> None:
    """These accounts were made anew or have ended: what the broker was told before says nothing any more."""
    if usernames:
        with contextlib.suppress(redis.RedisError):
            client().hdel(_KEY, *usernames)


def is_known(access: Access) -> bool:
    """Whether this is what the broker was told last. Raises redis.RedisError."""
    noted = client().hget(_KEY, access.username)
    return noted is not None and text(noted) == _digest(access)


def _digest(access: Access) -> str:
    return hashlib.sha256(json.encode(access.role)).hexdigest()
