"""The connection pools to Valkey (or Redis) of a process: one for threads, one for the event loop."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import redis
from django.conf import settings
from django.db import transaction
from redis import asyncio as redis_asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)


_PATIENCE: dict[str, Any] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 30,
}
_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, redis_asyncio.Redis] = WeakKeyDictionary()


@cache
def client() -> redis.Redis:
    """Thread-safe. Gives up soon, since whoever waits for Valkey holds up a device's answer or a tick: one immediate
    retry covers a connection that a restart of Valkey has cut, what is slower is the caller's business."""
    return redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 1), **_PATIENCE)


def async_client() -> redis_asyncio.Redis:
    """The same for coroutines of the running loop. Many may ask at once, few connections answer them."""
    loop = asyncio.get_running_loop()
    if loop not in _async_clients:
        pool = redis_asyncio.BlockingConnectionPool.from_url(
            settings.REDIS_URL, max_connections=8, timeout=5, retry=AsyncRetry(NoBackoff(), 1), **_PATIENCE
        )
        _async_clients[loop] = redis_asyncio.Redis.from_pool(pool)
    return _async_clients[loop]


class Exchange:
    """Commands that Valkey carries out while the next ones are made; all answers are read at the end."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._sent = 0

    def send(self, *command: Any) -> None:
        """Raises redis.RedisError."""
        self._connection.send_packed_command(self._connection.pack_command(*command), check_health=not self._sent)
        self._sent += 1

    def answers(self) -> list[Any]:
        """In the order of the commands. Raises redis.RedisError, also for an answer that is an error."""
        unread, self._sent = self._sent, 0
        return [self._connection.read_response() for _ in range(unread)]


@contextlib.contextmanager
def exchange() -> Iterator[Exchange]:
    """One connection for one `Exchange`. Whatever goes wrong, nobody else reads its answers."""
    pool = client().connection_pool
    connection: Any = pool.get_connection()
    try:
        yield Exchange(connection)
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


async def run_id() -> str:
    """Changes when Valkey is started anew. Raises redis.RedisError."""
    return text((await async_client().info("server"))["run_id"])


def text(answer: object) -> str:
    """A name in an answer of Valkey; they arrive as bytes, which the client's types do not know."""
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def after_commit(write: Callable[[], object]) -> None:
    """Write to Valkey once the transaction is committed. What is committed stays so when Valkey does not answer: live
    state is made again from the next messages and the database."""
    transaction.on_commit(lambda: _attempt(write), robust=True)


@dataclass
class _Gathered:
    write: Callable[[Sequence[str]], object]
    names: dict[str, None]

    def __call__(self) -> None:
        _attempt(lambda: self.write(tuple(self.names)))


def after_commit_together(write: Callable[[Sequence[str]], object], names: Iterable[str]) -> None:
    """Like `after_commit`, once for the names of all calls in this transaction, each name once."""
    added = dict.fromkeys(names)
    connection = transaction.get_connection()
    for savepoints, gathered, _robust in connection.run_on_commit:
        # Those of a savepoint that is rolled back later must not take others' with them.
        is_same = isinstance(gathered, _Gathered) and gathered.write == write
        if is_same and savepoints == set(connection.savepoint_ids):
            gathered.names.update(added)
            return
    if added:
        transaction.on_commit(_Gathered(write, added), robust=True)


def _attempt(write: Callable[[], object]) -> None:
    try:
        write()
    except redis.RedisError as error:
        log.warning("Valkey does not answer, so live state follows later: %s", error)


#: Names that are counted come from outside; beyond this many different ones the rest is counted together.
MAX_COUNTED = 500


def count(key: str, name: str) -> None:
    """Count one event under a name, in a hash of all processes. Counting never fails what is counted."""
    with contextlib.suppress(redis.RedisError):
        known = client().hexists(key, name) or client().hlen(key) < MAX_COUNTED
        client().hincrby(key, name if known else "(other)")


def counts(key: str) -> dict[str, int]:
    """What was counted under a key. Raises redis.RedisError."""
    return {text(name): int(value) for name, value in client().hgetall(key).items()}
