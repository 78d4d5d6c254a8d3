"""Keys, certificates and the revocation list. P-256 throughout: docks and Mosquitto's OpenSSL speak it.

X.509: RFC 5280. Certificates for gateways are for TLS clients only and may sign nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_YEARS = 20
#: A device's clock may be behind ours when it gets its certificate.
_BACKDATED = timedelta(hours=24)
_RSA_BITS = 2048


class CertificateError(Exception):
    """A request or key that cannot be used; the text is a sentence."""


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(self, cn: str, public_key: CertificatePublicKeyTypes, expires_at: datetime) -> x509.Certificate:
        """A certificate for a TLS client. Raises CertificateError if it would outlive the authority."""
        if expires_at > self.certificate.not_valid_after_utc:
            raise CertificateError(f"The device CA itself ends on {self.certificate.not_valid_after_utc:%Y-%m-%d}.")
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        return (
            _builder(cn, self.certificate.subject, public_key, expires_at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def revocation_list(self, revoked: Iterable[tuple[int, datetime]]) -> bytes:
        """PEM of the list of (serial, since). It holds as long as the CA: Mosquitto refuses everybody when its list is
        past its time, and gets a new one with each revocation anyway."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject).last_update(now)
        builder = builder.next_update(self.certificate.not_valid_after_utc)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        for serial, since in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def create() -> Authority:
    """A new authority that signs gateways' certificates and no further authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloudapi device CA")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder("cloudapi device CA", name, key.public_key(), datetime.now(UTC) + timedelta(days=365 * CA_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def requested_key(pem: bytes) -> CertificatePublicKeyTypes:
    """The public key of a certificate request (PKCS #10, PEM); its names are not taken over.

    Raises CertificateError: unreadable, not signed with its own key, or a weak one.
    """
    try:
        request = x509.load_pem_x509_csr(pem)
        if not request.is_signature_valid:
            raise InvalidSignature
        public_key = request.public_key()
    except (ValueError, InvalidSignature) as error:
        raise CertificateError("This is no certificate request in PEM that is signed with its own key.") from error
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size >= _RSA_BITS:
        return public_key
    if isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.key_size >= 256:
        return public_key
    raise CertificateError(f"The request's key must be RSA of {_RSA_BITS} bits or more, or elliptic of 256 or more.")


def key_pem(key: ec.EllipticCurvePrivateKey, passphrase: str = "") -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def load(certificate: bytes, key: bytes, passphrase: str = "") -> Authority:
    """Raises CertificateError: not what `create` made, or another passphrase."""
    try:
        private_key = serialization.load_pem_private_key(key, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError) as error:
        raise CertificateError("The key of the device CA cannot be opened: check DEVICE_CA_PASSPHRASE.") from error
    read = x509.load_pem_x509_certificate(certificate)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey) or private_key.public_key() != read.public_key():
        raise CertificateError("Key and certificate of the device CA do not belong together.")
    return Authority(read, private_key)


def _builder(
    cn: str, issuer: x509.Name, public_key: CertificatePublicKeyTypes, expires_at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _BACKDATED)
        .not_valid_after(expires_at)
    )
