"""What would be wrong with the extension versions that a pack brings, if it were installed as things are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from registry_service.catalog.catalog import read_catalog
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.catalog.value_types import Finding
from registry_service.mpacks.layout import COMMON_SERVICES, EXTENSIONS, STACKS
from registry_service.mpacks.loading import Loaded

_VIEW = "foreseen"
_MAX_REASONS = 3


def not_valid(extension: ResolvedExtension) -> str:
    """Say that an extension version of a pack is not valid; an installation goes on all the same, as in Ambari."""
    reasons = "; ".join(extension.errors[:_MAX_REASONS])
    return f"The extension version {extension.name}/{extension.version} is not valid, and cannot be linked: {reasons}"


def foresee(root: Path, own: Path, loaded: Loaded) -> Iterator[Finding]:
    """Yield a finding for each extension version that would not be valid.

    A tree with no more in it than has to be read is put together of links in the operation's own folder.
    """
    view = own / _VIEW
    wanted = {one.path: one.source for one in loaded.layout.wanted if not one.needs}
    for path, source in wanted.items():
        if (loaded.folder / source).is_dir():
            _link(view / path, loaded.folder / source)
    names = {name for name, _ in loaded.layout.extensions}
    for name in names:
        _add_versions(root / EXTENSIONS / name, view / EXTENSIONS / name)
        _add_versions(root / STACKS / name, view / STACKS / name)
    if names and (root / COMMON_SERVICES).is_dir():
        for service in (root / COMMON_SERVICES).iterdir():
            _add_versions(service, view / COMMON_SERVICES / service.name)
    catalog = read_catalog(view)
    for name, version in loaded.layout.extensions:
        extension = catalog.extension(name, version)
        if extension is not None and not extension.valid:
            place = f"{EXTENSIONS}/{name}/{version}"
            source = wanted.get(place, place)
            text = not_valid(extension).replace(f"{view}/{place}/", f"{source}/").replace(f"{view}/", "")
            yield Finding(f"{source}/metainfo.xml", text)


def _add_versions(there: Path, view: Path) -> None:
    """Add the versions that are there already, where the pack brings none of the same name."""
    if there.is_dir():
        for version in there.iterdir():
            if version.is_dir():
                _link(view / version.name, version.resolve())


def _link(path: Path, target: Path) -> None:
    if not path.is_symlink():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
