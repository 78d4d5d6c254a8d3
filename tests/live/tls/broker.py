"""A real Mosquitto with TLS, and a client that says what it can do there."""

import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from mqtt_bridge.device_ca import issuing
from mqtt_bridge.models import MqttCredential
from tests.certificates import Files, Pair, make
from tests.processes import Child, wait_until

SERVER, SERVER_PASSWORD = "server", "server-of-the-tests"
OWN, OTHER, STRANGER = "DOCK-1", "DOCK-2", "DOCK-OF-NOBODY"
REFUSED, NOTHING = "refused", "connected, no right"


class Client:
    """A plain MQTT client that says whether it got in."""

    def __init__(
        self, port: int, context: ssl.SSLContext | None, *, username: str = "", password: str | None = None,
        client_id: str = "any",
    ) -> None:  # fmt: skip
        self.is_connected, self.ended = False, threading.Event()
        self.answered = threading.Event()
        self.granted: list[bool] = []
        self.heard: list[str] = []
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        if context is not None:
            self.client.tls_set_context(context)
        if username:
            self.client.username_pw_set(username, password)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = lambda _client, _data, _mid, reasons, _properties: self.granted.extend(
            not reason.is_failure for reason in reasons
        )
        self.client.on_message = lambda _client, _data, message: self.heard.append(message.topic)
        try:
            self.client.connect("localhost", port)
        except OSError:  # the handshake failed, ssl.SSLError is one
            return
        self.client.loop_start()
        # With TLS 1.3 the broker looks at the certificate when the client thinks that the handshake is over.
        assert self.answered.wait(10), "the broker neither answers nor hangs up"

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.is_connected = not reason.is_failure
        self.answered.set()

    def _on_disconnect(self, *_arguments: Any) -> None:
        self.is_connected = False
        self.ended.set()
        self.answered.set()

    def grants(self, *filters: str) -> list[bool]:
        before = len(self.granted)
        self.client.subscribe([(topic_filter, 1) for topic_filter in filters])
        wait_until(lambda: len(self.granted) == before + len(filters), "the broker answers the subscription")
        return self.granted[before:]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@dataclass
class Broker:
    """Mosquitto with three listeners: plain, TLS with passwords, TLS with client certificates."""

    directory: Path
    plain: int
    tls: int
    client_auth: int
    child: Child
    public_ca: Pair
    trusted: str
    clients: list[Client] = field(default_factory=list)

    def context(self, own: Files | None = None, *, trusted: str = "") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=trusted or self.trusted)
        if own is not None:
            context.load_cert_chain(*own)
        return context

    def connect(self, port: int, context: ssl.SSLContext | None = None, **options: Any) -> Client:
        self.clients.append(Client(port, context, **options))
        return self.clients[-1]

    def with_certificate(self, own: Files | None, **options: Any) -> Client:
        return self.connect(self.client_auth, self.context(own), **options)

    def server(self, client_id: str = "server-of-the-test") -> Client:
        return self.connect(self.plain, username=SERVER, password=SERVER_PASSWORD, client_id=client_id)

    def issue(self, sn: str, request: bytes | None = None) -> tuple[Files, str]:
        """Files of a new certificate, and its serial number."""
        issued = issuing.issue(sn=sn, days=30, request=request)
        files = Files(f"{self.directory}/{issued.row.serial}.pem", f"{self.directory}/{issued.row.serial}.key")
        Path(files.certificate).write_bytes(issued.certificate)
        if issued.key is not None:
            Path(files.key).write_bytes(issued.key)
        return files, issued.row.serial

    def signed(self, cn: str, **options: Any) -> Files:
        """Signed by our device CA behind the back of `issue`."""
        authority = issuing.existing()
        issuer = Pair(authority.certificate, authority.key)
        return make(cn, issuer, **options).write(self.directory, f"signed-{len(list(self.directory.iterdir()))}")

    def rights(self, client: Client) -> str:
        """What somebody who got in can do with the topics of three gateways and the broker's own."""
        if not client.is_connected:
            return REFUSED
        hearer = self.server("hearer")
        assert all(hearer.grants("thing/product/+/requests", "$SYS/broker/forged"))
        sns = (OWN, OTHER, STRANGER)
        for topic in (*(f"thing/product/{sn}/requests" for sn in sns), "$SYS/broker/forged"):
            client.client.publish(topic, "{}", qos=1).wait_for_publish(10)
        filters = [*(f"thing/product/{sn}/requests_reply" for sn in sns), "#", "thing/#", "$SYS/#", "$CONTROL/#"]
        granted = [name for name, yes in zip(filters, client.grants(*filters), strict=True) if yes]
        hearer.client.publish("thing/product/LAST/requests", "{}", qos=1)
        wait_until(lambda: "thing/product/LAST/requests" in hearer.heard, "all that came before has been delivered")
        heard = list(hearer.heard)
        hearer.close()
        names = [sn for sn in sns if f"thing/product/{sn}/requests" in heard]
        assert granted == [f"thing/product/{sn}/requests_reply" for sn in names], granted
        assert not any(topic.startswith("$") for topic in heard)
        return f"rights of {' and '.join(names)}" if names else NOTHING


def password_of(sn: str) -> str:
    return MqttCredential.objects.unscoped().get(gateway_sn=sn).password


def issued(b: Broker, sn: str = OWN, **options: Any) -> Client:
    return b.with_certificate(b.issue(sn)[0], **options)
