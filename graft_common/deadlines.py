"""A bound on time for what every call passes through."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Within:
    """`with Within(seconds):` is `async with asyncio.timeout(seconds):` for a third of its cost.

    Raises TimeoutError where the block has not ended in time; None stands for however long it takes.
    """

    __slots__ = ("_cancelling", "_late", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cancelling = 0
        self._late = False

    def __enter__(self) -> Self:
        if self._seconds is not None:
            loop = asyncio.get_running_loop()
            self._task = task = asyncio.current_task(loop)
            if task is None:
                raise RuntimeError("only a task can be held to a time")
            self._cancelling = task.cancelling()
            self._timer = loop.call_later(max(self._seconds, 0.0), self._expire)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        task, self._task = self._task, None
        # Whoever else has cancelled the task means it to end.
        if self._late and task is not None and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        if self._task is not None:
            self._late = True
            self._task.cancel()
