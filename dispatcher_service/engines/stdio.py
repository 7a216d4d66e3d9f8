"""A call's standard input, output and error: how it gets its request, and how its answer is read within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
from collections.abc import Callable

CHUNK = 64 * 1024
STDERR_CALM = 256 * 1024
"""Beyond this many bytes of stderr, reading pauses now and then, so that a flood costs the dispatcher little."""
STDERR_READS, STDERR_PAUSE = 16, 0.005
"""How often it is read then, before how many seconds of pause."""
PATIENCE = 0.006
"""Seconds after which a call's output is looked at for the first time; each time nothing has come, after twice that."""
FOLLOWED = 0.012
"""With that much patience it is followed as it comes, as it is once anything has come."""
DRAIN_CHUNKS = 4096
"""Reads that empty any pipe: it holds at most 1 MiB (/proc/sys/fs/pipe-max-size), a read takes a page or more."""


def sealed_input(data: bytes) -> int:
    """A descriptor that holds the whole input, at its start, and that nobody can change.

    Nothing can block on it: neither the dispatcher when a call reads no input, nor the call when a client is slow.
    """
    fd = new_input()
    try:
        fill(fd, data)
    except BaseException:
        os.close(fd)
        raise
    return fd


def new_input() -> int:
    """A descriptor for an input that `fill` is still to give."""
    return os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def fill(fd: int, data: bytes) -> None:
    """Write the whole input, without moving the place that its reader begins at, and seal it.

    Raises:
        OSError: there is no memory for it.
    """
    view, place = memoryview(data), 0
    while place < len(view):
        place += os.pwrite(fd, view[place:], place)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)


class OutputReader:
    """Collects a call's output and error while it runs, on the event loop, in bounded memory.

    Args:
        limit: bytes of output that are kept; one more and `on_excess` is called, once.
        on_excess: kills the call.
        stderr: bytes of error that are kept: the first eighth, and what came last.
    """

    def __init__(self, limit: int, on_excess: Callable[[], None], stderr: int = 32 << 10) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._head_room = stderr // 8
        self._tail_room = stderr - self._head_room
        self._on_excess = on_excess
        self._stdout = bytearray()
        self._stdout_seen = 0
        self._head = bytearray()
        self._tail = bytearray()
        self._stderr_seen = 0
        self.exceeded = False
        self._out_r = self._err_r = -1
        self.write_ends: list[int] = []
        """To be handed to the launcher, which closes them here."""
        try:
            self._out_r, out_w = os.pipe2(os.O_CLOEXEC)
            self.write_ends.append(out_w)
            self._err_r, err_w = os.pipe2(os.O_CLOEXEC)
            self.write_ends.append(err_w)
        except OSError:
            for fd in (*self.write_ends, self._out_r, self._err_r):
                if fd != -1:
                    os.close(fd)
            raise
        os.set_blocking(self._out_r, False)
        os.set_blocking(self._err_r, False)
        # What a short call writes fits into the pipes, and is read when it has ended: to follow costs more than that.
        self._patience = PATIENCE
        self._look = self._loop.call_later(PATIENCE, self._look_at)
        self._followed = False
        self._pause: asyncio.TimerHandle | None = None

    def _look_at(self) -> None:
        """Follow what comes if something has come, or after some looks."""
        came = self._read_stdout() or self._read_stderr()
        if not came and self._patience < FOLLOWED and not self.exceeded:
            self._patience *= 2
            self._look = self._loop.call_later(self._patience, self._look_at)
            return
        self._followed = True
        self._loop.add_reader(self._out_r, self._read_stdout)
        self._loop.add_reader(self._err_r, self._hear_stderr)

    @property
    def stderr_size(self) -> int:
        """Bytes of error that were read, kept or not."""
        return self._stderr_seen

    def _read_stdout(self) -> bool:
        """Read once; False when there is nothing more now, or ever."""
        try:
            data = os.read(self._out_r, CHUNK)
        except BlockingIOError:
            return False
        self._stdout += data[: self._limit - len(self._stdout)]
        self._stdout_seen += len(data)
        if self._stdout_seen > self._limit and not self.exceeded:
            self.exceeded = True
            self._on_excess()
        if not data or self.exceeded:
            if self._followed:
                self._loop.remove_reader(self._out_r)
            return False
        return True

    def _read_stderr(self) -> bool:
        try:
            data = os.read(self._err_r, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            if self._followed:
                self._loop.remove_reader(self._err_r)
            return False
        self._stderr_seen += len(data)
        room = self._head_room - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > self._tail_room:
            del self._tail[: -self._tail_room]
        return True

    def _hear_stderr(self) -> None:
        """Read once, or in a flood as much as there is, and then let it wait."""
        if not self._read_stderr() or self._stderr_seen <= STDERR_CALM:
            return
        reads = 1
        while reads < STDERR_READS and self._read_stderr():
            reads += 1
        self._loop.remove_reader(self._err_r)
        self._pause = self._loop.call_later(STDERR_PAUSE, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._err_r, self._hear_stderr)

    async def wait_for_ends(self, seconds: float) -> None:
        """Wait until nobody holds the other ends any more, for a bounded time; for when the launcher is gone."""
        for _attempt in range(int(seconds / 0.005)):
            if all(_has_hung_up(fd) for fd in (self._out_r, self._err_r)):
                return
            await asyncio.sleep(0.005)

    def finish(self) -> tuple[bytes, bytes]:
        """Read what is left in the pipes, without waiting for their ends, and close them.

        Returns:
            The output up to its limit; the error's beginning and end with a line between that tells what is missing.
        """
        if self._out_r == -1:
            raise RuntimeError("finish() is called once")
        self._look.cancel()
        if self._pause is not None:
            self._pause.cancel()
        if self._followed:
            self._loop.remove_reader(self._out_r)
            self._loop.remove_reader(self._err_r)
            self._followed = False
        self._on_excess = _nothing
        for read in (self._read_stdout, self._read_stderr):
            chunks = 0
            while chunks < DRAIN_CHUNKS and read():
                chunks += 1
        os.close(self._out_r)
        os.close(self._err_r)
        self._out_r = self._err_r = -1
        return bytes(self._stdout), self._error_text()

    def _error_text(self) -> bytes:
        missing = self._stderr_seen - len(self._head) - len(self._tail)
        if missing:
            return bytes(self._head) + b"\n[%d bytes left out]\n" % missing + bytes(self._tail)
        return bytes(self._head + self._tail)


class GivenEnds:
    """Stands for a reader where somebody else reads what a command writes."""

    exceeded = False
    stderr_size = 0

    def __init__(self, write_ends: list[int], heard: Callable[[], bytes]) -> None:
        self.write_ends = write_ends
        """To be handed to the launcher, which closes them here."""
        self._heard = heard

    async def wait_for_ends(self, seconds: float) -> None:
        """Wait for nothing: who reads sees the ends."""
        del seconds

    def finish(self) -> tuple[bytes, bytes]:
        """Return no output, and of the error what is kept so far."""
        return b"", self._heard()


def _nothing() -> None:
    return


def _has_hung_up(fd: int) -> bool:
    """Whether nobody can write to a pipe any more."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & select.POLLHUP for _fd, events in poll.poll(0))


def close_quietly(fds: list[int]) -> None:
    """Close descriptors at the end of something that has failed already."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
