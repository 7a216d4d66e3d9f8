"""What the registry keeps besides sessions and is shown as objects: roles, users, extension versions, links."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from dispatcher_service.references import ref_of
from graft.registry.v1 import identity_pb2, registry_pb2
from graft_common import roles

_NAMES = uuid.UUID("6f6a3f0e-5d0c-5c9e-9d3b-6b7a0c4f2e11")
"""What UUIDs are made with that the registry does not give out; the same in every dispatcher, and for ever."""


def made_uuid(kind: str, key: str) -> str:
    """Return the UUID of an object that has none of its own, made of its class and its key at the registry."""
    return str(uuid.uuid5(_NAMES, f"{kind}/{key}"))


@dataclass(frozen=True, slots=True)
class Role:
    """A role that sessions can hold."""

    definition: roles.Role
    """What it is, and what it may."""

    @property
    def name(self) -> str:
        """The name."""
        return self.definition.name

    @property
    def description(self) -> str:
        """What it is for."""
        return self.definition.description

    @property
    def uuid(self) -> str:
        """Made of the name."""
        return role_uuid(self.name)

    @property
    def ref(self) -> str:
        """The reference."""
        return ref_of(self.uuid)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in."""

    name: str
    uuid: str
    roles: tuple[str, ...]
    created: float
    """Seconds since the epoch."""

    @property
    def ref(self) -> str:
        """The reference."""
        return ref_of(self.uuid)


@dataclass(frozen=True, slots=True)
class Extension:
    """One release of an extension."""

    name: str
    version: str
    valid: bool
    """Whether it can be linked."""
    errors: tuple[str, ...]
    """Why not."""
    parent_version: str
    """What it inherits from; empty for nothing."""
    auto_link: bool
    services: tuple[str, ...]
    uuid: str = field(init=False)

    def __post_init__(self) -> None:
        """Make the UUID, once: lists have thousands."""
        object.__setattr__(self, "uuid", extension_uuid(self.name, self.version))

    @property
    def ref(self) -> str:
        """The reference."""
        return ref_of(self.uuid)


@dataclass(frozen=True, slots=True)
class Link:
    """An extension version linked to a stack version."""

    id: int
    stack_name: str
    stack_version: str
    extension_name: str
    extension_version: str
    created: float
    """Seconds since the epoch."""
    problem: str
    """Why it has no effect, or not the effect that the files on disk would have; empty when all is well."""
    uuid: str = field(init=False)

    def __post_init__(self) -> None:
        """Make the UUID, once: lists have thousands."""
        object.__setattr__(self, "uuid", made_uuid("link", str(self.id)))

    @property
    def ref(self) -> str:
        """The reference."""
        return ref_of(self.uuid)


class Referable(Protocol):
    """An object that has a reference."""

    @property
    def ref(self) -> str:
        """The reference."""


Object = TypeVar("Object", bound=Referable)


class Objects(Generic[Object]):
    """Objects of one class, by the registry's key and by reference."""

    __slots__ = ("_by_key", "_by_ref")

    def __init__(self) -> None:
        self._by_key: dict[str, Object] = {}
        self._by_ref: dict[str, Object] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Object]:
        return iter(self._by_key.values())

    def get(self, ref: str) -> Object | None:
        """Find an object by reference."""
        return self._by_ref.get(ref)

    def by_key(self, key: str) -> Object | None:
        """Find an object by the registry's key."""
        return self._by_key.get(key)

    def put(self, key: str, found: Object) -> Object | None:
        """Add an object, or put it in the place of the one of that key, which is returned."""
        before = self._by_key.get(key)
        if before is not None and before.ref != found.ref:
            self.drop(key)
        self._by_key[key] = self._by_ref[found.ref] = found
        return before

    def drop(self, key: str) -> Object | None:
        """Remove the object of that key, if there is one, and return it."""
        before = self._by_key.pop(key, None)
        if before is not None and self._by_ref.get(before.ref) is before:
            del self._by_ref[before.ref]
        return before


@lru_cache(maxsize=10_000)
def extension_uuid(name: str, version: str) -> str:
    """Return the UUID of an extension version."""
    return made_uuid("extension", f"{name}/{version}")


def role_uuid(name: str) -> str:
    """Return the UUID of the role of that name."""
    return roles.Role(name, 0, "").uuid


def read_role(message: identity_pb2.Role) -> Role:
    """Read a role from the registry's message."""
    own = roles.rank_of(message.base or message.name)
    return Role(roles.Role(message.name, own, message.description, message.base, tuple(message.permissions)))


def read_user(message: identity_pb2.User) -> User:
    """Read a user from the registry's message."""
    return User(message.name, message.uuid, tuple(message.roles), message.created.ToMicroseconds() / 1e6)


def read_extension(message: registry_pb2.ExtensionVersion) -> Extension:
    """Read an extension version from the registry's message."""
    return Extension(
        name=message.name,
        version=message.version,
        valid=message.valid,
        errors=tuple(message.errors),
        parent_version=message.parent_version,
        auto_link=message.auto_link,
        services=tuple(message.services),
    )


def read_link(message: registry_pb2.Link) -> Link:
    """Read a link from the registry's message."""
    return Link(
        id=message.id,
        stack_name=message.stack_name,
        stack_version=message.stack_version,
        extension_name=message.extension_name,
        extension_version=message.extension_version,
        created=message.created.ToMicroseconds() / 1e6,
        problem=message.problem,
    )
