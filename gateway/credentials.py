"""What `Authorization` says of who asks."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, as a request has them; or neither, and the certificate of its connection."""

    user: str
    password: str = field(repr=False)
    certificate: bytes = field(default=b"", repr=False)


def basic_credentials(authorization: str) -> Credentials | None:
    """Return what `Basic …` says; None where there is nothing of the kind that can be read."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        # What old clients send (RFC 7617, B.3).
        text = decoded.decode("latin-1")
    user, colon, password = text.partition(":")
    return Credentials(user, password) if colon else None


def request_credentials(authorization: str, certificate: bytes) -> Credentials | None:
    """Return what a request proves its user by: the header, or where it says nothing, the connection's certificate."""
    if not authorization.strip():
        return Credentials("", "", certificate) if certificate else None
    return basic_credentials(authorization)


def bearer_credential(authorization: str) -> str | None:
    """Return the session that `Bearer …` names; None where it names none."""
    scheme, _, session = authorization.strip().partition(" ")
    return session.strip() or None if scheme.lower() == "bearer" else None
