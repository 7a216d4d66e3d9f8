"""Reading the resources directory in a thread, with a cache on disk for the next start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from graft_common.errors import service_unavailable
from registry_service.catalog.cache import load_reading, save_reading
from registry_service.catalog.catalog import Catalog, ReadingStoppedError, read_catalog

_log = structlog.get_logger("graft.registry")


class Tree:
    """A resources directory, and what was read of it last. One reading at a time."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.catalog: Catalog | None = None
        self.seconds = 0.0
        """How long the last look at everything took."""
        self._cache = cache
        self._saved: object = None
        self._stopped = False

    def stop(self) -> None:
        """End a reading that runs, between two files, and refuse those that come."""
        self._stopped = True

    async def read(self, changed: Iterable[str] | None = None) -> Catalog:
        """Read what has changed, of these paths or of all.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when it is stopped.
        """
        started = time.monotonic()
        try:
            catalog = await asyncio.to_thread(self._read, None if changed is None else list(changed))
        except ReadingStoppedError:
            raise service_unavailable("registry", "it is shutting down") from None
        if changed is None:
            self.seconds = time.monotonic() - started
        self.catalog = catalog
        return catalog

    async def save(self) -> None:
        """Keep what was read for the next start, if it differs from what is kept."""
        catalog = self.catalog
        if catalog is None or catalog.reading is self._saved:
            return
        self._saved = catalog.reading
        try:
            await asyncio.to_thread(self._save, catalog)
        except OSError as error:
            _log.warning("resources.cache_failed", path=str(self._cache), reason=error.strerror)

    def _read(self, changed: list[str] | None) -> Catalog:
        if self.catalog is not None:
            return read_catalog(self.root, self.catalog, changed, lambda: self._stopped)
        reading = load_reading(self._cache)
        catalog = read_catalog(self.root, reading, stopped=lambda: self._stopped)
        if reading is not None and catalog.reading == reading:
            self._saved = catalog.reading
        return catalog

    def _save(self, catalog: Catalog) -> None:
        self._cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        save_reading(catalog.reading, self._cache)
