"""Work in a few threads, for which askers take turns: however much one asks for, others wait for one turn of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from graft_common.errors import server_busy

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    work: Callable[[], Any]
    answer: asyncio.Future[Any]


class Turns:
    """Does what is asked, a bounded number at once, and refuses where too much waits.

    Each asker has a line of its own. Who asks for little displaces the last in the longest line rather than be refused.
    """

    def __init__(self, workers: int, places: int, name: str, refusal: str) -> None:
        """Prepare.

        Args:
            workers: how much is done at once.
            places: how much is done and waits.
            name: of the threads.
            refusal: what those are told for whom there is no place.
        """
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._idle = workers
        self._free = places
        self._refusal = refusal
        self._lines: OrderedDict[str, deque[_Asked]] = OrderedDict()

    async def run(self, whose: str, work: Callable[[], T]) -> T:
        """Do something in a thread when the asker's turn has come.

        Raises:
            GraftError: SERVER_BUSY when too much waits.
        """
        if not self._free:
            self._displace(len(self._lines.get(whose, ())))
        asked = _Asked(work, asyncio.get_running_loop().create_future())
        self._lines.setdefault(whose, deque()).append(asked)
        self._free -= 1
        self._begin()
        try:
            result: T = await asked.answer
        except asyncio.CancelledError:
            self._leave(whose, asked)
            raise
        return result

    def close(self) -> None:
        """End the threads; what still waits is dropped."""
        for line in self._lines.values():
            for asked in line:
                asked.answer.cancel()
        self._lines.clear()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _displace(self, waiting: int) -> None:
        """Make a place for somebody of whom so much waits already, or refuse it."""
        whose = max(self._lines, key=lambda key: len(self._lines[key]), default=None)
        if whose is None or len(self._lines[whose]) <= waiting + 1:
            raise server_busy(self._refusal)
        last = self._lines[whose][-1]
        self._leave(whose, last)
        last.answer.set_exception(server_busy(self._refusal))

    def _leave(self, whose: str, asked: _Asked) -> None:
        line = self._lines.get(whose, ())
        if asked in line:
            self._lines[whose].remove(asked)
            self._free += 1
            if not line:
                del self._lines[whose]

    def _begin(self) -> None:
        while self._idle and self._lines:
            whose, line = self._lines.popitem(last=False)
            asked = line.popleft()
            if line:
                self._lines[whose] = line
            self._idle -= 1
            done = asyncio.wrap_future(self._executor.submit(asked.work))
            done.add_done_callback(partial(self._done, asked))

    def _done(self, asked: _Asked, done: asyncio.Future[Any]) -> None:
        # The place was held until now even if the asker has gone: the thread was at it.
        self._idle += 1
        self._free += 1
        if not asked.answer.done():
            if done.cancelled():
                asked.answer.cancel()
            elif (error := done.exception()) is not None:
                asked.answer.set_exception(error)
            else:
                asked.answer.set_result(done.result())
        self._begin()
