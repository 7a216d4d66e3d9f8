"""What belongs to an installed pack: written down with its installation, or found out for packs of Ambari's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from graft_common.errors import GraftError
from graft_common.versions import version_key
from registry_service.catalog.catalog import MPACKS
from registry_service.mpacks.layout import COMMON_SERVICES, DASHBOARDS, EXTENSIONS, STACKS, lay_out
from registry_service.mpacks.metadata import Metadata, read_metadata
from registry_service.mpacks.trees import FolderTree
from registry_service.mpacks.values import Pack

CACHE = "cache"
MANIFESTS = ".manifests"
_MAX_MANIFEST = 64 * 1024 * 1024
_LEVELS = {EXTENSIONS: 2, COMMON_SERVICES: 2, STACKS: 4, DASHBOARDS: 2}
"""How deep packs put links into each folder."""

_log = structlog.get_logger("graft.registry")


class Manifest(msgspec.Struct, frozen=True):
    """Which paths a pack has made; all are relative to the resources directory."""

    id: int
    name: str
    version: str
    archive: str
    digest: str
    installed: datetime
    links: dict[str, str]
    """What each link said when it was made."""
    folders: list[str]
    """Folders that some pack has made and in which this one has something."""
    archives: list[str]
    """The files in the cache that lines of the replay log need for this pack, older versions' among them."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A pack in `mpacks/<folder>`."""

    folder: str
    metadata: Metadata
    manifest: Manifest | None
    """None of a pack that Ambari has installed."""

    @property
    def name(self) -> str:
        """The pack's name."""
        return self.metadata.name

    @property
    def version(self) -> str:
        """The pack's version."""
        return self.metadata.version

    def archives(self) -> list[str]:
        """Return its files in the cache."""
        return self.manifest.archives if self.manifest is not None else []


def manifest_path(folder: str) -> str:
    """Return where the manifest of a pack's folder is."""
    return f"{MPACKS}/{MANIFESTS}/{folder}.json"


def installed_packs(root: Path) -> list[Installed]:
    """Return the packs of a resources directory, by name, the newest version first."""
    found = []
    try:
        with os.scandir(root / MPACKS) as entries:
            folders = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    for folder in folders:
        if folder == CACHE or folder.startswith("."):
            continue
        try:
            metadata, _ = read_metadata(root / MPACKS / folder, folder)
        except GraftError as error:
            _log.warning("mpack.skipped", folder=folder, reason=error.params[0])
            continue
        except FileNotFoundError:
            # An operation has just taken it away.
            continue
        found.append(Installed(folder, metadata, _read_manifest(root / manifest_path(folder))))
    found.sort(key=lambda one: (version_key(one.version), one.version), reverse=True)
    return sorted(found, key=lambda one: one.name)


def describe(root: Path, one: Installed) -> Pack:
    """Describe an installed pack."""
    pack = describe_folder(root / MPACKS / one.folder, one.metadata)
    manifest = one.manifest
    if manifest is None:
        return pack
    return replace(
        pack,
        id=manifest.id,
        archive=manifest.archive,
        digest=manifest.digest,
        installed=manifest.installed,
        managed=True,
    )


def describe_folder(folder: Path, metadata: Metadata) -> Pack:
    """Describe the pack that a folder holds."""
    try:
        layout = lay_out(metadata, FolderTree(folder, follow=True))
    except GraftError:
        layout = None
    return Pack(
        metadata.name,
        metadata.version,
        metadata.description,
        tuple(entry.artifact for entry in metadata.artifacts),
        metadata.known_hooks(),
        layout.extensions if layout else (),
        layout.stacks if layout else (),
        layout.services if layout else (),
    )


def links_of(root: Path, one: Installed) -> dict[str, str]:
    """Return the links of a pack that are there, and as they were made."""
    if one.manifest is not None:
        tree = FolderTree(root)
        return {path: said for path, said in one.manifest.links.items() if tree.target(path) == said}
    home = os.path.realpath(root / MPACKS / one.folder)
    found = {}
    for path in _links_below(root):
        if os.path.realpath(root / path).startswith(f"{home}/"):
            found[path] = str((root / path).readlink())
    return found


def _links_below(root: Path) -> Iterator[str]:
    waiting = [(folder, levels) for folder, levels in _LEVELS.items() if not (root / folder).is_symlink()]
    while waiting:
        folder, levels = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in found:
            if entry.is_symlink():
                yield f"{folder}/{entry.name}"
            elif levels > 1 and entry.is_dir(follow_symlinks=False):
                waiting.append((f"{folder}/{entry.name}", levels - 1))


def _read_manifest(path: Path) -> Manifest | None:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_MANIFEST)
        return msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        # Ownership is then looked for in the tree.
        _log.warning("mpack.manifest_unreadable", path=str(path), reason=str(error))
        return None
