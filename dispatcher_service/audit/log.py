"""The audit log as calls and readers see it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from prometheus_client import Counter

from dispatcher_service.calls.record import CallRecord
from dispatcher_service.store.calls import StoredCall
from dispatcher_service.store.store import DispatcherStore
from graft_common.errors import GraftError, value_not_supported

_log = structlog.get_logger("graft.audit")

AUDIT_DROPPED = Counter("graft_audit_dropped_total", "Audit records of calls that could not be kept.")

MAX_PAGE = 1000
DEFAULT_PAGE = 100


@dataclass(frozen=True, slots=True)
class AuditBounds:
    """How much is held and kept."""

    queue: int = 20_000
    """Records that wait to be written; beyond that the oldest are dropped."""
    group: int = 500
    """Records of one transaction."""
    gather: float = 0.1
    """Seconds that a record waits at most for others to be written with it; so much is lost when the process is killed,
    but no more. A full group, a reader and the end do not wait."""
    keep: int = 100_000
    """Records in the store, about; older ones are deleted."""
    flush_wait: float = 2.0
    """Seconds that a reader waits at most for what was recorded before it asked."""


class AuditLog:
    """Takes records without ever blocking, and writes them in groups. It is an `AuditSink`."""

    def __init__(self, store: DispatcherStore, host_ref: str, bounds: AuditBounds | None = None) -> None:
        self._store = store
        self._host_ref = host_ref
        self._bounds = bounds or AuditBounds()
        self._queue: deque[CallRecord] = deque()
        self._taken = 0
        self._settled = 0
        self._untrimmed = self._bounds.keep
        self._overflowing = False
        self._loop = asyncio.get_running_loop()
        self._gathering: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()
        self._writer = asyncio.create_task(self._run(), name="audit writer")

    def record(self, record: CallRecord) -> None:
        """Take one record; where too many wait, the oldest is dropped and counted."""
        self._queue.append(record)
        self._taken += 1
        if len(self._queue) > self._bounds.queue:
            self._queue.popleft()
            self._settled += 1
            self._dropped(1)
        if self._gathering is None:
            self._gathering = self._loop.call_later(self._bounds.gather, self._wake.set)
        if len(self._queue) == self._bounds.group:
            self._wake.set()

    async def page(
        self, size: int = 0, token: str = "", since: datetime | None = None, *, oldest_first: bool = False
    ) -> tuple[Sequence[StoredCall], str]:
        """Return one page of records, the newest first unless asked otherwise, and the token of the next page.

        Raises:
            GraftError: VALUE_NOT_SUPPORTED, when the token is none; SERVICE_UNAVAILABLE.
        """
        if token and not (token.isascii() and token.isdecimal() and len(token) < 19):
            raise value_not_supported("page_token", token, "it must be the next_page_token of an answer")
        limit = min(size, MAX_PAGE) if size > 0 else DEFAULT_PAGE
        if not token:
            await self.flush(self._bounds.flush_wait)
        beyond = int(token) if token else None
        found = await self._store.calls.page(limit + 1, beyond, since, oldest_first=oldest_first)
        shown = found[:limit]
        return shown, str(shown[-1].id) if len(found) > limit else ""

    async def flush(self, timeout: float) -> bool:  # noqa: ASYNC109  (a bound on a wait that may fail)
        """Wait until what was taken so far is written or dropped; False when that takes longer."""
        target = self._taken
        self._wake.set()
        try:
            async with asyncio.timeout(timeout), self._progress:
                await self._progress.wait_for(lambda: self._settled >= target)
        except TimeoutError:
            return False
        return True

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  (the same)
        """Write what waits, within the bound, and stop."""
        await self.flush(timeout)
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        if self._gathering is not None:
            self._gathering.cancel()
        self._queue.clear()
        if self._taken > self._settled:
            self._dropped(self._taken - self._settled)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._gathering is not None:
                self._gathering.cancel()
                self._gathering = None
            # What comes meanwhile gathers anew.
            taken = self._taken
            while self._queue and self._settled < taken:
                group = [self._queue.popleft() for _ in range(min(len(self._queue), self._bounds.group))]
                await self._write(group)
                self._settled += len(group)
                self._overflowing = False
                async with self._progress:
                    self._progress.notify_all()

    async def _write(self, group: Sequence[CallRecord]) -> None:
        """Write a group, however long the store does not answer; a record that it refuses is dropped."""
        delay = 0.1
        while True:
            try:
                await self._store.calls.append(self._host_ref, group)
                break
            except Exception as error:  # noqa: BLE001  (the writer must outlive whatever a record holds)
                if not isinstance(error, GraftError) or await self._store.reachable():
                    await self._write_singly(group, str(error))
                    return
            await asyncio.sleep(delay)
            delay = min(2 * delay, 5.0)
        await self._trim(len(group))

    async def _write_singly(self, group: Sequence[CallRecord], reason: str) -> None:
        """Write what was refused together, so that one record takes no other with it."""
        if len(group) == 1:
            _log.error("audit.unwritable", action=group[0].action, reason=reason)
            self._dropped(1)
            return
        for record in group:
            await self._write([record])

    async def _trim(self, written: int) -> None:
        self._untrimmed += written
        if self._untrimmed * 20 >= self._bounds.keep:
            self._untrimmed = 0
            with suppress(GraftError):
                await self._store.calls.trim(self._bounds.keep)

    def _dropped(self, count: int) -> None:
        AUDIT_DROPPED.inc(count)
        if not self._overflowing:
            self._overflowing = True
            _log.error("audit.dropped", queue=self._bounds.queue)
