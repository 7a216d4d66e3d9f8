"""Resources as the store keeps them in the table of changes: JSON, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from graft_common.audit import Argument
from graft_common.declarations.access import Grant
from graft_common.declarations.model import Access
from graft_common.roles import Role
from registry_service.identity.values import Session, User
from registry_service.resources import Cluster, Declaration, ExtensionVersion, Link, MethodBundle
from registry_service.watch.values import CatalogResource, Kind, Resource

_TYPES: dict[Kind, type[Any]] = {
    Kind.USER: User,
    Kind.SESSION: Session,
    Kind.EXTENSION_VERSION: ExtensionVersion,
    Kind.LINK: Link,
    Kind.DECLARATION: Declaration,
    Kind.CLUSTER: Cluster,
    Kind.METHOD_BUNDLE: MethodBundle,
    Kind.GRANT: Grant,
    Kind.ROLE: Role,
}
_pairs = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_arguments = msgspec.json.Decoder(tuple[Argument, ...])
_access = msgspec.json.Decoder(Access)
_decoders = {kind: msgspec.json.Decoder(of) for kind, of in _TYPES.items()}


def write(resource: Resource) -> str:
    """Write a resource."""
    return msgspec.json.encode(resource).decode()


def read(kind: Kind, body: str) -> Resource:
    """Read a resource of the kind."""
    resource: Resource = _decoders[kind].decode(body)
    return resource


def write_arguments(arguments: Sequence[Argument]) -> str:
    """Write the arguments of an audit record."""
    return msgspec.json.encode(arguments).decode()


def read_arguments(body: str) -> tuple[Argument, ...]:
    """Read the arguments of an audit record."""
    return _arguments.decode(body)


def write_access(request: Access) -> str:
    """Write a request for access."""
    return msgspec.json.encode(request).decode()


def read_access(body: str) -> Access:
    """Read a request for access."""
    return _access.decode(body)


def write_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """Write pairs of texts."""
    return msgspec.json.encode(list(pairs)).decode()


def read_pairs(body: str) -> tuple[tuple[str, str], ...]:
    """Read pairs of texts."""
    return _pairs.decode(body)


def place(resource: CatalogResource) -> tuple[Kind, str, str]:
    """Return kind, key, and the position by which lists are sorted."""
    match resource:
        case ExtensionVersion():
            return Kind.EXTENSION_VERSION, *_version_place(resource.name, resource.version)
        case MethodBundle():
            return Kind.METHOD_BUNDLE, *_version_place(*resource.key)
        case Link():
            return Kind.LINK, str(resource.id), f"{resource.id:020}"
        case Declaration():
            return Kind.DECLARATION, resource.method, resource.method
        case Cluster():
            return Kind.CLUSTER, resource.name, resource.name
        case Role():
            return Kind.ROLE, resource.name, resource.name
        case Grant():
            asker = resource.asker
            return Kind.GRANT, asker.key, f"{asker.method}\x01{asker.extension}\x01{asker.version}"


def _version_place(name: str, version: str) -> tuple[str, str]:
    # A control character sorts before every character of a name.
    return f"{name}/{version}", f"{name}\x01{version}"
