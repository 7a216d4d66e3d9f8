"""What the registry does by itself: looks for other replicas' changes, and removes what has expired."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from graft_common.errors import GraftError
from registry_service import metrics
from registry_service.identity.failed_logins import FailedLogins
from registry_service.identity.sessions import Sessions
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock

STOP_TIMEOUT = 10.0

_log = structlog.get_logger("graft.registry")


class Maintenance:
    """The background tasks of one registry process; replicas may all run them."""

    def __init__(
        self, store: Store, sessions: Sessions, failures: FailedLogins, clock: RevisionClock, tuning: Tuning
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._failures = failures
        self._clock = clock
        self._tuning = tuning
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._counted_at = -1

    def start(self) -> None:
        """Begin."""
        sweep_every = min(self._tuning.sweep_every, max(self._sessions.idle.total_seconds() / 4, 0.1))
        self._stopping.clear()
        self._tasks = [
            asyncio.create_task(self._repeat("poll", self.poll, self._tuning.poll_every)),
            asyncio.create_task(self._repeat("sweep", self.sweep, sweep_every)),
            asyncio.create_task(self._repeat("alert", self.alert, self._tuning.failed_login_alert_every)),
        ]

    async def stop(self) -> None:
        """End; rounds that have begun are let end, so that no connection is torn down within a transaction."""
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._failures.alert()

    async def poll(self) -> None:
        """Learn the store's revision, which another replica may have moved."""
        known = self._clock.revision
        async with self._store.read() as view:
            current = (await view.revisions()).current
            if current != self._counted_at:
                metrics.SESSIONS.set(await view.count_sessions())
                self._counted_at = current
        if current < known:
            # This process heard of `known` after it was committed: only a restored backup takes it back.
            _log.warning("database.restored", revision=current, known=known)
            await self._clock.reset(current)
        else:
            await self._clock.advance(current)

    async def alert(self) -> None:
        """Tell of logins that have failed since the last time."""
        self._failures.alert()

    async def sweep(self) -> None:
        """Remove expired sessions, changes that need not be kept, the oldest login records, and unused bundles."""
        await self._sessions.sweep()
        now = self._tuning.now()
        compacted = await self._store.compact(
            keep=self._tuning.keep_events,
            newer_than=now - self._tuning.keep_events_for,
            at_most=self._tuning.keep_events_at_most,
        )
        await self._store.prune_records(self._tuning.login_records)
        await self._store.prune_bundles(now - self._tuning.keep_bundles_for)
        metrics.COMPACTED.set(compacted)

    async def _repeat(self, name: str, work: Callable[[], Awaitable[None]], every: float) -> None:
        while not self._stopping.is_set():
            try:
                await work()
            except GraftError as error:
                _log.warning("maintenance.failed", task=name, error=str(error))
            except Exception:  # noqa: BLE001  (logged; one bad round must not end all later ones)
                _log.exception("maintenance.crashed", task=name)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), every)
