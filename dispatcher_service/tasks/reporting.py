"""Writes what calls tell of themselves to the store, where other hosts and events find it: gathered for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from graft_common.errors import GraftError

_log = structlog.get_logger("graft.tasks")

INTERVAL = 0.25
"""Seconds between two writes: one transaction has what all tasks have told meanwhile."""
RETRY = 1.0
"""Seconds until the next try, where the store takes nothing."""


class Reporter:
    """Writes tasks that have changed. Each is named once, however often it changes before it is written."""

    def __init__(
        self, write: Callable[[Sequence[str]], Awaitable[None]], reachable: Callable[[], Awaitable[bool]]
    ) -> None:
        """Begin.

        Args:
            write: writes the tasks with these references as they are then, and passes over those that are not there any
                more; raises GraftError when it cannot.
            reachable: tells whether the store takes anything at all.
        """
        self._write = write
        self._reachable = reachable
        self._refs: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._failing = False
        self._writer = asyncio.create_task(self._run(), name="task reports")

    def report(self, ref: str) -> None:
        """Have a task written soon."""
        self._refs[ref] = None
        self._wake.set()

    async def close(self) -> None:
        """Write what is left, once, and stop."""
        async with self._writing:
            self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        await self._report()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self._writing:
                await self._report()
            await asyncio.sleep(RETRY if self._failing else INTERVAL)

    async def _report(self) -> None:
        refs, self._refs = list(self._refs), {}
        if not refs:
            return
        try:
            await self._write(refs)
        except GraftError as error:
            if not self._failing:
                _log.warning("task.report_unwritten", tasks=len(refs), reason=str(error))
            self._failing = not await self._reachable()
            if self._failing:
                self._refs = dict.fromkeys(refs) | self._refs
                self._wake.set()
        except Exception:  # noqa: BLE001  (one bad report must not end all others)
            _log.exception("task.report_unwritten", tasks=len(refs))
        else:
            self._failing = False
