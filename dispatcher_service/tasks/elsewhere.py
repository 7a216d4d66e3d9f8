"""Tasks that do not run on this host, for those who follow them here: one look at the store serves all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

from dispatcher_service.store.changes import ChangeTable
from graft_common.errors import GraftError

_log = structlog.get_logger("graft.tasks")

_KIND = "task"


class News:
    """Tells one follower that a task may have changed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Wake the follower."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until the task may have changed since this was waited for last."""
        await self._event.wait()
        self._event.clear()


class Elsewhere:
    """Looks at what has changed in the store, as long as somebody follows something."""

    def __init__(self, changes: ChangeTable, pause: float) -> None:
        """Begin.

        Args:
            changes: what has changed, and when.
            pause: seconds between two looks.
        """
        self._changes = changes
        self._pause = pause
        self._followed: dict[str, set[News]] = {}
        self._anybody = asyncio.Event()
        self._looking = asyncio.Lock()
        self._seen: int | None = None
        """The revision up to which everybody was told; None while nobody follows anything."""
        self._looker = asyncio.create_task(self._look_for_ever(), name="tasks elsewhere")

    @contextmanager
    def follow(self, ref: str) -> Iterator[News]:
        """Have news of a task; what is there already is to be looked at after this has begun."""
        news = News()
        self._followed.setdefault(ref, set()).add(news)
        self._anybody.set()
        try:
            yield news
        finally:
            self._followed[ref].discard(news)
            if not self._followed[ref]:
                del self._followed[ref]

    async def close(self) -> None:
        """Look no more."""
        async with self._looking:
            self._looker.cancel()
        with suppress(asyncio.CancelledError):
            await self._looker

    async def _look_for_ever(self) -> None:
        while True:
            await self._anybody.wait()
            async with self._looking:
                await self._look()
            await asyncio.sleep(self._pause)

    async def _look(self) -> None:
        if not self._followed:
            self._anybody.clear()
            self._seen = None
            return
        try:
            if self._seen is None:
                # What has changed before is not known: everybody is to look.
                self._seen = (await self._changes.revisions()).current
                self._tell(list(self._followed))
                return
            revisions, changed = await self._changes.since(self._seen)
        except GraftError as error:
            _log.warning("task.look_failed", reason=str(error))
            return
        self._seen = revisions.current
        self._tell([change.ref for change in changed if change.kind == _KIND])

    def _tell(self, refs: list[str]) -> None:
        for ref in refs:
            for news in self._followed.get(ref, ()):
                news.tell()
