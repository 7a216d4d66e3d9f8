"""Notices that something in a directory may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from watchfiles import awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

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
        watched = _identity(directory)
        yield
        if watched is None:
            await asyncio.sleep(_CHECK / 1000)
            continue
        try:
            async for _ in _notices(directory, watched):
                yield
        except* OSError as errors:
            # Such as the limit of inotify: looking twice a second is what remains.
            _tell_failure(
                directory, errors, "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl"
            )
        except* WatchfilesRustInternalError as errors:
            # Whatever befalls a path that is no UTF-8, be it that somebody lists it, ends a watch.
            _tell_failure(directory, errors, "rename what has a name that is not UTF-8")
        else:
            continue
        await asyncio.sleep(_CHECK / 1000)


def _tell_failure(directory: Path, errors: BaseException, fix: str) -> None:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    _log.warning("dropin.watch_failed", directory=str(directory), reason=str(errors), fix=fix)


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
        if _identity(directory) != watched:
            return


def _identity(directory: Path) -> tuple[int, int] | None:
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
