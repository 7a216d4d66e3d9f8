"""Notices which files of the resources directory have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import structlog
from watchfiles import awatch

from graft_common.watching import failures_told, identity

_log = structlog.get_logger("graft.registry")

TICK = 1.0
"""Seconds between two yields at most."""
_WITHOUT_WATCH = 10.0
_STEP = 20
_GROUP = 200
"""Milliseconds of quiet, and of noise at most, before changes are told."""


async def changes(directory: Path) -> AsyncGenerator[frozenset[str] | None]:
    """Yield the paths that have changed: None where any may have, and none at all every second when nothing has.

    The directory may be missing, appear, and be replaced by another of the same name. Links that lead out of it are
    not followed, so that who needs them must look there. Never ends by itself.
    """
    while True:
        watched = identity(directory)
        yield None
        if watched is None:
            while identity(directory) is None:
                await asyncio.sleep(TICK)
                yield frozenset()
            continue
        with failures_told(_log, "resources.watch_failed", directory) as watch:
            async for found in _notices(directory, watched):
                yield found
        if watch.failed:  # looking at everything now and then is what remains
            await asyncio.sleep(_WITHOUT_WATCH)


async def _notices(directory: Path, watched: tuple[int, int]) -> AsyncIterator[frozenset[str] | None]:
    """Yield until the directory is no longer the one watched."""
    started = False
    notices = awatch(
        directory,
        watch_filter=None,
        debounce=_GROUP,
        step=_STEP,
        rust_timeout=int(TICK * 1000),
        yield_on_timeout=True,
    )
    async for found in notices:
        # What has changed before the watch began is looked for at its first turn.
        yield frozenset(path for _, path in found) if started else None
        started = True
        if identity(directory) != watched:
            return
