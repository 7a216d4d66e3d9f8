"""Writes of many callers in one transaction: whatever has come together while the last one was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from dispatcher_service.tasks.task import Task

_MAX_GROUP = 256


class GroupCommit:
    """Takes tasks to write, each of a caller that waits for the commit; the callers bound how many there are."""

    def __init__(
        self,
        write: Callable[[Sequence[Task]], Awaitable[Sequence[bool]]],
        reachable: Callable[[], Awaitable[bool]],
    ) -> None:
        self._write = write
        self._reachable = reachable
        self._waiting: list[tuple[Task, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        self._writer = asyncio.create_task(self._run(), name="task writer")

    async def submit(self, task: Task) -> bool:
        """Write a task, and tell whether the write counted (see `TaskTable.write`).

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer; whether it was written is not known.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((task, done))
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

    async def _commit(self, group: Sequence[tuple[Task, asyncio.Future[bool]]]) -> None:
        try:
            results = await self._write([task for task, _ in group])
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
        for (_, done), counted in zip(group, results, strict=True):
            if not done.done():
                done.set_result(counted)
