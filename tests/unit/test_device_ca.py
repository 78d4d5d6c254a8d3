"""The device CA: who gets a certificate, what it says, what is kept, and how it ends."""

import json
import stat
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from mqtt_bridge import credentials
from mqtt_bridge.device_ca import authority, files, issuing
from mqtt_bridge.device_ca.authority import CertificateError
from mqtt_bridge.models import DeviceCertificate, MqttCredential
from tests.factories import make_gateway
from workspaces.models import AuditEntry, User, Workspace

pytestmark = pytest.mark.django_db
DOCK = "DOCK0001"


@pytest.fixture(autouse=True)
def device_ca(settings: Settings, tmp_path: Path, ours: Workspace) -> None:
    settings.DATA_DIR = tmp_path
    settings.DEVICE_CA_DIR, settings.DEVICE_CA_PUBLIC_DIR = tmp_path / "private", tmp_path / "public"
    settings.MQTT_CLIENT_AUTH_PORT, settings.MQTT_PUBLIC_HOST, settings.MQTT_TLS_CERT = 8884, "mqtt.example", "x"
    settings.MQTT_TLS_KEY = "x"
    settings.MQTT_BROKER = "amqtt"  # nothing is pushed
    make_gateway(ours, DOCK)
    run("init")


def run(*arguments: str) -> dict[str, Any]:
    output = StringIO()
    call_command("device_ca", *arguments, "--json", stdout=output, stderr=StringIO())
    result: dict[str, Any] = json.loads(output.getvalue())
    return result


def request_pem(key: Any, cn: str = DOCK) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def revoked_serials() -> set[str]:
    read = x509.load_pem_x509_crl(files.crl().read_bytes())
    assert read.is_signature_valid(issuing.existing().key.public_key())
    return {f"{entry.serial_number:X}" for entry in read}


# --- the authority ----------------------------------------------------------------------------------------------------
def test_the_authority_is_made_once_and_its_key_is_private() -> None:
    before = files.key().read_bytes()
    assert run("init") == {"created": False, "certificate": str(files.certificate()), "key": str(files.key())}
    assert files.key().read_bytes() == before
    assert stat.S_IMODE(files.key().stat().st_mode) == 0o600
    assert stat.S_IMODE(files.crl().stat().st_mode) == stat.S_IMODE(files.certificate().stat().st_mode) == 0o644


def test_a_passphrase_encrypts_the_key(settings: Settings, tmp_path: Path) -> None:
    settings.DEVICE_CA_DIR = settings.DEVICE_CA_PUBLIC_DIR = tmp_path / "another"
    settings.DEVICE_CA_PASSPHRASE = "open sesame"
    run("init")
    assert b"ENCRYPTED" in files.key().read_bytes()
    issuing.issue(sn=DOCK, days=1)
    for wrong in ("", "another"):
        settings.DEVICE_CA_PASSPHRASE = wrong
        with pytest.raises(CertificateError, match="DEVICE_CA_PASSPHRASE"):
            issuing.issue(sn=DOCK, days=1)


def test_without_an_authority_nothing_is_issued(settings: Settings, tmp_path: Path) -> None:
    settings.DEVICE_CA_DIR = tmp_path / "nothing"
    with pytest.raises(CommandError, match="device_ca init"):
        run("issue", DOCK)
    assert not DeviceCertificate.objects.exists()


# --- issuing ----------------------------------------------------------------------------------------------------------
def test_issue_writes_a_certificate_and_its_key_and_keeps_the_key_nowhere(tmp_path: Path, ours: Workspace) -> None:
    made = run("issue", DOCK, "--days", "30", "--out", str(tmp_path))
    row = DeviceCertificate.objects.get()
    expires_at = datetime.fromisoformat(made.pop("expires_at"))
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)
    assert made == {
        "sn": DOCK, "serial": row.serial, "organization": ours.organization.name, "revoked_at": None, "state": "valid",
        "certificate": str(tmp_path / f"{DOCK}.pem"), "key": str(tmp_path / f"{DOCK}.key"),
        "gateway_address": "ssl://mqtt.example:8884",
    }  # fmt: skip
    certificate = x509.load_pem_x509_certificate((tmp_path / f"{DOCK}.pem").read_bytes())
    key = serialization.load_pem_private_key((tmp_path / f"{DOCK}.key").read_bytes(), None)
    certificate.verify_directly_issued_by(issuing.existing().certificate)
    assert key.public_key() == certificate.public_key()
    assert certificate.subject.rfc4514_string() == f"CN={DOCK}"
    assert f"{certificate.serial_number:X}" == row.serial
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert stat.S_IMODE((tmp_path / f"{DOCK}.key").stat().st_mode) == 0o600
    assert {path.name for path in files.key().parent.iterdir()} == {"ca.key"}
    assert AuditEntry.objects.get(action="device_certificate.issued").organization == ours.organization


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())])
def test_a_gateways_own_request_gives_its_key_and_not_its_name(tmp_path: Path, key: Any) -> None:
    (tmp_path / "request.pem").write_bytes(request_pem(key, cn="SOMEBODY-ELSE"))
    made = run("issue", DOCK, "--csr", str(tmp_path / "request.pem"), "--out", str(tmp_path))
    certificate = x509.load_pem_x509_certificate((tmp_path / f"{DOCK}.pem").read_bytes())
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == f"CN={DOCK}"
    assert made["key"] is None
    assert not (tmp_path / f"{DOCK}.key").exists()


def forged() -> bytes:
    """A request whose signature is not of its key."""
    good = request_pem(ec.generate_private_key(ec.SECP256R1()))
    der = bytearray(x509.load_pem_x509_csr(good).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "request_",
    [
        b"", b"nonsense", forged(),
        request_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505  too short on purpose
        request_pem(ec.generate_private_key(ec.SECP192R1())),
    ],
    ids=["empty", "nonsense", "forged", "rsa-1024", "p-192"],
)  # fmt: skip
def test_a_bad_request_is_refused(tmp_path: Path, request_: bytes) -> None:
    (tmp_path / "request.pem").write_bytes(request_)
    with pytest.raises(CommandError, match="request"):
        run("issue", DOCK, "--csr", str(tmp_path / "request.pem"), "--out", str(tmp_path))
    assert not DeviceCertificate.objects.exists()


def test_only_gateways_with_an_account_of_their_own_get_one(ours: Workspace, settings: Settings) -> None:
    pilot = User.objects.create_user("pilot")
    MqttCredential.objects.create(username="pilot-12345", gateway_sn="RC1", workspace=ours, pilot=pilot)
    for sn, said in (("NOBODY", "add_gateway"), ("RC1", "pilot"), (settings.MQTT_USERNAME, "add_gateway")):
        with pytest.raises(CommandError, match=said):
            run("issue", sn)
    for days in ("0", "3651"):
        with pytest.raises(CommandError, match="--days"):
            run("issue", DOCK, "--days", days)
    assert not DeviceCertificate.objects.exists()


def test_no_certificate_outlives_the_authority() -> None:
    made = authority.create()
    with pytest.raises(CertificateError, match="device CA itself ends"):
        made.issue(DOCK, authority.new_key().public_key(), datetime.now(UTC) + timedelta(days=365 * 21))


# --- revoking ---------------------------------------------------------------------------------------------------------
def test_revoking_ends_the_account_too(tmp_path: Path) -> None:
    first, second = (run("issue", DOCK, "--out", str(tmp_path))["serial"] for _ in range(2))
    assert revoked_serials() == set()
    made = run("revoke", DOCK)
    assert {row["serial"]: row["state"] for row in made["certificates"]} == {first: "revoked", second: "revoked"}
    assert made["broker_reloaded"] is False
    assert revoked_serials() == {first, second}
    assert not MqttCredential.objects.unscoped().filter(gateway_sn=DOCK).exists()
    assert AuditEntry.objects.filter(action="device_certificate.revoked").count() == 2
    assert AuditEntry.objects.filter(action="mqtt_credential.removed", gateway_sn=DOCK).exists()


def test_a_renewed_gateway_keeps_its_account_with_another_password(tmp_path: Path) -> None:
    old, new = (run("issue", DOCK, "--out", str(tmp_path))["serial"] for _ in range(2))
    before = MqttCredential.objects.unscoped().get(gateway_sn=DOCK).password
    run("revoke", old.lower(), "--keep-account")
    assert revoked_serials() == {old}
    assert MqttCredential.objects.unscoped().get(gateway_sn=DOCK).password != before
    assert {row["serial"]: row["state"] for row in run("list")["certificates"]} == {old: "revoked", new: "valid"}


def test_the_list_is_made_anew_from_the_table(tmp_path: Path) -> None:
    serial = run("issue", DOCK, "--out", str(tmp_path))["serial"]
    run("revoke", serial)
    files.crl().unlink()
    assert run("crl") == {"revoked": 1, "file": str(files.crl()), "broker_reloaded": False}
    assert revoked_serials() == {serial}


def test_what_is_unknown_cannot_be_revoked() -> None:
    for which in ("NOBODY", DOCK, "ABCDEF"):
        with pytest.raises(CommandError, match=which):
            run("revoke", which)


# --- a gateway that changes hands -------------------------------------------------------------------------------------
def test_a_former_owners_certificate_opens_no_new_account(tmp_path: Path, theirs: Workspace) -> None:
    """A certificate names an account: whoever has one of a dock that was sold would have its new owner's account."""
    serial = run("issue", DOCK, "--out", str(tmp_path))["serial"]
    credentials.remove(credential=MqttCredential.objects.unscoped().get(gateway_sn=DOCK))
    with pytest.raises(ValidationError, match="certificate"):
        make_gateway(theirs, DOCK)
    assert not MqttCredential.objects.unscoped().filter(gateway_sn=DOCK).exists()
    run("revoke", serial)
    make_gateway(theirs, DOCK)
    assert MqttCredential.objects.unscoped().get(gateway_sn=DOCK).workspace == theirs


def test_an_own_or_expired_certificate_hinders_no_new_account(
    tmp_path: Path, ours: Workspace, theirs: Workspace
) -> None:
    run("issue", DOCK, "--out", str(tmp_path))
    credentials.remove(credential=MqttCredential.objects.unscoped().get(gateway_sn=DOCK))
    make_gateway(ours, DOCK)
    credentials.remove(credential=MqttCredential.objects.unscoped().get(gateway_sn=DOCK))
    DeviceCertificate.objects.update(expires_at=timezone.now())
    make_gateway(theirs, DOCK)
