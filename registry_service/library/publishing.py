"""What followers and lists are told of the extension versions on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.resources import ExtensionVersion

_MAX_ERRORS = 100
_MAX_ERROR = 1000


@dataclass(frozen=True, slots=True)
class Differences:
    """What is new or different, and what is gone."""

    put: tuple[ExtensionVersion, ...]
    deleted: tuple[ExtensionVersion, ...]


def published(extension: ResolvedExtension) -> ExtensionVersion:
    """Describe an extension version as it is on disk."""
    return ExtensionVersion(
        name=extension.name,
        version=extension.version,
        valid=extension.valid,
        errors=tuple(error[:_MAX_ERROR] for error in sorted(extension.errors)[:_MAX_ERRORS]),
        parent_version=extension.parent_version or "",
        auto_link=extension.auto_links,
        services=tuple(sorted(extension.services)),
    )


def from_stored(stored: Iterable[ExtensionVersion], catalog: Catalog) -> Differences:
    """Compare what was published, perhaps by another process, with what is on disk."""
    before = {(item.name, item.version): item for item in stored}
    after = _all(catalog.extensions.values())
    return _differences(before, after)


def from_catalog(earlier: Catalog, catalog: Catalog) -> Differences:
    """Compare two states on disk; names of which nothing has changed are passed over."""
    names = earlier.extensions.keys() | catalog.extensions.keys()
    changed = [name for name in names if earlier.extensions.get(name) is not catalog.extensions.get(name)]
    return _differences(
        _all(earlier.extensions.get(name, {}) for name in changed),
        _all(catalog.extensions.get(name, {}) for name in changed),
    )


def _all(groups: Iterable[Mapping[str, ResolvedExtension]]) -> dict[VersionKey, ExtensionVersion]:
    return {
        (extension.name, extension.version): published(extension)
        for versions in groups
        for extension in versions.values()
    }


def _differences(
    before: Mapping[VersionKey, ExtensionVersion], after: Mapping[VersionKey, ExtensionVersion]
) -> Differences:
    return Differences(
        tuple(item for key, item in after.items() if before.get(key) != item),
        tuple(item for key, item in before.items() if key not in after),
    )
