"""What packs have in a resources directory, and what goes with some of them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from registry_service.catalog.catalog import MPACKS
from registry_service.mpacks.archives import SUFFIXES
from registry_service.mpacks.manifests import (
    CACHE,
    MANIFESTS,
    Installed,
    installed_packs,
    links_of,
    manifest_path,
)
from registry_service.mpacks.names import is_component
from registry_service.mpacks.plan import Given
from registry_service.mpacks.replay import FILE_NAME as LOG_NAME
from registry_service.mpacks.trees import FolderTree, Tree, What
from registry_service.mpacks.values import (
    EXTENSION_DEFINITIONS,
    SERVICE_DEFINITIONS,
    STACK_DEFINITIONS,
)
from registry_service.mpacks.values import MPACKS as PURGE_MPACKS

LOG_PATH = f"{MPACKS}/{LOG_NAME}"
_PURGED = {EXTENSION_DEFINITIONS: "extensions", SERVICE_DEFINITIONS: "common-services"}


@dataclass(frozen=True, slots=True)
class Holdings:
    """The packs of a directory, and what they have in it."""

    tree: Tree
    packs: tuple[Installed, ...]
    given: Given

    def named(self, name: str) -> list[Installed]:
        """Return the versions of a pack."""
        return [one for one in self.packs if one.name == name]

    def next_id(self, folder: str) -> int:
        """Return the id for a pack that is installed: that of what it replaces, or a new one."""
        ids = {one.folder: one.manifest.id for one in self.packs if one.manifest is not None}
        return ids.get(folder, max(ids.values(), default=0) + 1)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What goes: paths, folders that go where they are empty then, and files of the cache."""

    paths: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    archives: frozenset[str] = frozenset()

    def __or__(self, other: Leaving) -> Leaving:
        """Return what goes with both."""
        return Leaving(self.paths | other.paths, self.folders | other.folders, self.archives | other.archives)


def look(root: Path) -> Holdings:
    """Look at what packs have in a resources directory."""
    packs = tuple(installed_packs(root))
    owners: dict[str, str] = {}
    folders: set[str] = set()
    for one in packs:
        owners.update(dict.fromkeys(links_of(root, one), one.folder))
        if one.manifest is not None:
            folders.update(one.manifest.folders)
    return Holdings(FolderTree(root), packs, Given(owners, folders))


def leaving(holdings: Holdings, one: Installed) -> Leaving:
    """Return what goes with a pack: what it has made, as far as it is still that."""
    links = {path for path, owner in holdings.given.owners.items() if owner == one.folder}
    if one.manifest is not None:
        folders = set(one.manifest.folders)
    else:
        # Ambari makes folders below these, and does not write down which.
        folders = {parent for path in links for parent in _parents(path) if "/" in parent}
    paths = {*links, f"{MPACKS}/{one.folder}", manifest_path(one.folder)}
    there = {path for path in paths if holdings.tree.what(path) is not What.MISSING}
    return Leaving(frozenset(there), frozenset(folders), frozenset(archives_of(holdings, one)))


def archives_of(holdings: Holdings, one: Installed) -> list[str]:
    """Return the files in the cache that belong to a pack."""
    names = one.archives() if one.manifest is not None else [f"{one.folder}{suffix}" for suffix in SUFFIXES]
    return [name for name in names if holdings.tree.what(f"{MPACKS}/{CACHE}/{name}") is What.FILE]


def in_cache(archives: Iterable[str]) -> frozenset[str]:
    """Return the paths of files in the cache."""
    return frozenset(f"{MPACKS}/{CACHE}/{name}" for name in archives)


def archives_in(paths: Iterable[str]) -> set[str]:
    """Return the names of the files that are in the cache."""
    return {posixpath.basename(path) for path in paths if posixpath.dirname(path) == f"{MPACKS}/{CACHE}"}


def purged(holdings: Holdings, kinds: Iterable[str]) -> Leaving:
    """Return what a purge removes (setupMpacks.py, purge_stacks_and_mpacks); plain files of `stacks` stay."""
    tree, gone = holdings.tree, Leaving()
    for kind in kinds:
        if kind == STACK_DEFINITIONS:
            names = [name for name in tree.names("stacks") if tree.what(f"stacks/{name}") is What.FOLDER]
            gone |= Leaving(frozenset(f"stacks/{name}" for name in names))
        elif kind in _PURGED:
            folder = _PURGED[kind]
            gone |= Leaving(frozenset(f"{folder}/{name}" for name in tree.names(folder)))
        elif kind == PURGE_MPACKS:
            for one in holdings.packs:
                gone |= leaving(holdings, one)
            visible = [name for name in tree.names(MPACKS) if not name.startswith(".") and name != CACHE]
            inner = [f"{folder}/{name}" for folder in (CACHE, MANIFESTS) for name in tree.names(f"{MPACKS}/{folder}")]
            gone |= Leaving(frozenset(f"{MPACKS}/{name}" for name in [*visible, *inner]))
    return gone


def archive_name(holdings: Holdings, file_name: str, folder: str, digest: str, gone: frozenset[str]) -> str:
    """Choose the name of an archive in the cache: its own where that is free."""
    own = posixpath.basename(file_name)
    suffix = next((suffix for suffix in SUFFIXES if own.endswith(suffix)), "")
    for name in (own, f"{folder}{suffix}"):
        path = f"{MPACKS}/{CACHE}/{name}"
        if is_component(name) and (path in gone or holdings.tree.what(path) is What.MISSING):
            return name
    return f"{folder}-{digest[:16]}{suffix}"


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]
