"""Changes and the steps of a watch, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from graft_common.declarations.access import Grant
from graft_common.roles import Role
from registry_service.identity.values import Session, User
from registry_service.resources import Cluster, Declaration, ExtensionVersion, Link, MethodBundle

CatalogResource = ExtensionVersion | Link | Declaration | Cluster | MethodBundle | Grant | Role
Resource = User | Session | CatalogResource


class Kind(Enum):
    """What a change is about; the values are what the store keeps."""

    ROLE = "role"
    USER = "user"
    SESSION = "session"
    EXTENSION_VERSION = "extension_version"
    LINK = "link"
    DECLARATION = "declaration"
    CLUSTER = "cluster"
    METHOD_BUNDLE = "method_bundle"
    GRANT = "grant"


PRIVATE_KINDS = frozenset({Kind.USER, Kind.SESSION})
"""Kinds that only services may follow."""


@dataclass(frozen=True, slots=True)
class Change:
    """A resource has become something, or is gone (None)."""

    revision: int
    kind: Kind
    key: str
    resource: Resource | None


class Phase(Enum):
    """Which part of a watch a step is."""

    SNAPSHOT = "snapshot"
    SNAPSHOT_COMPLETE = "snapshot complete"
    CHANGES = "changes"
    BOOKMARK = "bookmark"


@dataclass(frozen=True, slots=True)
class Step:
    """One response: with it, and all before it, a follower holds the state at `revision`.

    Parts of a snapshot that is not complete lead to no revision: theirs is 0, where a follower would have to begin.
    """

    revision: int
    phase: Phase
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes as they are read: whole revisions, up to `revision`; `more` wait to be read."""

    revision: int
    changes: Sequence[Change]
    more: bool


@dataclass(frozen=True, slots=True)
class Revisions:
    """The newest revision, and the newest whose changes are no longer kept."""

    current: int
    compacted: int
