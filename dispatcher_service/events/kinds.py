"""The classes that there are events of, and whose objects a session is told of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dispatcher_service.events.axis import Entry
from dispatcher_service.sessions.session import Session
from graft_common.values import Value

Load = Callable[[Sequence[str]], Awaitable[Mapping[str, Value]]]
"""Reads the records of objects by reference; those that are not there are left out."""

Sight = Callable[[Session], bool]


@dataclass(frozen=True, slots=True)
class StoredKind:
    """A class whose objects are in the dispatchers' store, which notes their changes."""

    name: str
    load: Load
    sees_all: Sight = lambda _: True
    """Tells whether a session sees everybody's objects; others see their own, and what belongs to nobody."""


@dataclass(frozen=True, slots=True)
class RegistryKind:
    """A class whose objects the registry sends."""

    name: str
    record: Callable[[Any], Value]
    sees_all: Sight = lambda _: True
    """As that of `StoredKind`."""
    owner: Callable[[Any], str] = lambda _: ""
    """Names the user whose an object is; empty for nobody's."""


Kind = StoredKind | RegistryKind


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose objects a session is told of; equal ones are equal."""

    user: str
    whole: frozenset[str]
    """The classes of which it sees everybody's."""

    @classmethod
    def of(cls, session: Session, kinds: Iterable[Kind]) -> Scope:
        """Return that of a session."""
        return cls(session.user, frozenset(kind.name for kind in kinds if kind.sees_all(session)))

    def includes(self, entry: Entry) -> bool:
        """Tell whether the session is told of an object."""
        return not entry.owner or entry.kind in self.whole or entry.owner == self.user

    def owners(self, kind: str) -> tuple[str, str] | None:
        """Name whose objects of a class are seen; None for everybody's."""
        return None if kind in self.whole else ("", self.user)
