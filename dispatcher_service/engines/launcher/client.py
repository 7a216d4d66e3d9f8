"""The dispatcher's end of the line to the launcher: starts it, talks to it, notices its death."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import functools
import itertools
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import structlog

from dispatcher_service.engines.launcher.warden import GIVE_UP

_log = structlog.get_logger("graft.launcher")

START_SECONDS = 15.0
STOP_SECONDS = 15.0
MAX_MESSAGE = 128 * 1024
"""Bytes of one message to the launcher: the command line, mostly."""
CREDENTIALS = struct.Struct("iii")
"""Process, user and group: `struct ucred`."""
UNSENT = (errno.ETOOMANYREFS, errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM)
"""What is wrong with one message, and not with the launcher. Where calls are the dispatcher's own user, one of them may
have sent itself as many descriptors as that user may have on their way."""
GRACE_SECONDS = 30.0
"""A call that is this long over its time has a launcher that does not answer; then the launcher is killed."""
REAP_SECONDS = 12.0
"""How long whoever stood by may take to kill what the launcher has left."""
PROJECT_ROOT = Path(__file__).resolve().parents[3]
BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from dispatcher_service.engines.launcher.start import main; main(sys.argv[1:])"
)


class LauncherError(Exception):
    """The launcher could not be started, or is gone."""

    wall = ""
    """The wall that could not be built, as `template.py` names it; empty where that is not the reason."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the launcher is to run; see `program.py`."""

    argv: list[str]
    mode: str
    """`bubblewrap`, `native` or `plain`."""
    wall: float
    env: dict[str, str]
    rlimits: Sequence[tuple[int, int, int]]
    processes: int = 0
    """How many processes the call may have; 0 is no limit."""
    open: Sequence[str] = ()
    """Paths of files to be opened for it, as the descriptors behind the passed ones."""
    binds: Sequence[tuple[int, str]] = ()
    """Which of the passed descriptors are to be shown where to this call alone, and closed."""
    waits: bool = False
    """It is no call yet: its time runs only from `Launcher.begin` on."""
    more: dict[str, Any] = field(default_factory=dict)
    """What only this mode has."""


@dataclass(frozen=True, slots=True)
class End:
    """How a call has ended, as the launcher saw it."""

    verdict: str
    """`ended` by itself, `timeout`, `cpu`, `memory`, `killed`, or `lost` with the launcher."""
    started: bool = False
    code: int = 0
    signal: int = 0
    error: str = ""
    cpu: float = 0.0
    memory: int = 0
    """Bytes at most at once."""
    processes: int = 0
    """At most at once; 0 where that was not counted."""
    refused: bool = False
    """Whether a process or thread was refused at the limit."""
    wall: float = 0.0


class Ending(asyncio.Future[End]):
    """A call's end to be. To cancel the wait for it is to kill the call, and to wait all the same."""

    def __init__(self, kill: Callable[[], None]) -> None:
        super().__init__()
        self._kill = kill

    def cancel(self, msg: Any | None = None) -> bool:
        """Kill the call; False, so that who waits is cancelled only when everything of it is dead."""
        del msg
        if not self.done():
            self._kill()
        return False


class Launcher:
    """One launcher process. It does not come back once it is gone; make a new one.

    Needs an event loop with `add_reader`. Only `start` creates a process.

    Args:
        runtime_dir: a folder of its own, which goes when it ends.
        drop_uids: calls get users of their own.
        spec: the file that says what the walls of the engine `native` are made of.
    """

    def __init__(self, runtime_dir: Path, *, drop_uids: bool, spec: Path | None = None) -> None:
        self.runtime_dir = runtime_dir
        self._spec = [str(spec)] if spec else []
        self._failure: LauncherError | None = None
        self.groups: dict[str, str] = {}
        """What control groups are used for, and of which version: `memory`, `processes`, `cpu`, `kill`."""
        self.lacking: dict[str, str] = {}
        """Why they are not used for more."""
        self.accelerator = ""
        """Why the accelerator is not used by `native`; empty where it is."""
        self.warms = False
        """Whether `native` runs scripts in copies of warm interpreters."""
        self._drop_uids = drop_uids
        self._ids = itertools.count(1)
        self._pending: dict[int, Ending] = {}
        self._ends_by: dict[int, float] = {}
        """When a call must have ended unless the launcher does not answer, by the loop's clock."""
        self._watchdog: asyncio.TimerHandle | None = None
        """Looks at the earliest of them, or at an earlier one."""
        self._outbox: deque[tuple[bytes, list[int], int]] = deque()
        """Messages, their descriptors, and the numbers of the calls that they are to start; 0 for none."""
        self._waits_to_write = False
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        """The launcher's process id, as the dispatcher sees it; 0 before it has answered."""
        self._line: socket.socket | None = None
        self._ready: asyncio.Future[None] | None = None
        self.gone = asyncio.Event()
        """Set when the launcher is dead and every call of it has been told."""

    @property
    def alive(self) -> bool:
        return self._line is not None and not self.gone.is_set()

    async def start(self) -> None:
        """Start the process and wait until it serves.

        Raises:
            LauncherError: it did not come up.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as unstarted, theirs:
            unstarted.enter_context(ours)
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            uids = "drop" if self._drop_uids else "keep"
            arguments = [str(PROJECT_ROOT), str(theirs.fileno()), str(os.getpid()), str(self.runtime_dir), uids]
            arguments += self._spec
            self._process = subprocess.Popen(  # noqa: ASYNC220  (once, at start-up; spawns and does not wait)
                [sys.executable, "-I", "-S", "-X", "utf8", "-c", BOOT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            unstarted.pop_all()
        self._line = ours
        self._ready = loop.create_future()
        loop.add_reader(ours.fileno(), self._receive)
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), START_SECONDS)
        except TimeoutError:
            await self.stop()
            raise LauncherError(f"the launcher did not answer within {START_SECONDS:.0f} s") from None
        if self.gone.is_set():
            raise self._failure or LauncherError(f"the launcher ended at once (exit status {self._process.poll()})")

    def run(
        self, request: Request, fds: list[int], bounds: Mapping[str, float] = MappingProxyType({})
    ) -> tuple[int, Ending]:
        """Have the launcher run something; takes the descriptors over and closes them.

        Args:
            request: what.
            fds: what it gets.
            bounds: what holds for all its processes together: `memory`, `cpu`, `processes`.

        Returns:
            The call's number for `kill`, and its end, which always comes.
        """
        number = next(self._ids)
        end = Ending(functools.partial(self.kill, number))
        message = _encoded(
            {
                "op": "run",
                "id": number,
                "wall": request.wall,
                "waits": request.waits,
                "argv": request.argv,
                "env": request.env,
                "open": request.open,
                "binds": request.binds,
                "mode": request.mode,
                "rlimits": request.rlimits,
                "processes": request.processes,
                "bounds": dict(bounds),
                **request.more,
            }
        )
        refusal = ""
        if not self.alive:
            refusal = "the launcher is gone"
        elif len(message) > MAX_MESSAGE:
            refusal = f"the command line is too long ({len(message)} bytes, at most {MAX_MESSAGE})"
        if refusal:
            _close(fds)
            end.set_result(End("ended", error=refusal))
            return number, end
        self._pending[number] = end
        if not request.waits:
            self._watch(number, request.wall)
        self._post(message, fds, number)
        return number, end

    def _watch(self, number: int, wall: float) -> None:
        loop = asyncio.get_running_loop()
        ends_by = self._ends_by[number] = loop.time() + wall + GRACE_SECONDS
        # One timer for all: most calls have ended long before, and the next ones seldom have less time.
        if self._watchdog is not None and self._watchdog.when() > ends_by:
            self._watchdog.cancel()
            self._watchdog = None
        if self._watchdog is None:
            self._watchdog = loop.call_at(ends_by, self._look_at_ends)

    def _look_at_ends(self) -> None:
        """Give the launcher up if a call is over its time, and look again when the next one could be."""
        loop = asyncio.get_running_loop()
        self._watchdog = None
        next_one = min(self._ends_by.values(), default=None)
        if next_one is not None and next_one <= loop.time():
            self._give_up()
        elif next_one is not None:
            self._watchdog = loop.call_at(next_one, self._look_at_ends)

    def begin(self, number: int, wall: float) -> None:
        """Tell that what was started with `Request.waits` is a call from now on, for at most so many seconds."""
        if number in self._pending:
            self._watch(number, wall)
            self._post(b'{"op":"begin","id":%d}' % number, [])

    def kill(self, number: int) -> None:
        """Have a call killed; its end says so, unless it came first."""
        if number in self._pending:
            self._post(b'{"op":"kill","id":%d}' % number, [])

    async def stop(self) -> None:
        """Let the launcher kill everything and end; returns when it is dead, by force if need be."""
        if self._line is not None and not self.gone.is_set():
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_WR)
            try:
                await asyncio.wait_for(self.gone.wait(), STOP_SECONDS)
            except TimeoutError:
                self._give_up()
                await self.gone.wait()
        await self._reap()

    async def _reap(self) -> None:
        if self._process is not None:
            await _end_of(self._process)
        shutil.rmtree(self.runtime_dir, ignore_errors=True)

    def _give_up(self) -> None:
        if self._process is not None:
            self._process.send_signal(GIVE_UP)
        self._lose()

    def _post(self, message: bytes, fds: list[int], starts: int = 0) -> None:
        self._outbox.append((message, fds, starts))
        if len(self._outbox) == 1:
            self._flush()

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._outbox and self._line is not None:
            message, fds, starts = self._outbox[0]
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            try:
                self._line.sendmsg([message], control)
            except BlockingIOError:
                loop.add_writer(self._line.fileno(), self._flush)
                self._waits_to_write = True
                return
            except OSError as error:
                if not starts or error.errno not in UNSENT:
                    self._lose()
                    return
                refusal = f"the launcher cannot be told: {error.strerror}"
                self._settle(starts, End("ended", error=refusal))
            self._outbox.popleft()
            _close(fds)
        if self._line is not None and self._waits_to_write:
            loop.remove_writer(self._line.fileno())
            self._waits_to_write = False

    def _receive(self) -> None:
        if self._line is None:
            return
        try:
            data = self._line.recv(MAX_MESSAGE) if self.pid else self._receive_first(self._line)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        reply: dict[str, Any] = orjson.loads(data)
        operation = reply.pop("op")
        if operation == "ready":
            self.groups, self.lacking = reply["groups"], reply["lacking"]
            self.accelerator, self.warms = reply.get("accelerator", ""), "warms" in reply
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            return
        if operation == "failed":
            self._failure = LauncherError(f"{reply['wall']}: {reply['error']}")
            self._failure.wall = reply["wall"]
            return
        if operation == "zygote":
            tell = _log.warning if reply["state"] == "failed" else _log.info
            tell("zygote.changed", **reply)
            return
        self._settle(reply.pop("id"), End(**reply))

    def _settle(self, number: int, how: End) -> None:
        self._ends_by.pop(number, None)
        end = self._pending.pop(number)
        if not end.done():
            end.set_result(how)

    def _receive_first(self, line: socket.socket) -> bytes:
        """Take a message and learn who has sent it: not the process that was started, but a child of that one."""
        data, control, _flags, _sender = line.recvmsg(MAX_MESSAGE, socket.CMSG_SPACE(CREDENTIALS.size))
        self.pid = next((CREDENTIALS.unpack(content)[0] for _level, _kind, content in control), 0)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        return data

    def _lose(self) -> None:
        """The launcher is dead or about to be: tell everybody who waits for it."""
        if self._line is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._line.fileno())
        loop.remove_writer(self._line.fileno())
        self._line.close()
        self._line = None
        for _message, fds, _starts in self._outbox:
            _close(fds)
        self._outbox.clear()
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        self._ends_by.clear()
        pending, self._pending = self._pending, {}
        for end in pending.values():
            if not end.done():
                end.set_result(End("lost"))
        self.gone.set()
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)


def _encoded(message: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(message)
    except TypeError:  # a path or argument that is no UTF-8, of which only the standard library's JSON can tell
        return json.dumps(message).encode()


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that is about to end, and kill it when that takes too long."""
    for _attempt in range(int(REAP_SECONDS / 0.01)):
        if process.poll() is not None:
            return
        await asyncio.sleep(0.01)
    process.kill()
    process.wait()


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
