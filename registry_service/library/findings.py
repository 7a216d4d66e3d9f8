"""Looks for findings in a thread, one search at a time: schemas take milliseconds a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from registry_service.catalog.cache import load_verdicts, save_verdicts
from registry_service.catalog.catalog import Catalog
from registry_service.catalog.findings import AllFindings, Position, findings_of
from registry_service.catalog.schema_checks import Verdicts
from registry_service.catalog.value_types import Finding
from registry_service.catalog.version_reader import EXTENSIONS

P = ParamSpec("P")
T = TypeVar("T")

_SECONDS = 2.0
"""How long a page may take before it is cut short."""

_log = structlog.get_logger("graft.registry")


class FindingSearch:
    """Finds; what is known of a file's content is not looked for again, nor after a restart.

    Args:
        cache: the file that keeps it.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._kept: frozenset[str] = frozenset()
        self._verdicts: Verdicts | None = None
        self._all: AllFindings | None = None
        self._searching = asyncio.Lock()

    async def of_extension(self, catalog: Catalog, name: str, version: str) -> list[Finding]:
        """Return the findings of an extension version."""
        async with self._searching:
            return await _in_thread(findings_of, catalog, EXTENSIONS, name, version, await self._known())

    async def page(self, catalog: Catalog, begin: Position, size: int) -> tuple[Sequence[Finding], Position | None]:
        """Return at most `size` findings of a catalog from a position on, and the position after; None at the end."""
        async with self._searching:
            if self._all is None or self._all.catalog is not catalog:
                self._all = await _in_thread(AllFindings, catalog)
            return await _in_thread(self._all.page, begin, size, _SECONDS, await self._known())

    async def close(self) -> None:
        """Keep what is known for the next start, if it differs from what is kept."""
        async with self._searching:
            if self._verdicts is None or self._verdicts.known.keys() == self._kept:
                return
            try:
                await _in_thread(self._save, self._verdicts)
            except OSError as error:
                _log.warning("resources.cache_failed", path=str(self._cache), reason=error.strerror)

    async def _known(self) -> Verdicts:
        if self._verdicts is None:
            self._verdicts = await _in_thread(load_verdicts, self._cache)
            self._kept = frozenset(self._verdicts.known)
        return self._verdicts

    def _save(self, verdicts: Verdicts) -> None:
        self._cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        save_verdicts(verdicts, self._cache)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in a thread, and do not return before it has ended: a caller who goes away must not let in the next."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
