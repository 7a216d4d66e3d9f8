"""`graft` without the second and more that each of its processes needs to load its modules.

One process for each test process loads them and forks: what runs is the same code, in a process of its own with the
arguments, environment, directory and files that it is given, and it ends as any process does.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import contextlib
import functools
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NoReturn

MAX_REQUEST = 128 << 10
PRELOADED = (
    "graft_cli.main",
    "graft_cli.composition",
    "graft_cli.examination",
    "registry_service.app",
    "dispatcher_service.app",
    "gateway.app",
    "graft_cli.http_part",  # and what these load when they run
    "anyio._backends._asyncio",
    "httpcore",
    "logging.config",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


class Started:
    """A process of `graft`, with what tests use of `subprocess.Popen`."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        directory: Path,
        streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
    ) -> None:
        request = json.dumps([arguments, dict(environment), str(directory)]).encode()
        assert len(request) <= MAX_REQUEST
        self.args = ["graft", *arguments]
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._line.connect(_address())
            socket.send_fds(self._line, [request], [stream.fileno() for stream in streams])
            self.pid = int(self._line.recv(32))
        except BaseException:
            self._line.close()
            raise

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int(self._line.recv(32))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it may have ended just now, and is not this process's child
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run_graft(
    arguments: tuple[str, ...], environment: Mapping[str, str], directory: Path, stdin: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command of `graft` to its end."""
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(tempfile.TemporaryFile())
        given.write(stdin.encode())
        given.seek(0)
        (out, out_end), (err, err_end) = (
            [stack.enter_context(os.fdopen(fd, mode)) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True)]
            for _ in range(2)
        )
        process = Started(arguments, environment, directory, (given, out_end, err_end))
        out_end.close()
        err_end.close()
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(2))
        printed = [pool.submit(pipe.read) for pipe in (out, err)]
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait(10)
            raise
        texts = [future.result(timeout).decode() for future in printed]
        return subprocess.CompletedProcess(process.args, code, *texts)


@functools.cache
def _address() -> str:
    """Start the process that forks; it ends with this one."""
    folder = tempfile.mkdtemp(prefix="graft-warm-")
    path = f"{folder}/socket"
    source = "import sys; sys.path[:] = sys.argv[2:]; from support.warm import serve; serve(sys.argv[1])"
    process = subprocess.Popen(
        [sys.executable, "-c", source, path, *sys.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    assert process.stdout.readline() == b"ready\n"
    return path


def serve(path: str) -> None:
    """Load what commands load; then fork for each request, and answer with its pid and, in the end, its exit code."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    forked = _fork_for_each(path)
    if forked is not None:
        _become(*forked)


def _fork_for_each(path: str) -> tuple[bytes, list[int]] | None:
    """Serve until stdin ends; return in each child with its request and its three files, all others closed."""
    with contextlib.ExitStack() as stack:
        waiting = stack.enter_context(selectors.DefaultSelector())
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(path)
        listener.listen(64)
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(sys.stdin, selectors.EVENT_READ)
        lines: dict[int, tuple[int, socket.socket]] = {}
        stack.callback(lambda: [(os.close(pidfd), line.close()) for pidfd, line in lines.values()])
        os.write(1, b"ready\n")
        while True:
            for key, _ in waiting.select():
                if key.fileobj is sys.stdin:
                    for pid in lines:  # of tests that were killed themselves, and could not see to it
                        os.kill(pid, signal.SIGKILL)
                    return None
                if key.fileobj is listener:
                    line, _ = listener.accept()
                    request, fds, _, _ = socket.recv_fds(line, MAX_REQUEST, 3)
                    pid = os.fork()
                    if pid == 0:
                        line.close()
                        return request, fds
                    for fd in fds:
                        os.close(fd)
                    line.sendall(str(pid).encode())
                    pidfd = os.pidfd_open(pid)
                    lines[pid] = (pidfd, line)
                    waiting.register(pidfd, selectors.EVENT_READ, pid)
                else:
                    waiting.unregister(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(key.data, 0)[1])
                    pidfd, line = lines.pop(key.data)
                    os.close(pidfd)
                    with line, contextlib.suppress(OSError):
                        line.sendall(str(code).encode())


def _become(request: bytes, fds: list[int]) -> NoReturn:
    """Be a process of `graft` from here on.

    It ends as the children of `multiprocessing` do: to take apart all modules would cost as much as to load them.
    """
    from graft_cli.main import main as graft_main

    arguments, environment, directory = json.loads(request)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = ["graft", *arguments]
    with (
        open(0, encoding="utf-8", closefd=False) as sys.stdin,
        open(1, "w", encoding="utf-8", closefd=False) as sys.stdout,
        open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False) as sys.stderr,
    ):
        code = 1
        try:
            graft_main()
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        except BaseException:  # noqa: BLE001  (as the interpreter does at the end)
            traceback.print_exc()
        atexit._run_exitfuncs()
    os._exit(code)
