"""Certificates as tests need them, good and bad, with a private CA in the place of a public one."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Pair(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, directory: Path, name: str, chain: Sequence["Pair"] = ()) -> "Files":
        """As PEM files; `chain` follows the certificate."""
        files = Files(str(directory / f"{name}.pem"), str(directory / f"{name}.key"))
        pem = b"".join(pair.certificate.public_bytes(serialization.Encoding.PEM) for pair in (self, *chain))
        Path(files.certificate).write_bytes(pem)
        Path(files.key).write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


class Files(NamedTuple):
    certificate: str
    key: str


def make(
    cn: str, issuer: Pair | None = None, *, days: tuple[float, float] = (-1, 30), ca: bool = False, server: bool = False
) -> Pair:
    """A certificate, self-signed without an issuer; `days` is from and until, from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if server:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
