"""Making a paho client the way every part of the platform needs it."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from django.conf import settings
from paho.mqtt.enums import CallbackAPIVersion

from mqtt_bridge.read_ahead import ReadAheadClient

#: Reason codes with which a broker says that it does not want us; trying again does not help.
REFUSALS = (
    "Not authorized",
    "Bad user name or password",
    "Client identifier not valid",
    "Unsupported protocol version",
)


def make_client(client_id: str, *, persistent: bool = False, manual_ack: bool = False) -> ReadAheadClient:
    """A client with the server's own account, not yet connected. MQTT 3.1.1: it costs half of 5.0 in paho, and devices
    that speak 5.0 are heard all the same."""
    client = ReadAheadClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=not persistent,
        protocol=mqtt.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=manual_ack,
    )
    client.on_socket_open = _no_delay
    client.max_inflight_messages_set(1000)
    if settings.MQTT_USERNAME:
        client.username_pw_set(settings.MQTT_USERNAME, settings.MQTT_PASSWORD)
    if settings.MQTT_TLS:
        client.tls_set_context(ssl.create_default_context())
    return client


def _no_delay(_client: mqtt.Client, _userdata: Any, sock: Any) -> None:
    # paho does not set it, and Nagle's algorithm holds small packets back for up to 18 ms.
    raw: Callable[..., Any] = getattr(sock, "setsockopt", lambda *_args: None)
    raw(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
