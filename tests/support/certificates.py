"""An authority for tests, and the certificates that it gives."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
_ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "L": NameOID.LOCALITY_NAME,
}


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files in PEM and in memory."""

    certificate: Path
    key: Path
    der: bytes

    @property
    def files(self) -> tuple[str, str]:
        return str(self.certificate), str(self.key)


class Authority:
    """Vouches for whoever is asked for."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = _builder(
            self._name, self._name, self._key.public_key(), now - timedelta(days=1), now + timedelta(days=9)
        )
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def give(
        self,
        file: str,
        subject: Sequence[tuple[str, str]] = (),
        names: Sequence[x509.GeneralName] = (),
        uses: Sequence[ObjectIdentifier] = (CLIENT,),
        *,
        since: timedelta = timedelta(days=-1),
        until: timedelta = timedelta(days=1),
        ca: bool = False,
    ) -> Pair:
        """Give a certificate; `file` is the beginning of its files' names."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(_ATTRIBUTES[kind], value) for kind, value in subject])
        made = _builder(name, self._name, key.public_key(), now + since, now + until)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=not subject)
        if uses:
            made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        if ca:
            made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        signed = made.sign(self._key, hashes.SHA256())
        pair = Pair(self._folder / f"{file}.pem", self._folder / f"{file}.key", signed.public_bytes(Encoding.DER))
        pair.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair

    def server(self, file: str = "server", name: str = "graft.test") -> Pair:
        """Give the certificate of a server on this machine, which is a client of others, too."""
        here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return self.give(file, [("CN", name)], [x509.DNSName(name), here], [SERVER, CLIENT])


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
