"""Certificates of gateways: who gets one, and how it ends. The caller tells the broker after the commit."""

from datetime import timedelta
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mqtt_bridge.device_ca import authority, files
from mqtt_bridge.device_ca.authority import Authority, CertificateError
from mqtt_bridge.models import DeviceCertificate, MqttCredential
from workspaces import audit


class Issued(NamedTuple):
    row: DeviceCertificate
    certificate: bytes
    #: None when the gateway made its own and sent a request.
    key: bytes | None


def initialize() -> bool:
    """Make the authority, once; False if there is one. Raises CertificateError or OSError."""
    is_new = not files.key().exists()
    if is_new:
        made = authority.create()
        files.write(files.certificate(), authority.certificate_pem(made.certificate), mode=0o644)
        files.write(files.key(), authority.key_pem(made.key, settings.DEVICE_CA_PASSPHRASE), mode=0o600)
    write_revocation_list()
    return is_new


def existing() -> Authority:
    """Raises CertificateError: there is none, or it cannot be opened."""
    try:
        certificate, key = files.certificate().read_bytes(), files.key().read_bytes()
    except FileNotFoundError as error:
        raise CertificateError("There is no device CA yet: run `manage.py device_ca init`.") from error
    return authority.load(certificate, key, settings.DEVICE_CA_PASSPHRASE)


@transaction.atomic
def issue(*, sn: str, days: int, request: bytes | None = None) -> Issued:
    """A certificate for a gateway that has an account of its own name; earlier ones stay valid until they are revoked.

    Args:
        days: how long it is valid.
        request: the gateway's own certificate request (PEM); without it a key pair is made.

    Raises CertificateError.
    """
    own = MqttCredential.objects.unscoped().filter(gateway_sn=sn).select_related("workspace__organization").first()
    if own is None:
        raise CertificateError(f"{sn} has no MQTT account: `manage.py add_gateway` makes one.")
    if own.username != sn:
        raise CertificateError(
            f"{sn} has the account of a pilot's log-in, which no certificate can use: Pilot sends none."
        )
    key = None
    if request is None:
        key = authority.new_key()
        public_key: CertificatePublicKeyTypes = key.public_key()
    else:
        public_key = authority.requested_key(request)
    expires_at = timezone.now() + timedelta(days=days)
    certificate = existing().issue(sn, public_key, expires_at)
    row = DeviceCertificate.objects.create(
        serial=f"{certificate.serial_number:X}",
        gateway_sn=sn,
        organization=own.workspace.organization,
        expires_at=expires_at,
    )
    _record("device_certificate.issued", row)
    return Issued(row, authority.certificate_pem(certificate), authority.key_pem(key) if key else None)


def revoke(row: DeviceCertificate) -> None:
    """Note it; the list is written by `write_revocation_list`."""
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        _record("device_certificate.revoked", row)


def write_revocation_list() -> int:
    """Where the broker reads it; returns how many are on it. Raises CertificateError or OSError."""
    rows = DeviceCertificate.objects.filter(revoked_at__isnull=False).values_list("serial", "revoked_at")
    revoked = [(int(serial, 16), since) for serial, since in rows if since is not None]
    files.write(files.crl(), existing().revocation_list(revoked), mode=0o644)
    return len(revoked)


def _record(action: str, row: DeviceCertificate) -> None:
    audit.record(action, target=row.serial, organization=row.organization, gateway_sn=row.gateway_sn)
