"""Follows the store on behalf of one watcher after another: each at its own pace, from the table of changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from graft_common.errors import GraftError, server_busy, service_unavailable
from graft_common.roles import ROLES
from registry_service import metrics
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock
from registry_service.watch.values import Batch, Change, Kind, Phase, Revisions, Step


class Watches:
    """Serves watches.

    Nothing is queued for a watcher: a slow one holds a position in the table of changes and nothing else, except that
    a snapshot, which must be of one revision, is read whole before its first part is sent.
    """

    def __init__(self, store: Store, clock: RevisionClock, tuning: Tuning) -> None:
        self._store = store
        self._clock = clock
        self._tuning = tuning
        self._count = 0
        self._nobody = asyncio.Event()
        self._nobody.set()

    async def follow(
        self, start_revision: int, kinds: frozenset[Kind], still_allowed: Callable[[], Awaitable[None]]
    ) -> AsyncGenerator[Step, None]:
        """Yield the snapshot if `start_revision` is 0, then changes as they come, and bookmarks while it is quiet.

        `still_allowed` is asked before every response and raises when the watcher has lost its right.

        Raises:
            GraftError: REVISION_COMPACTED [asked, oldest] when the changes since are not there;
                SERVER_BUSY when there are too many watchers; SERVICE_UNAVAILABLE when the registry stops.
        """
        with self._counted():
            position = start_revision
            if position == 0:
                for part in await self._snapshot(kinds):
                    yield part
                    position = part.revision
            bookmark_at = time.monotonic() + self._tuning.bookmark_every
            while True:
                batch = await self._read(position, kinds)
                position = batch.revision
                step = Step(position, Phase.CHANGES, batch.changes) if batch.changes else None
                if step is None and time.monotonic() >= bookmark_at:
                    step = Step(position, Phase.BOOKMARK)
                if step is not None:
                    await still_allowed()
                    yield step
                    bookmark_at = time.monotonic() + self._tuning.bookmark_every
                if not batch.more:
                    await self._clock.wait_beyond(position, max(bookmark_at - time.monotonic(), 0))

    async def drained(self, limit: float) -> None:
        """Wait until every watch has ended, or for `limit` seconds."""
        await self._clock.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nobody.wait(), limit)

    async def _snapshot(self, kinds: frozenset[Kind]) -> list[Step]:
        async with self._store.read() as view:
            revision = (await view.revisions()).current
            changes = await view.snapshot(kinds)
        if Kind.ROLE in kinds:
            # Those of them that are stored come later and hold more.
            changes = [*(Change(revision, Kind.ROLE, role.name, role) for role in ROLES), *changes]
        size = self._tuning.batch
        parts = [changes[start : start + size] for start in range(0, len(changes), size)] or [[]]
        return [
            *(Step(0, Phase.SNAPSHOT, part) for part in parts[:-1]),
            Step(revision, Phase.SNAPSHOT_COMPLETE, parts[-1]),
        ]

    async def _read(self, position: int, kinds: frozenset[Kind]) -> Batch:
        if self._clock.closed:
            raise service_unavailable("registry", "it is shutting down; follow again from the last revision")
        async with self._store.read() as view:
            check_kept(position, await view.revisions())
            return await view.changes(position, kinds, self._tuning.batch)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._count >= self._tuning.watchers:
            raise server_busy(f"the registry has {self._tuning.watchers} watchers already")
        self._count += 1
        self._nobody.clear()
        metrics.WATCHERS.inc()
        try:
            yield
        finally:
            self._count -= 1
            if self._count == 0:
                self._nobody.set()
            metrics.WATCHERS.dec()


def check_kept(position: int, revisions: Revisions) -> None:
    """Raise REVISION_COMPACTED unless all changes after `position` are there.

    A position in the future is of another database than the present one: that follower must begin anew, too.
    """
    if not revisions.compacted <= position <= revisions.current:
        raise GraftError("REVISION_COMPACTED", str(position), str(revisions.compacted))
