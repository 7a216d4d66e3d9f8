"""TLS of what listens and of what connects, from the settings: files in PEM, read once at the start."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from graft_common.errors import StartupError
from graft_common.handshakes import BoundedContext
from graft_common.settings import Settings

if TYPE_CHECKING:
    import grpc


def http_context(settings: Settings) -> ssl.SSLContext | None:
    """Return how HTTP is encrypted; None for not at all.

    Clients may show a certificate where authorities for them are set; one that these do not vouch for ends the
    handshake.

    Raises:
        StartupError: the files cannot be used.
    """
    pair = _pair("http", settings.http_certificate, settings.http_key)
    if pair is None:
        if settings.http_client_authorities is not None:
            raise StartupError("GRAFT_HTTP_CLIENT_AUTHORITIES needs GRAFT_HTTP_CERTIFICATE and GRAFT_HTTP_KEY as well.")
        return None
    context = BoundedContext()
    context.set_alpn_protocols(["http/1.1"])
    _load_pair(context, *pair)
    if settings.http_client_authorities is not None:
        _load_authorities(context, settings.http_client_authorities)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Return how the gRPC port of this process is encrypted; None for not at all.

    Where authorities for clients are set, every client shows a certificate that these vouch for.

    Raises:
        StartupError: the files cannot be used.
    """
    pair = _pair("grpc", settings.grpc_certificate, settings.grpc_key)
    if pair is None:
        if settings.grpc_client_authorities is not None:
            raise StartupError("GRAFT_GRPC_CLIENT_AUTHORITIES needs GRAFT_GRPC_CERTIFICATE and GRAFT_GRPC_KEY as well.")
        return None
    if settings.grpc_authorities is None:
        raise StartupError(
            "GRAFT_GRPC_CERTIFICATE needs GRAFT_GRPC_AUTHORITIES as well: "
            "who vouches for the certificates of services, so that they know one another."
        )
    certificate, key = (_read(path) for path in pair)
    _load_pair(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), *pair)
    clients = None if settings.grpc_client_authorities is None else _read_authorities(settings.grpc_client_authorities)
    import grpc  # noqa: PLC0415  (commands that call nobody do without)

    return grpc.ssl_server_credentials([(key, certificate)], clients, require_client_auth=clients is not None)


def channel_credentials(settings: Settings) -> grpc.ChannelCredentials | None:
    """Return how connections to services are encrypted; None for not at all.

    Raises:
        StartupError: the files cannot be used.
    """
    if settings.grpc_authorities is None:
        return None
    authorities = _read_authorities(settings.grpc_authorities)
    pair = _pair("grpc", settings.grpc_certificate, settings.grpc_key)
    certificate, key = (None, None) if pair is None else tuple(_read(path) for path in pair)
    import grpc  # noqa: PLC0415  (commands that call nobody do without)

    return grpc.ssl_channel_credentials(authorities, key, certificate)


def check(settings: Settings) -> None:
    """Raise StartupError unless all certificates that are set can be used."""
    http_context(settings)
    server_credentials(settings)
    channel_credentials(settings)


def connect(settings: Settings, address: str, patience: float = 0.0) -> grpc.aio.Channel:
    """Open a channel to a service as `open_channel` does, with TLS where that is set.

    Raises:
        StartupError: the files cannot be used.
    """
    from graft_common.rpc.client import open_channel  # noqa: PLC0415  (commands that call nobody do without)

    return open_channel(address, patience, channel_credentials(settings), settings.grpc_name)


def _pair(what: str, certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if certificate is not None and key is not None:
        return certificate, key
    if certificate is not None or key is not None:
        name = f"GRAFT_{what.upper()}"
        raise StartupError(f"{name}_CERTIFICATE and {name}_KEY belong together; one of them is not set.")
    return None


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # An encrypted key would have a person asked for its password.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise StartupError(
            f"{certificate} and {key} must be a certificate with its chain and its key, in PEM, not encrypted, "
            f"which this user may read: {error.strerror if isinstance(error, OSError) else error}"
        ) from error


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise StartupError(
            f"{path} must be a file of certificates in PEM, which this user may read: {error.strerror or error}"
        ) from error


def _read_authorities(path: Path) -> bytes:
    _load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror or error}") from error
