"""How Celery speaks with Valkey, so that a worker outlives it."""

from typing import Any

from kombu.transport import redis as transport
from redis.exceptions import ConnectionError as ValkeyGone


class Channel(transport.Channel):
    """When the connection is lost, kombu 5.7.0 forgets where Valkey is, and not the channel: that is closed once more,
    and asked to acknowledge what was done meanwhile. A lost connection is expected there, and the tasks come back by
    themselves (`visibility_timeout`); kombu's AttributeError ended the worker, or let it hang with a task in its pool.
    """

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection.client is None:
            raise ValkeyGone("this channel's connection is closed")
        params: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        return params


class Transport(transport.Transport):
    Channel = Channel
