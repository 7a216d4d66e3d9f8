"""Everything that is on disk, as one immutable value: `read_catalog`.

A tree is read version by version. What has not changed since the catalog before is taken from it, down to the resolved
services, so that reading again costs what has changed, and looking whether it has.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

import msgspec

from graft_common.versions import newest_first
from registry_service.catalog.definitions import CommonDefinition, Definition, ExtensionDefinition, StackDefinition
from registry_service.catalog.files import IGNORED, is_folder, is_text, looks_unchanged, walk
from registry_service.catalog.resolved import (
    CommonService,
    ResolvedExtension,
    resolve_common_services,
    resolve_extension_versions,
)
from registry_service.catalog.value_types import Finding
from registry_service.catalog.version_reader import COMMON_SERVICES, EXTENSIONS, STACKS, read_version

VersionKey = tuple[str, str]
"""Name and version."""
KINDS = (COMMON_SERVICES, STACKS, EXTENSIONS)
MPACKS = "mpacks"
"""Where management packs are; links lead there from the folders of the kinds."""

D = TypeVar("D", bound=Definition)


class ReadingStoppedError(Exception):
    """A reading that was told to stop before its end."""


class VersionReading(msgspec.Struct, Generic[D], frozen=True, gc=False, array_like=True):
    """What one directory defined when it was read; the marks are as in `files.Directory`."""

    fingerprint: bytes
    stamped: str
    digest: bytes
    definition: D


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """What all directories of a tree defined, by name and version: what a later reading, also another run's, needs."""

    root: str
    common_services: dict[str, dict[str, VersionReading[CommonDefinition]]] = msgspec.field(default_factory=dict)
    stacks: dict[str, dict[str, VersionReading[StackDefinition]]] = msgspec.field(default_factory=dict)
    extensions: dict[str, dict[str, VersionReading[ExtensionDefinition]]] = msgspec.field(default_factory=dict)

    def of(self, kind: str) -> dict[str, dict[str, VersionReading[Definition]]]:
        """Return the readings of one kind of directory."""
        found = {COMMON_SERVICES: self.common_services, STACKS: self.stacks, EXTENSIONS: self.extensions}[kind]
        return cast("dict[str, dict[str, VersionReading[Definition]]]", found)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A resources directory as it was at one moment; `reading` is what the next one is read from."""

    extensions: Mapping[str, Mapping[str, ResolvedExtension]]
    """By name, then by version."""
    stacks: Mapping[VersionKey, StackDefinition]
    common_services: Mapping[str, CommonService]
    """By `<name>/<version>`."""
    reading: Reading

    def extension(self, name: str, version: str) -> ResolvedExtension | None:
        """Return an extension version, or None where there is none."""
        versions = self.extensions.get(name)
        return None if versions is None else versions.get(version)

    def extension_versions(self, name: str) -> list[ResolvedExtension]:
        """Return the versions of an extension, the newest first."""
        versions = self.extensions.get(name, {})
        return [versions[version] for version in newest_first(list(versions))]

    def stack_versions(self, name: str) -> list[StackDefinition]:
        """Return the versions of a stack, the newest first."""
        return [self.stacks[name, version] for version in newest_first([v for n, v in self.stacks if n == name])]

    def changed(self, earlier: Catalog) -> list[VersionKey]:
        """Return the extension versions that are not what they were, those that are new, and those that are gone."""
        names = [
            name
            for name in earlier.extensions.keys() | self.extensions.keys()
            if earlier.extensions.get(name) is not self.extensions.get(name)
        ]
        return [
            (name, version)
            for name in names
            for version in earlier.extensions.get(name, {}).keys() | self.extensions.get(name, {}).keys()
            if earlier.extension(name, version) is not self.extension(name, version)
        ]

    def warnings(self) -> Iterator[Finding]:
        """Yield what was left out or is odd, in whatever was read."""
        for kind in KINDS:
            for name, versions in self.reading.of(kind).items():
                for version in versions:
                    yield from self.warnings_of(kind, name, version)

    def warnings_of(self, kind: str, name: str, version: str) -> tuple[Finding, ...]:
        """Return those of one version; `kind` is a folder of the resources directory."""
        if kind == EXTENSIONS and (extension := self.extension(name, version)) is not None:
            return extension.warnings
        reading = self.reading.of(kind).get(name, {}).get(version)
        return () if reading is None else reading.definition.warnings


def read_catalog(
    root: str | Path,
    previous: Catalog | Reading | None = None,
    changed: Iterable[str | Path] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Catalog:
    """Read a resources directory: `common-services`, `stacks` and `extensions`, each `<name>/<version>`.

    What is wrong in the tree makes versions invalid and raises nothing; folders that are missing are empty.

    Args:
        root: the resources directory.
        previous: what was read of it before; what has not changed since is taken from there.
        changed: paths below the root that may have changed, as a watcher tells them; only the versions that they belong
            to are looked at. Without them, or where they do not tell the version, everything is looked at.
        stopped: is asked between files whether the reading is to end.

    Raises:
        ReadingStoppedError: it was.
    """

    def go_on() -> None:
        if stopped():
            raise ReadingStoppedError

    path = str(Path(root).absolute())
    before = previous.reading if isinstance(previous, Catalog) else previous
    if before is None or before.root != path:
        before, previous = Reading(path), None
    names = _names_of(path, changed) if changed is not None and before.of(EXTENSIONS) else None
    reading = _read(path, before, names, go_on)
    go_on()
    return _resolve(reading, previous if isinstance(previous, Catalog) else None)


def _names_of(root: str, changed: Iterable[str | Path]) -> dict[str, dict[str, set[str] | None]] | None:
    """Sort changed paths by kind, name and version (None for all of a name); None where anything may have changed."""
    names: dict[str, dict[str, set[str] | None]] = {kind: {} for kind in KINDS}
    for path in changed:
        parts = Path(os.path.relpath(path, root)).parts
        if parts[0] == MPACKS and len(parts) > 1 and parts[1].startswith("."):
            # What is prepared there is nobody's yet, and its place is told of when it gets it.
            continue
        if parts[0] not in KINDS or len(parts) < 2:
            return None
        versions = names[parts[0]].setdefault(parts[1], set())
        if len(parts) == 2:
            names[parts[0]][parts[1]] = None
        elif versions is not None:
            versions.add(parts[2])
    return names


def _read(
    root: str,
    before: Reading,
    names: Mapping[str, Mapping[str, set[str] | None]] | None,
    go_on: Callable[[], None],
) -> Reading:
    now_ns = time.time_ns()
    found: dict[str, dict[str, dict[str, VersionReading[Definition]]]] = {}
    for kind in KINDS:
        known = before.of(kind)
        found[kind] = {} if names is None else dict(known)
        for name in _folders(f"{root}/{kind}") if names is None else names[kind]:
            some = None if names is None else names[kind][name]
            versions = _read_name(f"{root}/{kind}/{name}", kind, name, known.get(name, {}), some, now_ns, go_on)
            if versions:
                found[kind][name] = versions
            else:
                found[kind].pop(name, None)
    return Reading(
        root,
        cast("dict[str, dict[str, VersionReading[CommonDefinition]]]", found[COMMON_SERVICES]),
        cast("dict[str, dict[str, VersionReading[StackDefinition]]]", found[STACKS]),
        cast("dict[str, dict[str, VersionReading[ExtensionDefinition]]]", found[EXTENSIONS]),
    )


def _read_name(
    path: str,
    kind: str,
    name: str,
    known: dict[str, VersionReading[Definition]],
    some: set[str] | None,
    now_ns: int,
    go_on: Callable[[], None],
) -> dict[str, VersionReading[Definition]]:
    """Read the versions of one name, or only `some`; return what is known where nothing has changed."""
    versions = {} if some is None else dict(known)
    for version in _folders(path) if some is None else some:
        reading = _read_directory(path, kind, name, version, known.get(version), now_ns, go_on)
        if reading is None:
            versions.pop(version, None)
        else:
            versions[version] = reading
    unchanged = len(versions) == len(known) and all(known.get(version) is item for version, item in versions.items())
    return known if unchanged else versions


def _read_directory(
    path: str,
    kind: str,
    name: str,
    version: str,
    known: VersionReading[Definition] | None,
    now_ns: int,
    go_on: Callable[[], None],
) -> VersionReading[Definition] | None:
    if version in IGNORED:
        return None
    go_on()
    if known is not None and looks_unchanged(f"{path}/{version}", known.stamped, known.fingerprint):
        return known
    directory = walk(f"{path}/{version}", f"{kind}/{name}/{version}", now_ns, go_on)
    if directory is None:
        return None
    if known is not None and directory.fingerprint and known.fingerprint == directory.fingerprint:
        return known
    # Of the same contents in the same place nothing new can be read, whatever has happened to the times.
    digest = directory.digest_all(sorted(directory.files))
    if known is not None and known.digest == digest and not directory.problems:
        definition = known.definition
    else:
        definition = read_version(kind, name, version, directory)
    return VersionReading(directory.fingerprint, directory.stamped, digest, definition)


def _folders(path: str) -> list[str]:
    """Return the names of the folders in a folder; links count, `.svn` and `.git` do not."""
    try:
        with os.scandir(path) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.name not in IGNORED and is_folder(entry) and is_text(entry.name)
            )
    except OSError:
        return []


def _resolve(reading: Reading, previous: Catalog | None) -> Catalog:
    """Follow inheritance, again only for what has changed."""
    old = previous.reading if previous is not None else Reading(reading.root)
    if previous is not None and reading.common_services == old.common_services:
        commons = previous.common_services
    else:
        commons = resolve_common_services(
            {
                (name, version): item.definition
                for name, versions in reading.common_services.items()
                for version, item in versions.items()
            }
        )
    return Catalog(
        extensions=_resolve_extensions(reading, previous, commons),
        stacks=previous.stacks
        if previous is not None and reading.stacks == old.stacks
        else {
            (name, version): item.definition
            for name, versions in reading.stacks.items()
            for version, item in versions.items()
        },
        common_services=commons,
        reading=reading,
    )


def _resolve_extensions(
    reading: Reading, previous: Catalog | None, commons: Mapping[str, CommonService]
) -> dict[str, Mapping[str, ResolvedExtension]]:
    resolved: dict[str, Mapping[str, ResolvedExtension]] = {}
    reusable = previous if previous is not None and previous.common_services is commons else None
    for name, versions in reading.extensions.items():
        is_stack_name = name in reading.stacks
        if (
            reusable is not None
            and reusable.reading.extensions.get(name) is versions
            and (name in reusable.reading.stacks) == is_stack_name
        ):
            resolved[name] = reusable.extensions[name]
        else:
            definitions = {version: item.definition for version, item in versions.items()}
            earlier = previous.extensions.get(name) if previous is not None else None
            resolved[name] = resolve_extension_versions(
                definitions, commons, is_stack_name=is_stack_name, earlier=earlier
            )
    return resolved
