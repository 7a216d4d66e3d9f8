"""What a resident process writes to its standard error: the end of it is kept."""

from __future__ import annotations

import asyncio
import os

_CHUNK = 64 * 1024
_CALM = 256 * 1024
"""Beyond this many bytes at once, reading pauses, so that a flood costs the dispatcher little."""
_PAUSE = 0.05
_DRAIN_READS = 64


class Heard:
    """Reads from a pipe for as long as the process lives.

    Args:
        fd: the pipe's end, which it closes at last.
        limit: bytes that are kept.
    """

    def __init__(self, fd: int, limit: int) -> None:
        self._fd = fd
        self._limit = limit
        self._kept = bytearray()
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._burst = 0
        self.seen = 0
        """Bytes that were read, kept or not; to be given to `since`."""
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._hear)

    def _read(self) -> int:
        """Read once; how many bytes there were."""
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return 0
        if not data:
            self._loop.remove_reader(self._fd)
        self.seen += len(data)
        self._kept += data
        if len(self._kept) > self._limit:
            del self._kept[: len(self._kept) - self._limit]
        return len(data)

    def _hear(self) -> None:
        self._burst += self._read()
        if self._burst > _CALM:
            self._loop.remove_reader(self._fd)
            self._pause = self._loop.call_later(_PAUSE, self._resume)

    def _resume(self) -> None:
        self._pause, self._burst = None, 0
        self._loop.add_reader(self._fd, self._hear)

    def catch_up(self) -> None:
        """Read what has come by now."""
        reads = 0
        while self._fd != -1 and reads < _DRAIN_READS and self._read():
            reads += 1

    def since(self, seen: int = 0) -> bytes:
        """Return what was heard since so many bytes, as far as it is kept; the loss of some is told before it."""
        size = self.seen - seen
        if size <= 0:
            return b""
        if size <= len(self._kept):
            return bytes(self._kept[len(self._kept) - size :])
        return b"[%d bytes left out]\n%s" % (size - len(self._kept), self._kept)

    def close(self) -> None:
        """Read the rest, and let go of the pipe."""
        if self._fd == -1:
            return
        self.catch_up()
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1
