"""One operation while it is under way: its folder, its progress, and its end before it has begun to change anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from threading import Event
from typing import Any, ParamSpec, TypeVar

from registry_service.mpacks.errors import failed
from registry_service.mpacks.values import Phase, Progress, Report

_TELL_EVERY = 0.1
"""Seconds between two reports of one phase."""

_LOOK_EVERY = 0.2
"""Seconds between two looks whether anybody still waits."""

P = ParamSpec("P")
T = TypeVar("T")


class StoppedError(Exception):
    """Nobody waits for the operation any more, and it has not begun to change anything."""


class Run:
    """An operation in its own folder."""

    def __init__(self, own: Path, report: Report, stopped: Event) -> None:
        self.own = own
        self._report = report
        self._stopped = stopped
        self._loop = asyncio.get_running_loop()

    async def thread(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that takes time, or waits for a disk, in a thread.

        Raises:
            GraftError: MPACK_FAILED for what the file system refuses; what `act` raises.
        """
        try:
            return await asyncio.to_thread(act, *args, **kwargs)
        except OSError as error:
            raise failed("The resources directory cannot be changed", error) from error

    def tell(self, phase: Phase, done: int = 0, total: int = 0, what: str = "") -> None:
        """Report progress; from the thread of the loop."""
        self._report(Progress(phase, done, total, what))

    def meter(self, phase: Phase, total: int = 0, *, can_stop: bool = False) -> Callable[[int], None]:
        """Return what a thread tells how far it is; it raises StoppedError where that is possible and wanted."""
        told = 0.0

        def step(done: int) -> None:
            nonlocal told
            if can_stop and self._stopped.is_set():
                raise StoppedError
            now = time.monotonic()
            if now - told >= _TELL_EVERY or done == total:
                told = now
                self._loop.call_soon_threadsafe(self._report, Progress(phase, done, total))

        return step

    async def while_awaited(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that takes long; cancel it, and raise StoppedError, if nobody waits any more."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                self.go_on()
                await asyncio.wait([task], timeout=_LOOK_EVERY)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return task.result()

    def go_on(self) -> None:
        """Raise StoppedError if nobody waits any more."""
        if self._stopped.is_set():
            raise StoppedError
