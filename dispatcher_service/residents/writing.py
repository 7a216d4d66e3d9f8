"""The way to a resident process: frames go into its pipe as it takes them, and nobody waits for that."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Unwritten:
    call: int
    rest: memoryview
    begun: bool


class Input:
    """A process's standard input.

    Args:
        fd: the pipe's end, which it closes at last.
        on_closed: called when nobody reads any more; may be called twice.
    """

    def __init__(self, fd: int, on_closed: Callable[[], None]) -> None:
        self._fd = fd
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._unwritten: deque[_Unwritten] = deque()
        os.set_blocking(fd, False)

    @property
    def open(self) -> bool:
        """Whether it can be written to, as far as this side is concerned."""
        return self._fd != -1

    def write(self, data: bytes, call: int = 0) -> None:
        """Write a frame, or keep it until it can be written; how many are kept is for the caller to bound.

        Args:
            data: the frame.
            call: the call that it is to begin; 0 for none.
        """
        written = 0
        if not self._unwritten:
            try:
                written = os.write(self._fd, data)
            except BlockingIOError:
                pass
            except OSError:
                self._on_closed()
            if written == len(data):
                return
            self._loop.add_writer(self._fd, self._flush)
        self._unwritten.append(_Unwritten(call, memoryview(data)[written:], begun=written > 0))

    def _flush(self) -> None:
        while self._unwritten:
            entry = self._unwritten[0]
            try:
                written = os.write(self._fd, entry.rest)
            except BlockingIOError:
                return
            except OSError:
                self._loop.remove_writer(self._fd)
                self._on_closed()
                return
            entry.begun = True
            entry.rest = entry.rest[written:]
            if not entry.rest:
                self._unwritten.popleft()
        self._loop.remove_writer(self._fd)

    def withdraw(self, call: int) -> bool:
        """Take back what would begin a call; False when it has been written, be it in part."""
        for entry in self._unwritten:
            if entry.call == call and not entry.begun:
                self._unwritten.remove(entry)
                return True
        return False

    def unsent(self) -> frozenset[int]:
        """Name the calls that nothing was written of."""
        return frozenset(entry.call for entry in self._unwritten if entry.call and not entry.begun)

    def close(self) -> None:
        """Let the process see the end of its input."""
        if self._fd != -1:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1
