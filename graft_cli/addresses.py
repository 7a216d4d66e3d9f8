"""Addresses as a process on the same machine uses them."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from graft_cli.exits import CliError
from graft_common.settings import Settings, split_address

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Listener:
    """A place where a process is to listen."""

    what: str
    """`HTTP`, `registry`…"""
    address: str
    mend: str
    """What gives it another: the option and the variable."""


def join(host: str, port: int) -> str:
    """Write `host:port`, brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable(address: str) -> str:
    """Turn an address that is listened on into one that can be connected to: 0.0.0.0 is no destination."""
    try:
        host, port = split_address(address)
    except ValueError:
        return address
    return join(_ANY.get(host, host), port)


def http_url(address: str, *, secure: bool = False) -> str:
    """Return the URL of what listens at an address for HTTP, by TLS if `secure`."""
    return f"{'https' if secure else 'http'}://{reachable(address)}"


def gateway_url_of(settings: Settings) -> str:
    """Return the URL of the gateway that is set."""
    return http_url(settings.http, secure=settings.http_certificate is not None)


def claim(listeners: list[Listener]) -> list[str]:
    """Make sure that all addresses are free, and return them with a real port in place of 0.

    Raises:
        CliError: one cannot be listened on; the message says which, why, and what to do.
    """
    held: list[socket.socket] = []
    try:
        return [_claim(listener, held) for listener in listeners]
    finally:
        for probe in held:
            probe.close()


def _claim(listener: Listener, held: list[socket.socket]) -> str:
    host, port = split_address(listener.address)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        probe = socket.socket(family, kind, protocol)
        held.append(probe)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
        probe.listen(1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CliError(
            f"cannot listen on {listener.address} ({listener.what}): {reason}; stop what has the address, "
            f"or choose another with {listener.mend}"
        ) from None
    return join(host, probe.getsockname()[1])
