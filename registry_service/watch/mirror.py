"""Extension versions and links as they are published, in memory: lists and look-ups ask the store for news only."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from registry_service.resources import ExtensionVersion, Link
from registry_service.store.store import Store
from registry_service.watch.clock import RevisionClock
from registry_service.watch.values import Change, Kind

_KINDS = frozenset({Kind.EXTENSION_VERSION, Kind.LINK})
_BATCH = 1000
_NONE = -1

R = TypeVar("R")
Key = TypeVar("Key", int, str)


@dataclass(frozen=True, slots=True)
class Held(Generic[R]):
    """A resource, and the revision of the last change to it."""

    resource: R
    revision: int


class ExtensionVersions:
    """Extension versions, sorted by name and version."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Held[ExtensionVersion]] = {}
        self._versions: dict[str, list[str]] = {}
        self.names: list[str] = []
        """Of the extensions, sorted."""

    def get(self, name: str, version: str) -> Held[ExtensionVersion] | None:
        """Return a version, or None where there is none."""
        return self._held.get((name, version))

    def page(self, after: tuple[str, str], limit: int, name: str = "") -> list[Held[ExtensionVersion]]:
        """Return at most `limit` versions beyond a name and version; of one name, or of any where it is empty."""
        return list(islice(self._beyond(after, name), limit))

    def put(self, item: ExtensionVersion, revision: int) -> None:
        """Add a version, or replace it."""
        if (item.name, item.version) not in self._held:
            if item.name not in self._versions:
                insort(self.names, item.name)
            insort(self._versions.setdefault(item.name, []), item.version)
        self._held[item.name, item.version] = Held(item, revision)

    def drop(self, name: str, version: str) -> None:
        """Remove a version, if it is there."""
        if self._held.pop((name, version), None) is None:
            return
        _remove(self._versions[name], version)
        if not self._versions[name]:
            del self._versions[name]
            _remove(self.names, name)

    def _beyond(self, after: tuple[str, str], name: str) -> Iterator[Held[ExtensionVersion]]:
        first = bisect_left(self.names, after[0])
        names = islice(self.names, first, None) if not name else [name] if name >= after[0] else []
        for current in names:
            versions = self._versions.get(current, [])
            begin = bisect_right(versions, after[1]) if current == after[0] else 0
            for version in islice(versions, begin, None):
                yield self._held[current, version]


@dataclass(frozen=True, slots=True)
class LinkFilter:
    """What links are asked for; an empty field asks for nothing."""

    stack_name: str = ""
    stack_version: str = ""
    extension_name: str = ""
    extension_version: str = ""


_FIELDS = ("stack_name", "stack_version", "extension_name", "extension_version")


class LinksById:
    """Links, sorted by id."""

    def __init__(self) -> None:
        self._held: dict[int, Held[Link]] = {}
        self._ids: list[int] = []
        self._groups: dict[tuple[str, str], list[int]] = {}

    def get(self, link_id: int) -> Held[Link] | None:
        """Return a link, or None where there is none."""
        return self._held.get(link_id)

    def page(self, after: int, limit: int, wanted: LinkFilter) -> list[Held[Link]]:
        """Return at most `limit` links beyond an id that are wanted; looks at the smallest group that holds them."""
        asked = [(field, value) for field in _FIELDS if (value := getattr(wanted, field))]
        ids: Sequence[int] = min((self._groups.get(group, []) for group in asked), key=len, default=self._ids)
        found = (self._held[number] for number in islice(ids, bisect_right(ids, after), None))
        fitting = (item for item in found if all(getattr(item.resource, field) == value for field, value in asked))
        return list(islice(fitting, limit))

    def put(self, link: Link, revision: int) -> None:
        """Add a link, or replace it."""
        self.drop(link.id)
        insort(self._ids, link.id)
        for field in _FIELDS:
            insort(self._groups.setdefault((field, getattr(link, field)), []), link.id)
        self._held[link.id] = Held(link, revision)

    def drop(self, link_id: int) -> None:
        """Remove a link, if it is there."""
        held = self._held.pop(link_id, None)
        if held is None:
            return
        _remove(self._ids, link_id)
        for field in _FIELDS:
            group = (field, getattr(held.resource, field))
            _remove(self._groups[group], link_id)
            if not self._groups[group]:
                del self._groups[group]


class Mirror:
    """Holds what the store has published; whatever the clock tells of is in it when it is asked."""

    def __init__(self, store: Store, clock: RevisionClock) -> None:
        self._store = store
        self._clock = clock
        self._following = asyncio.Lock()
        self._revision = _NONE
        self._versions = ExtensionVersions()
        self._links = LinksById()

    async def extension_versions(self) -> ExtensionVersions:
        """Return the newest extension versions; to be used before anything else is awaited.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when there is news and the database does not answer.
        """
        await self._follow()
        return self._versions

    async def links(self) -> LinksById:
        """Return the newest links; to be used before anything else is awaited.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when there is news and the database does not answer.
        """
        await self._follow()
        return self._links

    async def _follow(self) -> None:
        if self._revision == self._clock.revision:
            return
        async with self._following, self._store.read() as view:
            at = await view.revisions()
            if not at.compacted <= self._revision <= at.current:
                changes = await view.snapshot(_KINDS)
                self._versions, self._links = ExtensionVersions(), LinksById()
                self._apply(changes)
                self._revision = at.current
            while self._revision < at.current:
                batch = await view.changes(self._revision, _KINDS, _BATCH)
                self._apply(batch.changes)
                self._revision = batch.revision

    def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change.resource:
                case ExtensionVersion():
                    self._versions.put(change.resource, change.revision)
                case Link():
                    self._links.put(change.resource, change.revision)
                case None if change.kind is Kind.LINK:
                    self._links.drop(int(change.key))
                case None:
                    name, _, version = change.key.partition("/")
                    self._versions.drop(name, version)


def _remove(keys: list[Key], key: Key) -> None:
    """Remove a key of a sorted list, which is in it."""
    del keys[bisect_left(keys, key)]
