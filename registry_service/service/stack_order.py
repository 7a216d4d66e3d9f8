"""The stack versions of a catalog, sorted: what their lists go through."""

from __future__ import annotations

from collections.abc import Sequence

from registry_service.catalog.catalog import Catalog, VersionKey


class StackOrder:
    """Sorts a catalog's stack versions when they are first asked for, and keeps that until another catalog is given."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._all: Sequence[VersionKey] = ()
        self._by_name: dict[str, list[VersionKey]] = {}

    def names(self, catalog: Catalog) -> Sequence[str]:
        """Return the names of the stacks, sorted."""
        self._sort(catalog)
        return list(self._by_name)

    def versions(self, catalog: Catalog, name: str = "") -> Sequence[VersionKey]:
        """Return the versions of a stack, or of all where the name is empty, sorted by name and version."""
        self._sort(catalog)
        return self._by_name.get(name, ()) if name else self._all

    def _sort(self, catalog: Catalog) -> None:
        if self._catalog is catalog:
            return
        self._all = sorted(catalog.stacks)
        self._by_name = {}
        for key in self._all:
            self._by_name.setdefault(key[0], []).append(key)
        self._catalog = catalog
