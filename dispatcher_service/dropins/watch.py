"""Notices that something in a directory may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from watchfiles import awatch

from graft_common.watching import failures_told, identity

_log = structlog.get_logger("graft.dropins")

_STEP = 20
_GROUP = 100
_CHECK = 500
_SWEEP = 10.0


async def changes(directory: Path) -> AsyncIterator[None]:
    """Yield when something in a directory has changed, and every ten seconds in case that a notice was lost.

    The directory may be missing, appear, and be replaced by another of the same name. Never ends by itself.
    """
    while True:
        watched = identity(directory)
        yield
        if watched is None:
            await asyncio.sleep(_CHECK / 1000)
            continue
        with failures_told(_log, "dropin.watch_failed", directory) as watch:
            async for _ in _notices(directory, watched):
                yield
        if watch.failed:  # looking twice a second is what remains
            await asyncio.sleep(_CHECK / 1000)


async def _notices(directory: Path, watched: tuple[int, int]) -> AsyncIterator[None]:
    """Yield until the directory is no longer the one watched."""
    loop = asyncio.get_running_loop()
    # What has changed before the watch began is looked for at its first turn, half a second later at most.
    swept = loop.time() - _SWEEP
    notices = awatch(
        directory, watch_filter=None, debounce=_GROUP, step=_STEP, rust_timeout=_CHECK, yield_on_timeout=True
    )
    async for found in notices:
        if found or loop.time() - swept > _SWEEP:
            swept = loop.time()
            yield
        if identity(directory) != watched:
            return
