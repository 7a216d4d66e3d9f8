"""What a client certificate must be and say to be taken; that its client has its key was proved in a handshake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from registry_service.identity.external.subjects import Subject, UnfitCredentialError
from registry_service.identity.rules import MAX_NAME

PREFIX = "certificate:"
"""What the names of these users begin with."""
MAX_CERTIFICATE = 64 << 10
"""Bytes of a certificate."""

_ATTRIBUTES = {NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU", NameOID.ORGANIZATION_NAME: "O"}
_OWNERS = frozenset({"CN", "URI", "EMAIL", "DNS"})
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_MAY_BE_CLIENT = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


def read_subject(certificate: bytes, now: datetime) -> Subject:
    """Read whose certificate it is, in DER; its groups are what it says of them: `OU=operators`, `URI=spiffe://…`.

    Raises:
        UnfitCredentialError: it is no certificate of a client, not valid now, or names nobody.
    """
    if len(certificate) > MAX_CERTIFICATE:
        raise UnfitCredentialError(f"the certificate is larger than {MAX_CERTIFICATE} bytes")
    try:
        read = x509.load_der_x509_certificate(certificate)
        names = [*_names(read.subject), *_alternative_names(read)]
        is_for_clients = _is_for_clients(read)
        user = next((value for kind, value in names if kind in _OWNERS), "")
        # A subject may name no owner, and two authorities the same; no name has a bare semicolon in it (RFC 4514).
        identifier = f"{PREFIX}{read.issuer.rfc4514_string()};{read.subject.rfc4514_string()};{user}"
    except _UNREADABLE:
        raise UnfitCredentialError("the certificate cannot be read") from None
    if not is_for_clients:
        raise UnfitCredentialError("the certificate is not for clients")
    if not read.not_valid_before_utc <= now < read.not_valid_after_utc:
        raise UnfitCredentialError("the certificate is not valid now")
    if not 1 <= len(user) <= MAX_NAME - len(PREFIX) or not user.isprintable():
        raise UnfitCredentialError("the certificate does not name its owner (CN, or an alternative name)")
    groups = tuple(f"{kind}={value}" for kind, value in names)
    return Subject(identifier, f"{PREFIX}{user}", groups, read.not_valid_after_utc)


def _names(subject: x509.Name) -> Iterator[tuple[str, str]]:
    """Name the parts of a subject that may have roles, the owner first."""
    for kind, short in _ATTRIBUTES.items():
        for attribute in subject.get_attributes_for_oid(kind):
            if isinstance(attribute.value, str):
                yield short, attribute.value


def _alternative_names(certificate: x509.Certificate) -> Iterator[tuple[str, str]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in names:
        match name:
            case x509.UniformResourceIdentifier():
                yield "URI", name.value
            case x509.RFC822Name():
                yield "EMAIL", name.value
            case x509.DNSName():
                yield "DNS", name.value
            case _:
                pass


def _is_for_clients(certificate: x509.Certificate) -> bool:
    """Tell whether it is no authority's, and its uses, where it names any, include clients'."""
    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        uses = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return any(use in _MAY_BE_CLIENT for use in uses)
