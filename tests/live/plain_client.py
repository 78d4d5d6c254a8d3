"""A plain MQTT client that notes what happens to it."""

from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.processes import wait_until


class Device:
    """A plain MQTT client that notes what happens to it."""

    def __init__(self, port: int, username: str | None, password: str = "", **options: Any) -> None:
        self.connections: list[str] = []
        self.session_present = False
        self.granted: list[bool] = []
        self.messages: list[tuple[str, bytes, bool]] = []
        self.is_connected = False
        options = {"client_id": username or "nobody", "protocol": mqtt.MQTTv311, **options}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False, **options)
        if username is not None:
            self.client.username_pw_set(username, password)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = lambda _client, _data, _mid, reasons, _properties: self.granted.extend(
            not reason.is_failure for reason in reasons
        )
        self.client.on_message = lambda _client, _data, message: self.messages.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(lambda: bool(self.connections), "the broker answers the connection")

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self.session_present = flags.session_present
        self.is_connected = not reason.is_failure
        self.connections.append(str(reason))

    def _on_disconnect(self, *_arguments: Any) -> None:
        self.is_connected = False

    def subscribe(self, *filters: str) -> list[bool]:
        """Which of these the broker grants."""
        before = len(self.granted)
        self.client.subscribe([(topic_filter, 1) for topic_filter in filters])
        wait_until(lambda: len(self.granted) == before + len(filters), "the broker answers the subscription")
        return self.granted[before:]

    def publish(self, *topics: str) -> None:
        """Publishes one message to each, and waits until the broker has them."""
        for topic in topics:
            self.client.publish(topic, topic.encode(), qos=1).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


Connect = Callable[..., Device]
