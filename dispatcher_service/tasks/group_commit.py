"""Writes of many callers in one transaction: whatever has come together while the last one was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

_MAX_GROUP = 256

Wish = TypeVar("Wish")
Result = TypeVar("Result")


class GroupCommit(Generic[Wish, Result]):
    """Takes what is to be written, each of a caller that waits for the commit; the callers bound how many there are.

    Args:
        write: writes a group in one transaction, and returns what has come of each.
        reachable: tells whether the store answers at all.
        name: what the work is called.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Wish]], Awaitable[Sequence[Result]]],
        reachable: Callable[[], Awaitable[bool]],
        name: str,
    ) -> None:
        self._write = write
        self._reachable = reachable
        self._waiting: list[tuple[Wish, asyncio.Future[Result]]] = []
        self._wake = asyncio.Event()
        self._writer = asyncio.create_task(self._run(), name=name)

    async def submit(self, wish: Wish) -> Result:
        """Have it written, and return what has come of it.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer; whether it was written is not known.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, done))
        self._wake.set()
        return await done

    async def close(self) -> None:
        """Stop writing; whoever still waits is cancelled."""
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        for _, done in self._waiting:
            done.cancel()
        self._waiting.clear()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group, self._waiting = self._waiting[:_MAX_GROUP], self._waiting[_MAX_GROUP:]
                try:
                    await self._commit(group)
                finally:
                    for _, done in group:
                        done.cancel()

    async def _commit(self, group: Sequence[tuple[Wish, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([wish for wish, _ in group])
        except Exception as error:  # noqa: BLE001  (each waiting caller gets it)
            if len(group) > 1 and await self._reachable():
                # One of them is at fault: alone, each has its own fate.
                for one in group:
                    await self._commit([one])
                return
            for _, done in group:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(group, results, strict=True):
            if not done.done():
                done.set_result(result)
