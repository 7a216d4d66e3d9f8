"""What a servicer may ask of the call that it serves, over gRPC and in-process alike."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

AUTHORIZATION = "authorization"
REQUEST_ID = "graft-request-id"
PEER = "graft-peer"
MIN_REVISION = "graft-min-revision"
ERROR_LIMIT = "graft-error-limit"

_BEARER = "Bearer "


class CallContext(Protocol):
    """The part of `grpc.aio.ServicerContext` that servicers use."""

    def invocation_metadata(self) -> Any:
        """Return the pairs of key and value that came with the call."""

    def time_remaining(self) -> float | None:
        """Return the seconds until the caller's deadline; None or a huge number where there is none."""

    def peer(self) -> str:
        """Name the caller's address."""


def metadata_value(context: CallContext, key: str) -> str:
    """Return one metadata value; empty where it was not sent."""
    pairs: Iterable[tuple[str, str | bytes]] = context.invocation_metadata() or ()
    for name, value in pairs:
        if name == key:
            return value if isinstance(value, str) else value.decode("utf-8", "replace")
    return ""


def metadata_values(context: CallContext, *keys: str) -> list[str]:
    """Return several metadata values at the cost of one."""
    found = dict.fromkeys(keys, "")
    pairs: Iterable[tuple[str, str | bytes]] = context.invocation_metadata() or ()
    for name, value in pairs:
        if found.get(name) == "":
            found[name] = value if isinstance(value, str) else value.decode("utf-8", "replace")
    return list(found.values())


def bearer(context: CallContext) -> str:
    """Return the credential of `authorization: Bearer …`; empty where there is none."""
    return credential_of(metadata_value(context, AUTHORIZATION))


def credential_of(value: str) -> str:
    """Return the credential in the value of `authorization`; empty where there is none."""
    return value[len(_BEARER) :] if value[: len(_BEARER)].lower() == _BEARER.lower() else ""


def peer_certificate(context: CallContext) -> bytes:
    """Return the certificate in DER that the client of this very connection has shown; empty without one."""
    told: Callable[[], Mapping[str, Sequence[bytes]]] = getattr(context, "auth_context", dict)
    shown = told().get("x509_pem_cert")
    return ssl.PEM_cert_to_DER_cert(shown[0].decode("ascii", "replace")) if shown else b""


def peer_address(context: CallContext) -> str:
    """Return the address of the client: as a gateway has told it, or the gRPC peer itself."""
    return metadata_value(context, PEER) or context.peer()


def call_metadata(
    credential: str = "", request_id: str = "", peer: str = "", min_revision: int = 0
) -> Sequence[tuple[str, str]]:
    """Build the metadata of a call; what is empty is left out."""
    pairs = (
        (AUTHORIZATION, f"{_BEARER}{credential}" if credential else ""),
        (REQUEST_ID, request_id),
        (PEER, peer),
        (MIN_REVISION, str(min_revision) if min_revision else ""),
    )
    return tuple((key, value) for key, value in pairs if value)


def digest(ref: str) -> str:
    """Return what is stored and sent about in place of a session reference: its SHA-256 in lower-case hex."""
    return hashlib.sha256(ref.encode("utf-8", "surrogatepass")).hexdigest()


def track_id(ref: str) -> str:
    """Return what logs and audit records show in place of a session reference."""
    return digest(ref)[:16]
