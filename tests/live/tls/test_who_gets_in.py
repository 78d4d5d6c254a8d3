"""TLS and client certificates at a real Mosquitto: who gets in with what, and what they can do there."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mqtt_bridge.device_ca import issuing
from tests.certificates import Pair, make
from tests.live.tls.broker import (
    NOTHING,
    OTHER,
    OWN,
    REFUSED,
    SERVER,
    SERVER_PASSWORD,
    STRANGER,
    Broker,
    Client,
    issued,
    password_of,
)

pytestmark = pytest.mark.live
Attempt = Callable[[Broker], Client]


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
