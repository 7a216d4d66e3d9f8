"""The FIFO by which the call of a task tells how far it is.

It is held open for reading and writing here, so that a call never waits for a reader. What it writes is read a piece at
a time: one that writes more than that waits, and costs others nothing.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatcher_service.tasks.lines import LineReader, Told
from graft_common.errors import internal_error

PIECE = 16 << 10
"""Bytes that are read at once."""
PAUSE = 0.1
"""Seconds between two pieces of one call."""
_SHARE = 0.01
"""The part of a processor's time that the pieces of one call may take; many short lines make pauses longer."""
_MAX_LAST = 4
"""Pieces that are read when the call is over: as much as a pipe holds."""


class Channels:
    """Makes FIFOs in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Make the folder anew: what an earlier dispatcher has left in it is of no use.

        Raises:
            OSError: it cannot be made.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._folder.chmod(0o711)

    @contextmanager
    def channel(self, told: Callable[[Told], None]) -> Iterator[Path]:
        """Have a FIFO as long as a call runs, and hand on what is written to it.

        Raises:
            GraftError: INTERNAL_ERROR, when it cannot be made.
        """
        # Others may walk through the folder and not list it: whoever does not know the name finds nothing.
        path = self._folder / secrets.token_hex(16)
        try:
            os.mkfifo(path)
            # Each call runs as a user of its own. They write, and cannot read what others tell.
            path.chmod(0o622)
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise internal_error(f"The FIFO of a task cannot be made: {error.strerror}.") from error
        reading = _Reading(fd, told)
        try:
            yield path
        finally:
            reading.close()
            path.unlink(missing_ok=True)


class _Reading:
    def __init__(self, fd: int, told: Callable[[Told], None]) -> None:
        self._fd = fd
        self._told = told
        self._reader = LineReader()
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Read what is left, and end."""
        self._loop.remove_reader(self._fd)
        if self._later is not None:
            self._later.cancel()
        for _ in range(_MAX_LAST):
            if not self._read():
                break
        os.close(self._fd)
        self._hand_on(self._reader.feed(b"\n"))

    def _listen(self) -> None:
        self._later = None
        self._loop.add_reader(self._fd, self._ready)

    def _ready(self) -> None:
        self._loop.remove_reader(self._fd)
        begun = time.thread_time()
        self._read()
        spent = time.thread_time() - begun
        self._later = self._loop.call_later(max(PAUSE, spent / _SHARE), self._listen)

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, PIECE)
        except BlockingIOError:
            return False
        self._hand_on(self._reader.feed(data))
        return True

    def _hand_on(self, told: Told) -> None:
        if told.progress is not None or told.lines:
            self._told(told)
