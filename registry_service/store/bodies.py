"""Resources as the store keeps them in the table of changes: JSON, by kind."""

from __future__ import annotations

from typing import Any

import msgspec

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
}
_decoders = {kind: msgspec.json.Decoder(of) for kind, of in _TYPES.items()}


def write(resource: Resource) -> str:
    """Write a resource."""
    return msgspec.json.encode(resource).decode()


def read(kind: Kind, body: str) -> Resource:
    """Read a resource of the kind."""
    resource: Resource = _decoders[kind].decode(body)
    return resource


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


def _version_place(name: str, version: str) -> tuple[str, str]:
    # A control character sorts before every character of a name.
    return f"{name}/{version}", f"{name}\x01{version}"
