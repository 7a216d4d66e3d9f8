"""Writes of many callers in one transaction: whatever has come together while the last one was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

from graft_common.errors import GraftError, service_unavailable

_MAX_GROUP = 256

Wish = TypeVar("Wish")
Result = TypeVar("Result")


class GroupCommit(Generic[Wish, Result]):
    """Takes what is to be written, each of a caller that waits for the commit; the callers bound how many there are.

    Args:
        write: writes a group in one transaction, and returns what has come of each.
        reachable: tells whether the store takes anything at all.
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
        self._waiting: dict[asyncio.Future[Result], Wish] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._writer = asyncio.create_task(self._run(), name=name)

    async def submit(self, wish: Wish) -> Result:
        """Have it written, and return what has come of it. What nobody waits for any more is not begun.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer, or this is closed; whether it was written
                is not known.
        """
        if self._closed:
            raise _closing()
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[done] = wish
        self._wake.set()
        try:
            return await done
        finally:
            self._waiting.pop(done, None)

    async def close(self) -> None:
        """Stop writing; whoever still waits is told so."""
        self._closed = True
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        for done in self._waiting:
            _fail(done, _closing())

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group = list(islice(self._waiting.items(), _MAX_GROUP))
                for done, _ in group:
                    del self._waiting[done]
                try:
                    await self._commit(group)
                finally:
                    for done, _ in group:
                        _fail(done, _closing())

    async def _commit(self, group: Sequence[tuple[asyncio.Future[Result], Wish]]) -> None:
        try:
            results = await self._write([wish for _, wish in group])
        except Exception as error:  # noqa: BLE001  (each waiting caller gets it)
            if len(group) > 1 and await self._reachable():
                # One of them is at fault: alone, each has its own fate.
                for one in group:
                    if not one[0].done():
                        await self._commit([one])
                return
            for done, _ in group:
                _fail(done, error)
            return
        for (done, _), result in zip(group, results, strict=True):
            if not done.done():
                done.set_result(result)


def _fail(done: asyncio.Future[Result], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)


def _closing() -> GraftError:
    return service_unavailable("dispatcher", "it is shutting down")
