"""Links by what they are asked for, so that no question and no change goes through all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from registry_service.catalog.catalog import VersionKey
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.resources import Link

Group = Mapping[int, Link]
"""Links by id."""
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Entry:
    """A link with what it does to its stack version: the services that it brings, the extensions that it needs."""

    link: Link
    services: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


def entry_of(link: Link, extension: ResolvedExtension | None) -> Entry:
    """Describe a link to an extension version, which is None where it has vanished."""
    if extension is None:
        return Entry(link)
    services = frozenset(extension.services) if extension.valid else frozenset[str]()
    return Entry(link, services, frozenset(needed.name for needed in extension.required_extensions))


@dataclass(frozen=True, slots=True)
class StackLinks:
    """The links of one stack version."""

    by_version: Mapping[VersionKey, Link] = field(default_factory=dict)
    by_name: Mapping[str, Group] = field(default_factory=dict)
    by_service: Mapping[str, Group] = field(default_factory=dict)
    """By each service that they bring."""
    by_need: Mapping[str, Group] = field(default_factory=dict)
    """By the name of each extension that they need."""


NO_LINKS = StackLinks()


@dataclass(frozen=True, slots=True)
class LinkIndex:
    """All links; one that changes is put into copies of the tables that hold it, which are shallow and flat."""

    by_id: Group = field(default_factory=dict)
    by_extension: Mapping[VersionKey, Group] = field(default_factory=dict)
    by_stack: Mapping[VersionKey, StackLinks] = field(default_factory=dict)

    def changed(self, gone: Iterable[Entry], new: Iterable[Entry]) -> Self:
        """Return the index without some entries, which are as they were put in, and with others."""
        by_id, by_extension = dict(self.by_id), dict(self.by_extension)
        stacks: dict[VersionKey, _Draft] = {}
        for entry in gone:
            link = entry.link
            del by_id[link.id]
            _drop(by_extension, (link.extension_name, link.extension_version), link)
            self._draft(stacks, link).drop(entry)
        for entry in new:
            link = entry.link
            by_id[link.id] = link
            _put(by_extension, (link.extension_name, link.extension_version), link)
            self._draft(stacks, link).put(entry)
        by_stack = dict(self.by_stack)
        for stack, draft in stacks.items():
            if draft.by_version:
                by_stack[stack] = draft.finished()
            else:
                by_stack.pop(stack, None)
        return type(self)(by_id, by_extension, by_stack)

    def _draft(self, drafts: dict[VersionKey, _Draft], link: Link) -> _Draft:
        stack = (link.stack_name, link.stack_version)
        draft = drafts.get(stack)
        if draft is None:
            draft = drafts[stack] = _Draft(self.by_stack.get(stack, NO_LINKS))
        return draft


class _Draft:
    """The links of one stack version while they are changed."""

    def __init__(self, links: StackLinks) -> None:
        self.by_version = dict(links.by_version)
        self._by_name = dict(links.by_name)
        self._by_service = dict(links.by_service)
        self._by_need = dict(links.by_need)

    def put(self, entry: Entry) -> None:
        link = entry.link
        self.by_version[link.extension_name, link.extension_version] = link
        _put(self._by_name, link.extension_name, link)
        for service in entry.services:
            _put(self._by_service, service, link)
        for name in entry.needs:
            _put(self._by_need, name, link)

    def drop(self, entry: Entry) -> None:
        link = entry.link
        del self.by_version[link.extension_name, link.extension_version]
        _drop(self._by_name, link.extension_name, link)
        for service in entry.services:
            _drop(self._by_service, service, link)
        for name in entry.needs:
            _drop(self._by_need, name, link)

    def finished(self) -> StackLinks:
        return StackLinks(self.by_version, self._by_name, self._by_service, self._by_need)


def _put(groups: dict[K, Group], key: K, link: Link) -> None:
    groups[key] = {**groups.get(key, {}), link.id: link}


def _drop(groups: dict[K, Group], key: K, link: Link) -> None:
    left = {number: other for number, other in groups[key].items() if number != link.id}
    if left:
        groups[key] = left
    else:
        del groups[key]
