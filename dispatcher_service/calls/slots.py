"""How many calls run at once, and how many wait for their turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graft_common.errors import GraftError, server_busy


class Slots:
    """Lets calls run in the order in which they came; refuses those beyond the bound of the queue."""

    def __init__(self, concurrency: int, queue: int) -> None:
        self.running = 0
        self._concurrency = concurrency
        self._queue = queue
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters)

    def check(self) -> None:
        """Make sure that a call could at least wait.

        Raises:
            GraftError: SERVER_BUSY.
        """
        if self.running >= self._concurrency and self.waiting >= self._queue:
            raise server_busy(
                f"{self.running} calls run and {self.waiting} wait (GRAFT_CALL_CONCURRENCY, GRAFT_CALL_QUEUE)"
            )

    @asynccontextmanager
    async def slot(self, seconds: float | None = None) -> AsyncIterator[None]:
        """Wait for a turn, at most so many seconds, and hold it until the block ends.

        Raises:
            GraftError: SERVER_BUSY, when the queue is full or the turn has not come in time; what `refuse` got.
        """
        if self.running < self._concurrency:
            self.running += 1
        else:
            self.check()
            await self._wait(seconds)
        try:
            yield
        finally:
            self._release()

    def refuse(self, error: GraftError) -> None:
        """Send all who wait away."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)

    async def _wait(self, seconds: float | None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # The turn came together with the reason not to take it.
                self._release()
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            if isinstance(error, TimeoutError):
                raise server_busy(f"no turn within the {seconds:g} s that the caller waits") from None
            raise

    def _release(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.running -= 1
