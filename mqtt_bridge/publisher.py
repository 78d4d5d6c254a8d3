"""Publishing from tasks: one connection per process, made on first use (so after Celery's fork)."""

import os
import threading
import time
import uuid
from collections.abc import Callable

import paho.mqtt.client as mqtt
from django.conf import settings
from paho.mqtt.reasoncodes import ReasonCode

from mqtt_bridge.connection import make_client

CONNECT_SECONDS = 5.0
CONFIRM_SECONDS = 5.0


class NotPublished(Exception):
    """The broker did not confirm the message."""


class _Connection:
    """One MQTT connection; thrown away at the first failure."""

    def __init__(self) -> None:
        self._accepted = threading.Event()
        self._ended = threading.Event()
        self._client = make_client(f"cloudapi-reply-{os.getpid()}-{uuid.uuid4().hex[:8]}")
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_args: self._ended.set()
        try:
            self._client.connect(settings.MQTT_HOST, settings.MQTT_PORT, keepalive=30)
        except OSError as error:
            raise NotPublished(f"the broker cannot be reached: {error}") from error
        self._client.loop_start()
        if not self._until(self._accepted.is_set, self._accepted.wait, CONNECT_SECONDS):
            self.close()
            raise NotPublished("the broker did not accept the connection")

    def _on_connect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if not reason.is_failure:
            self._accepted.set()

    def _until(self, is_done: Callable[[], bool], wait: Callable[[float], object], seconds: float) -> bool:
        """Waits; not any longer when the connection has ended, since other answers wait behind this one."""
        deadline = time.monotonic() + seconds
        while not is_done() and not self._ended.is_set() and time.monotonic() < deadline:
            wait(0.05)
        return is_done()

    def is_usable(self) -> bool:
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes) -> None:
        try:
            info = self._client.publish(topic, payload, qos=1)
            confirmed = self._until(info.is_published, info.wait_for_publish, CONFIRM_SECONDS)
        except (RuntimeError, ValueError) as error:
            raise NotPublished(str(error)) from error
        if not confirmed:
            raise NotPublished(f"no confirmation within {CONFIRM_SECONDS} s")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


_connections: dict[int, _Connection] = {}
_lock = threading.Lock()


def publish(topic: str, payload: bytes) -> None:
    """Publish with QoS 1 and wait for the broker's confirmation. Thread-safe. Raises NotPublished."""
    connection = _connection()
    try:
        connection.publish(topic, payload)
    except NotPublished:
        with _lock:
            if _connections.get(os.getpid()) is connection:
                del _connections[os.getpid()]
        connection.close()
        raise


def _connection() -> _Connection:
    with _lock:
        connection = _connections.get(os.getpid())
        if connection is None or not connection.is_usable():
            if connection is not None:
                connection.close()
            connection = _connections[os.getpid()] = _Connection()
        return connection
