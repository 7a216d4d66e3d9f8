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


class Reporter:
    """Writes tasks that have changed. Each is named once, however often it changes before it is written."""

    def __init__(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        """Begin.

        Args:
            write: writes the tasks with these references as they are then; raises GraftError when it cannot.
        """
        self._write = write
        self._refs: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._writer = asyncio.create_task(self._run(), name="task reports")

    def report(self, ref: str) -> None:
        """Have a task written soon."""
        self._refs[ref] = None
        self._wake.set()

    async def close(self) -> None:
        """Stop writing, once what is under way is written; the ends of tasks say what was told last."""
        async with self._writing:
            self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            refs, self._refs = list(self._refs), {}
            try:
                async with self._writing:
                    await self._write(refs)
            except GraftError as error:
                # What comes next says it again, and the end at last.
                _log.warning("task.report_unwritten", tasks=len(refs), reason=str(error))
            await asyncio.sleep(INTERVAL)
