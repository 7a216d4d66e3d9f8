"""Requests for access, and grants of them, as messages and back."""

from __future__ import annotations

from datetime import UTC

from graft.common.v1 import access_pb2 as pb
from graft_common.declarations.access import Asker, Grant
from graft_common.declarations.model import Access, Network

_NETWORKS: dict[Network, pb.Network.ValueType] = {
    "none": pb.NETWORK_NONE,
    "loopback": pb.NETWORK_LOOPBACK,
    "outbound": pb.NETWORK_OUTBOUND,
}
_NETWORKS_BACK: dict[int, Network] = {
    pb.NETWORK_UNSPECIFIED: "none",
    **{number: network for network, number in _NETWORKS.items()},
}


def access_message(value: Access) -> pb.Access:
    """Write a request."""
    return pb.Access(
        network=_NETWORKS[value.network],
        read=value.read,
        write=value.write,
        environment=value.environment,
        secrets=value.secrets,
    )


def read_access(message: pb.Access) -> Access:
    """Read a request.

    Raises:
        ValueError: it asks for a network that this release does not know.
    """
    network = _NETWORKS_BACK.get(message.network)
    if network is None:
        raise ValueError(f"there is no network {message.network}")
    return Access(
        network, tuple(message.read), tuple(message.write), tuple(message.environment), tuple(message.secrets)
    )


def grant_message(value: Grant) -> pb.AccessGrant:
    """Write a grant."""
    message = pb.AccessGrant(
        method=value.asker.method,
        extension_name=value.asker.extension,
        extension_version=value.asker.version,
        access=access_message(value.request),
        digest=value.digest,
        granted_by=value.granted_by,
    )
    message.granted_at.FromDatetime(value.granted_at)
    return message


def read_grant(message: pb.AccessGrant) -> Grant:
    """Read a grant.

    Raises:
        ValueError: it is one that this release does not understand.
    """
    return Grant(
        Asker(message.method, message.extension_name, message.extension_version),
        read_access(message.access),
        message.digest,
        message.granted_by,
        message.granted_at.ToDatetime(tzinfo=UTC),
    )
