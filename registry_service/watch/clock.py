"""Wakes the watchers of this process when the registry has moved."""

from __future__ import annotations

import asyncio

from registry_service import metrics


class RevisionClock:
    """Knows the newest revision that this process has heard of; the store's own number is the truth."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.closed = False
        self._moved = asyncio.Condition()

    async def advance(self, revision: int) -> None:
        """Note a revision that is committed; one that is known already changes nothing."""
        if revision > self.revision:
            await self.reset(revision)

    async def reset(self, revision: int) -> None:
        """Note a revision, even a lower one: the database was put back to an older state."""
        self.revision = revision
        metrics.REVISION.set(revision)
        async with self._moved:
            self._moved.notify_all()

    async def close(self) -> None:
        """Wake every watcher for the last time."""
        self.closed = True
        async with self._moved:
            self._moved.notify_all()

    async def wait_beyond(self, revision: int, timeout: float) -> None:  # noqa: ASYNC109  (the end is no error here)
        """Return when a later revision is known, when the clock is closed, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(lambda: self.closed or self.revision > revision)
        except TimeoutError:
            return
