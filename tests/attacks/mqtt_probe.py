"""An attacker's MQTT client: it says anything, and keeps what the broker answers and delivers."""

import socket
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.processes import wait_until


class Account(NamedTuple):
    username: str
    password: str
    #: SN of the gateway that it is for.
    sn: str

    @classmethod
    def of(cls, printed: dict[str, Any]) -> "Account":
        """As `add_gateway --json` prints it."""
        return cls(printed["mqtt_username"], printed["mqtt_password"], printed["sn"])


class Probe:
    """A connection with an account, by default with its SN as client id. Use it as a context."""

    def __init__(
        self, port: int, account: Account | None, *, client_id: str = "", mqtt5: bool = False,
        will: tuple[str, bytes] | None = None, will_retain: bool = False, clean: bool = True,
    ) -> None:  # fmt: skip
        self.answer = ""
        self.session_present = False
        self.is_connected = False
        self.lost = 0
        self.granted: list[bool] = []
        self.messages: list[tuple[str, bytes, bool]] = []
        client_id = client_id or (account.sn if account else "nobody")
        version = mqtt.MQTTv5 if mqtt5 else mqtt.MQTTv311
        options: dict[str, Any] = {} if mqtt5 else {"clean_session": clean}
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False, **options
        )
        if account is not None:
            self.client.username_pw_set(account.username, account.password)
        if will:
            self.client.will_set(*will, qos=1, retain=will_retain)
        self.client.on_connect = self._connected
        self.client.on_disconnect = self._disconnected
        self.client.on_subscribe = lambda _c, _d, _mid, reasons, _p: self.granted.extend(
            not reason.is_failure for reason in reasons
        )
        self.client.on_message = lambda _c, _d, message: self.messages.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        self._port = port

    def __enter__(self) -> Self:
        self.client.connect("127.0.0.1", self._port, keepalive=60)
        self.client.loop_start()
        wait_until(lambda: bool(self.answer or self.lost), "the broker answers the connection", 20, 0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, *filters: str) -> list[bool]:
        """Which of these the broker grants; all False when it ends the connection instead."""
        before = len(self.granted)
        self.client.subscribe([(each, 1) for each in filters])
        wait_until(lambda: len(self.granted) == before + len(filters) or not self.is_connected, "SUBACK", 20, 0.01)
        return self.granted[before:] or [False] * len(filters)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, alias: int = 0) -> bool:
        """True if the broker has confirmed it, which says nothing of its delivery; False if it ended the connection."""
        properties = None
        if alias:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.TopicAlias = alias
        sent = self.client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        wait_until(lambda: sent.is_published() or not self.is_connected, f"{topic} is confirmed", 20, 0.01)
        return sent.is_published()

    def heard(self, payload: bytes) -> list[str]:
        """The topics on which this payload has arrived."""
        return [topic for topic, arrived, _retained in self.messages if arrived == payload]

    def wait_for(self, payload: bytes, seconds: float = 20) -> str:
        """The topic on which it arrived."""
        wait_until(lambda: bool(self.heard(payload)), f"{payload!r} arrives", seconds, 0.01)
        return self.heard(payload)[0]

    def drop(self) -> None:
        """Ends the connection without a word, so that the broker publishes the will."""
        connection = self.client.socket()
        assert isinstance(connection, socket.socket)
        connection.shutdown(socket.SHUT_RDWR)

    def _connected(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self.session_present = flags.session_present
        self.is_connected = not reason.is_failure
        self.answer = str(reason)

    def _disconnected(self, *_arguments: Any) -> None:
        self.is_connected = False
        self.lost += 1


def open_sockets(port: int, first_bytes: Iterable[bytes]) -> list[socket.socket]:
    """Connections that send this and then nothing more."""
    opened = []
    for sent in first_bytes:
        opened.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        if sent:
            opened[-1].sendall(sent)
    return opened


def marker() -> bytes:
    """A payload that nobody else sends."""
    return f"marker-{time.monotonic_ns()}".encode()
