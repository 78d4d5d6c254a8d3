"""One persistent MQTT session of the worker, in a thread of its own.

A QoS 1 message is acknowledged after it was taken. What cannot be taken (the queue does not answer) is left
unacknowledged and the connection is closed: the broker keeps everything that was not acknowledged and delivers it
again, so the worker needs no memory for it.
"""

import contextlib
import fcntl
import logging
import random
import termios
import threading
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
from django.conf import settings
from paho.mqtt.reasoncodes import ReasonCode

from mqtt_bridge.connection import REFUSALS, make_client

log = logging.getLogger(__name__)

#: A broker that stands still is noticed after twice this time (s), well before anybody's silence counts.
KEEPALIVE = 8
FIRST_DELAY, LAST_DELAY = 0.5, 2.0
#: A broker that does not answer must not hold up the end.
UNSUBSCRIBE_SECONDS = 2.0

Take = Callable[[str, bytes, bool], None]


class CredentialsRefused(Exception):
    """The broker does not accept the server's own account; only a person can help."""


class Session:
    """Connects, subscribes, takes messages, reconnects with jitter; until stopped or refused.

    take(topic, payload, retained) raises if the message must come again. may_connect() is asked before each connect.
    shared: the filters are shared subscriptions; whoever stops gives its part to the others, since brokers go on
    dealing messages to a session that is only away.
    """

    def __init__(
        self,
        client_id: str,
        filters: Sequence[str],
        take: Take,
        *,
        may_connect: Callable[[], bool] = lambda: True,
        shared: bool = False,
    ) -> None:
        self._client = make_client(client_id, persistent=True, manual_ack=True)
        self._client.on_connect = self._on_connect
        self._client.on_unsubscribe = self._on_unsubscribe
        self._shared = shared
        self._unsubscribed = threading.Event()
        self._client.on_message = self._on_message
        self._client.on_unconfirmed = self._on_unconfirmed
        self._filters = filters
        self._take = take
        self._may_connect = may_connect
        self._stopping = threading.Event()
        self._blocked = False
        self._delay = FIRST_DELAY
        self._thread = threading.Thread(target=self._run, name=client_id, daemon=True)
        self.subscribed = threading.Event()
        self.refused: str | None = None
        self.reconnects = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the message at hand, leave the session at the broker, close the connection."""
        if self._shared and self.subscribed.is_set():
            self._client.unsubscribe(list(self._filters))
            self._unsubscribed.wait(UNSUBSCRIBE_SECONDS)
        self._stopping.set()
        self._client.disconnect()
        self._thread.join(timeout=10)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def unread(self) -> int:
        """How many bytes have arrived that nobody has read yet."""
        count = array("i", [0])
        with contextlib.suppress(AttributeError, OSError, ValueError):  # no socket, or one that is being closed
            fcntl.ioctl(self._client.socket().fileno(), termios.FIONREAD, count)  # type: ignore[union-attr]
        return count[0]

    def _run(self) -> None:
        while not self._stopping.is_set() and self.refused is None:
            if self._may_connect():
                self._blocked = False
                try:
                    self._client.connect(settings.MQTT_HOST, settings.MQTT_PORT, keepalive=KEEPALIVE)
                    self._client.loop_forever()
                except (OSError, ValueError) as error:
                    log.warning(
                        "The broker at %s:%s cannot be reached: %s", settings.MQTT_HOST, settings.MQTT_PORT, error
                    )
            self.subscribed.clear()
            if self._stopping.is_set() or self.refused is not None:
                return
            # Jitter: several workers must not come back in step after the broker's restart.
            self._stopping.wait(self._delay * random.uniform(0.5, 1.5))  # noqa: S311
            self._delay = min(self._delay * 2, LAST_DELAY)
            self.reconnects += 1

    def _on_connect(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            if str(reason) in REFUSALS and settings.MQTT_BROKER != "emqx":
                self.refused = str(reason)
            else:
                # EMQX asks us about every login, ours too, and refuses it while no web process answers.
                log.warning("The broker does not let us in: %s", reason)
            client.disconnect()
            return
        self._delay = FIRST_DELAY
        client.subscribe([(topic_filter, 1) for topic_filter in self._filters])
        self.subscribed.set()
        log.info("Connected to the broker, subscribed to %s", ", ".join(self._filters))

    def _on_unsubscribe(self, *_arguments: Any) -> None:
        self._unsubscribed.set()

    def _on_message(self, client: mqtt.Client, _userdata: Any, received: mqtt.MQTTMessage) -> None:
        try:
            topic = received.topic
        except UnicodeDecodeError:
            topic = ""
        if self._taken(topic, bytes(received.payload), received.retain) and received.qos:
            client.ack(received.mid, received.qos)

    def _on_unconfirmed(self, topic: bytes, payload: bytes, retained: bool) -> None:
        self._taken(topic.decode(errors="replace"), payload, retained)

    def _taken(self, topic: str, payload: bytes, retained: bool) -> bool:
        """Take a message. What was not taken stays unacknowledged and comes again, in order."""
        if self._blocked or self._stopping.is_set():
            return False
        try:
            self._take(topic, payload, retained)
        except Exception as error:
            self._blocked = True
            log.warning("Requests wait at the broker: the queue does not answer (%s)", error)
            self._client.disconnect()
            return False
        return True
