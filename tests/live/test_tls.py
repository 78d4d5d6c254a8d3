"""TLS and client certificates at a real Mosquitto: who gets in with what, and what they can do there."""

import os
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import call_command
from paho.mqtt.enums import CallbackAPIVersion
from pytest_django import Settings

from cloudapi.platform import ports, probes, servers
from mqtt_bridge import credentials
from mqtt_bridge.broker_access import dynsec_file
from mqtt_bridge.device_ca import ending, issuing
from mqtt_bridge.models import MqttCredential
from tests.certificates import Files, Pair, make
from tests.platform import Platform
from tests.processes import Child, wait_until
from workspaces import services

pytestmark = pytest.mark.live
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


@pytest.fixture
def broker(
    mosquitto: servers.Mosquitto, db: None, tmp_path: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    public_ca = make("A public CA", ca=True)
    own = make("localhost", public_ca, server=True).write(tmp_path, "broker")
    settings.DATA_DIR = tmp_path
    settings.DEVICE_CA_DIR = settings.DEVICE_CA_PUBLIC_DIR = tmp_path / "device_ca"
    settings.MQTT_BROKER, settings.MQTT_HOST, settings.MQTT_PORT = "dynsec", "127.0.0.1", ports.free()
    settings.MQTT_TLS_PORT, settings.MQTT_CLIENT_AUTH_PORT = ports.free(), ports.free()
    settings.MQTT_TLS_CERT, settings.MQTT_TLS_KEY = own
    settings.MQTT_USERNAME, settings.MQTT_PASSWORD = SERVER, SERVER_PASSWORD
    credentials.issue(sns=[OWN, OTHER], workspace=services.create_organization(name="Alpine"), model_key="3-2-0")
    directory = tmp_path / "mosquitto"
    part = servers.mosquitto(mosquitto, f"{settings.MQTT_PORT} 127.0.0.1", directory)
    dynsec_file.write(directory / servers.DYNSEC_FILE)
    tls = str(directory / servers.TLS_FILE)
    call_command("broker_tls", "--write", tls, "--address", "127.0.0.1", stdout=StringIO())
    child = Child(part.argv, tmp_path / "mosquitto.log", env=dict(os.environ))
    made = Broker(
        tmp_path_factory.mktemp("certificates"), settings.MQTT_PORT, settings.MQTT_TLS_PORT,
        settings.MQTT_CLIENT_AUTH_PORT, child, public_ca, public_ca.write(tmp_path, "public-ca").certificate,
    )  # fmt: skip
    child.start()
    try:
        wait_until(lambda: probes.broker("127.0.0.1", made.plain, SERVER, SERVER_PASSWORD), "Mosquitto answers")
        yield made
    finally:
        for client in made.clients:
            client.close()
        child.stop()


def password_of(sn: str) -> str:
    return MqttCredential.objects.unscoped().get(gateway_sn=sn).password


# --- the table --------------------------------------------------------------------------------------------------------
Attempt = Callable[[Broker], Client]


def issued(b: Broker, sn: str = OWN, **options: Any) -> Client:
    return b.with_certificate(b.issue(sn)[0], **options)


def by_request(b: Broker) -> Client:
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    files, _serial = b.issue(OWN, request.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    Path(files.key).write_bytes(pem)
    return b.with_certificate(files)


def by_another_ca(b: Broker, name: str = "Some CA") -> Client:
    another = make(name, ca=True)
    return b.with_certificate(make(OWN, another).write(b.directory, "another", [another]))


def by_a_gateway(b: Broker) -> Client:
    """A gateway uses its certificate as if it were an authority's."""
    authority = issuing.existing()
    gateway = make(OTHER, Pair(authority.certificate, authority.key))
    return b.with_certificate(make(OWN, gateway).write(b.directory, "chained", [gateway]))


def by_old_tls(b: Broker, version: ssl.TLSVersion, port: int) -> Client:
    context = b.context(b.issue(OWN)[0])
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL would refuse by itself
    return b.connect(port, context, username=OWN, password=password_of(OWN), client_id=OWN)


def by_password(b: Broker, password: str | None = None, **options: Any) -> Client:
    given = password_of(OWN) if password is None else password
    return b.connect(b.tls, b.context(**options), username=OWN, password=given, client_id=OWN)


def foreign_trust(b: Broker) -> str:
    return make("Not the broker's CA", ca=True).write(b.directory, "foreign-ca").certificate


TABLE: list[tuple[str, Attempt, str]] = [
    ("TLS, right password", by_password, f"rights of {OWN}"),
    ("TLS, wrong password", lambda b: by_password(b, "wrong"), REFUSED),
    ("TLS, no password", lambda b: by_password(b, ""), REFUSED),
    ("TLS, the device trusts another CA", lambda b: by_password(b, trusted=foreign_trust(b)), REFUSED),
    ("TLS 1.2, password", lambda b: by_old_tls(b, ssl.TLSVersion.TLSv1_2, b.tls), f"rights of {OWN}"),
    ("TLS 1.1, password", lambda b: by_old_tls(b, ssl.TLSVersion.TLSv1_1, b.tls), REFUSED),
    ("TLS 1.2, certificate", lambda b: by_old_tls(b, ssl.TLSVersion.TLSv1_2, b.client_auth), f"rights of {OWN}"),
    ("TLS 1.1, certificate", lambda b: by_old_tls(b, ssl.TLSVersion.TLSv1_1, b.client_auth), REFUSED),
    ("no TLS at the TLS port", lambda b: b.connect(b.tls, username=OWN, password=password_of(OWN)), REFUSED),
    ("no TLS at the certificate port", lambda b: b.connect(b.client_auth, username=OWN), REFUSED),
    ("issued", issued, f"rights of {OWN}"),
    ("issued for the device's own request", by_request, f"rights of {OWN}"),
    ("issued, another gateway's name and password", lambda b: issued(b, username=OTHER, password=password_of(OTHER)),
     f"rights of {OWN}"),
    ("issued, the server's name and password", lambda b: issued(b, username=SERVER, password=SERVER_PASSWORD),
     f"rights of {OWN}"),
    ("CN of another gateway", lambda b: issued(b, OTHER, username=OWN, client_id=OWN), f"rights of {OTHER}"),
    ("no certificate", lambda b: b.with_certificate(None), REFUSED),
    ("no certificate, right password", lambda b: b.with_certificate(None, username=OWN, password=password_of(OWN)),
     REFUSED),
    ("wrong CA", by_another_ca, REFUSED),
    ("wrong CA of the same name", lambda b: by_another_ca(b, "cloudapi device CA"), REFUSED),
    ("the broker's own CA", lambda b: b.with_certificate(make(OWN, b.public_ca).write(b.directory, "public")), REFUSED),
    ("self-signed", lambda b: b.with_certificate(make(OWN).write(b.directory, "self")), REFUSED),
    ("signed by a gateway", by_a_gateway, REFUSED),
    ("expired", lambda b: b.with_certificate(b.signed(OWN, days=(-10, -0.01))), REFUSED),
    ("not valid yet", lambda b: b.with_certificate(b.signed(OWN, days=(1, 10))), REFUSED),
    ("our CA, unknown gateway", lambda b: b.with_certificate(b.signed(STRANGER)), NOTHING),
    ("our CA, unknown gateway, a known one's password",
     lambda b: b.with_certificate(b.signed(STRANGER), username=OWN, password=password_of(OWN)), NOTHING),
    ("our CA, empty CN", lambda b: b.with_certificate(b.signed(" ")), NOTHING),
    ("plain port, CN's name, no password", lambda b: b.connect(b.plain, username=OWN), REFUSED),
    ("plain port, CN's name, empty password", lambda b: b.connect(b.plain, username=OWN, password=""), REFUSED),
    ("password port, certificate, no password",
     lambda b: b.connect(b.tls, b.context(b.issue(OWN)[0]), username=OWN), REFUSED),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_who_gets_in_and_what_they_can_do(broker: Broker) -> None:
    issuing.initialize()
    wrong = []
    for name, attempt, expected in TABLE:
        client = attempt(broker)
        outcome = broker.rights(client)
        client.close()
        print(f"{'ok ' if outcome == expected else 'BAD'}  {name:<50} {outcome}")  # noqa: T201
        wrong += [f"{name}: {outcome}, not {expected}"] if outcome != expected else []
    assert wrong == []


def test_nobody_ends_anothers_session_with_a_certificate(broker: Broker) -> None:
    worker = broker.server("cloudapi-worker")
    dock = issued(broker, client_id=OWN)
    for own in (broker.issue(OTHER)[0], broker.signed(STRANGER)):
        for client_id in ("cloudapi-worker", OWN):
            intruder = broker.with_certificate(own, client_id=client_id)
            assert broker.rights(intruder) in (f"rights of {OTHER}", NOTHING)
    assert worker.is_connected
    assert dock.is_connected
    assert broker.rights(dock) == f"rights of {OWN}"


# --- the end of a certificate -----------------------------------------------------------------------------------------
def test_revoking_ends_the_live_session_and_the_certificate(broker: Broker) -> None:
    files, serial = broker.issue(OWN)
    dock, neighbour = broker.with_certificate(files), issued(broker, OTHER)
    ended = ending.revoke(ending.named(serial))
    assert ended == (True, "")
    assert dock.ended.wait(10)
    wait_until(lambda: not broker.with_certificate(files).is_connected, "the broker has read the revocation list", 10)
    assert neighbour.is_connected
    assert broker.rights(issued(broker, OTHER)) == f"rights of {OTHER}"
    refused = broker.connect(broker.plain, username=OWN, password="")
    assert not refused.is_connected


def test_a_revoked_certificate_can_do_nothing_even_if_the_broker_reads_no_list(broker: Broker) -> None:
    (broker.child.log.parent / "mosquitto" / "mosquitto.pid").unlink()
    files, serial = broker.issue(OWN)
    dock = broker.with_certificate(files)
    ended = ending.revoke(ending.named(serial))
    assert ended == (False, "")
    assert dock.ended.wait(10)
    assert broker.rights(broker.with_certificate(files)) == NOTHING
    broker.child.stop()
    broker.child.start()
    wait_until(lambda: probes.broker("127.0.0.1", broker.plain, SERVER, SERVER_PASSWORD), "Mosquitto answers")
    assert broker.rights(broker.with_certificate(files)) == REFUSED


def test_a_renewed_gateway_goes_on_with_its_new_certificate(broker: Broker) -> None:
    (old, serial), (new, _serial) = broker.issue(OWN), broker.issue(OWN)
    before, dock = password_of(OWN), broker.with_certificate(old)
    assert ending.revoke(ending.named(serial), keep_account=True) == (True, "")
    assert dock.ended.wait(10)
    wait_until(lambda: not broker.with_certificate(old).is_connected, "the broker has read the revocation list", 10)
    assert broker.rights(broker.with_certificate(new)) == f"rights of {OWN}"
    assert not broker.connect(broker.tls, broker.context(), username=OWN, password=before).is_connected


# --- simulated docks --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def tls_platform(
    make_platform: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Platform, str]:
    """A platform with TLS, and the file of the CA that its broker's certificate is from."""
    directory = tmp_path_factory.mktemp("tls")
    public_ca = make("A public CA", ca=True)
    certificate, key = make("localhost", public_ca, server=True).write(directory, "broker")
    made = make_platform(
        MQTT_TLS_CERT=certificate, MQTT_TLS_KEY=key, MQTT_TLS_PORT=str(ports.free()),
        MQTT_CLIENT_AUTH_PORT=str(ports.free()),
    )  # fmt: skip
    return made, public_ca.write(directory, "public-ca").certificate


@pytest.mark.parametrize("by", ["password", "certificate"])
def test_a_dock_binds_over_tls(tls_platform: tuple[Platform, str], tmp_path: Path, by: str) -> None:
    platform, trusted = tls_platform
    sn = f"TLS-DOCK-{by.upper()}"
    made = platform.manage("create_organization", f"TLS {by}")
    workspace = ("--workspace", made["workspace_id"])
    [gateway] = platform.manage("add_gateway", sn, "--model", "3-2-0", *workspace)["gateways"]
    assert gateway["gateway_address"] == f"ssl://127.0.0.1:{platform.env['MQTT_TLS_PORT']}"
    code = platform.manage("issue_bind_code", *workspace)["bind_code"]
    arguments = [
        "simulate", "dock", "--sn", sn, "--host", "localhost", "--tls", "--tls-ca", trusted,
        "--organization-id", made["organization_id"], "--bind-code", code, "--duration", "8",
    ]  # fmt: skip
    if by == "password":
        arguments += ["--port", platform.env["MQTT_TLS_PORT"], "--username", sn, "--password", gateway["mqtt_password"]]
    else:
        issued_ = platform.manage("device_ca", "issue", sn, "--out", str(tmp_path))
        assert issued_["gateway_address"] == f"ssl://127.0.0.1:{platform.env['MQTT_CLIENT_AUTH_PORT']}"
        arguments += ["--port", platform.env["MQTT_CLIENT_AUTH_PORT"]]
        arguments += ["--tls-cert", issued_["certificate"], "--tls-key", issued_["key"]]
    said = platform.run(*arguments)
    assert platform.manage("device", sn)["bound"], said
    if by == "certificate":
        assert platform.manage("device_ca", "revoke", sn)["broker_reloaded"]
