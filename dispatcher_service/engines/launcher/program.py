"""The launcher process: starts every call, watches the clock, and reports an end only when everything of it is dead.

The standard library only, one thread, and nothing of this project but its neighbours, so that its image stays small:
each sandbox costs a fork of it. `start.py` starts it.

It counts and bounds what each call uses (`metering.py`), by control groups where it may use any.

The line is a SOCK_SEQPACKET socket, one JSON object a message:

- in, `{"op": "run", "id", "wall", "waits", "argv", "env", "open", "binds", "mode", "rlimits", "processes", "bounds"}`;
  in this order, so that what is the same for many calls stands together;
  `bounds` hold for all processes together (`memory`, `cpu`, `processes`), and what is missing is not bounded; `own` may
  say how many of a call's processes are not its own, where the mode alone does not tell. With descriptors:
  standard input, output and error, then whatever the command wants as 3, 4, …; behind them come the files of `open`
  (opened for reading by each call itself, so that no two share an offset), and then, in mode `bubblewrap`, the pipe for
  `--json-status-fd` and, where users are kept, the one for `--block-fd`. Each of `binds` is a descriptor and a path
  where the file or folder is shown, for this call only. In mode `native` descriptor 3 is the tree's folder, 4 holds the
  secrets one after the other, and there are also `"tree"` (the folder's path on the host), `"mount_at"`, `"network"`
  (`none`, `loopback` or `outbound`), `"tmp"` (bytes and files of /tmp), `"paths"` (granted ones: on the host, inside,
  whether to be written to) and `"secrets"` (names and sizes); and `"script"` where a warm interpreter may run it: the
  interpreter as the script names it, and its options. In mode `confined` descriptor 3 is the tree's folder too,
  those behind it are granted paths, `argv` begins with a path below the tree, and there are also `"tree"`, `"stage"`
  (where the call's user cannot walk), `"folder"` (to be made, its own), `"rules"` and `"granted"` (Landlock's, by
  path and for those descriptors), `"network"` (whether TCP is allowed) and `"filter"` (a compiled seccomp filter, in
  hexadecimal).
  A call that `waits` is only made ready: its time runs from the next message on.
- in, `{"op": "begin", "id"}`, and `{"op": "kill", "id"}`.
- out, `{"op": "zygote", "interpreter", "domain", "state", "error"}` when one is `ready` or has `failed`.
- out, `{"op": "ready", "groups", "lacking"}` once, with what control groups are used for and why not for more, and in
  mode `native` `"accelerator"`, with why it is not used, empty where it is, and `"warms"` where scripts are run in
  copies of warm interpreters; or
  `{"op": "failed", "wall", "error"}` when a wall cannot be built. Then one `{"op": "end", "id", "verdict", "started",
  "code", "signal", "error", "cpu", "memory", "processes", "refused", "wall"}` a call; `verdict` is `ended`, `killed`,
  `timeout`, `cpu` or `memory`.

What a first process is, how it is started and how nothing outlives it: `forking.py` and `cloning.py`.

The launcher ends when the socket does, or the dispatcher: then it kills every call, removes its folder and exits.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import resource
import select
import signal
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher.call import Call
from dispatcher_service.engines.launcher.cgroups import Cgroups
from dispatcher_service.engines.launcher.metering import CPU, MEMORY, Metering
from dispatcher_service.engines.launcher.processes import MAX_CALLS, receive
from dispatcher_service.engines.launcher.requests import Requests

MAX_MESSAGE = 192 * 1024
MAX_DESCRIPTORS = 64
"""Of one message; the kernel takes 253."""
TRUNCATED, WITHOUT_SOME = int(socket.MSG_TRUNC), int(socket.MSG_CTRUNC)
"""Plain numbers: what `socket` has makes a new object of each combination."""
REST_AFTER = 3.0
"""Seconds after the last call after which what is kept open for the next ones is closed."""
MAX_WAIT = 3600.0
"""Seconds that are slept at once: a call may last for a year, and epoll takes no more than three weeks."""
OWN_PROCESSES = {"bubblewrap": 2}
"""How many processes of a call are not its own, by mode: bubblewrap's monitor and pid 1; else one."""


class Means(NamedTuple):
    """What a launcher is started with."""

    line: socket.socket
    """To the dispatcher."""
    parent_fd: int
    """Of the dispatcher's process; -1 where there are no such descriptors."""
    runtime_dir: str
    first_uid: int | None
    """The first of the users that calls run as; None where all run as the launcher's."""
    cgroups: Cgroups


class Launcher(ABC):
    """The loop and its bookkeeping; how first processes are started and reaped is the subclasses'."""

    def __init__(self, means: Means) -> None:
        self.line, self.parent_fd, self.runtime_dir, self.first_uid, self.cgroups = means
        self.pid = os.getpid()
        self.told: dict[str, str] = {}
        """What is told besides when it serves."""
        self.metering = Metering(self.cgroups if self.cgroups.hierarchies else None)
        self.calls: dict[int, Call] = {}
        """Those that the dispatcher has not been told the end of, by their numbers."""
        self.firsts: dict[int, Call] = {}
        """Those whose first process is not reaped, by its number."""
        self.deadlines: list[tuple[float, int]] = []
        self.rests_at: float | None = None
        """When `rest` is to be called, by the monotonic clock; None for when there is nothing to let go of."""
        self.slots = list(range(MAX_CALLS - 1, -1, -1))
        self.requests = Requests()
        self.poll = select.epoll()
        self.wake_r, self.wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self.wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for fd in (self.line.fileno(), self.wake_r, self.parent_fd):
            if fd != -1:
                self.poll.register(fd, select.EPOLLIN)
        self.running = True

    @abstractmethod
    def launch(self, request: dict[str, Any], fds: list[int]) -> Call | None:
        """Start a call's first process.

        Returns:
            The call; or None when it is to be started later, for which the descriptors are taken out of the list.

        Raises:
            OSError: something that it needs cannot be had; the text says what.
        """

    @abstractmethod
    def heard(self, fd: int) -> None:
        """Take what has come on a descriptor of the subclass's own."""

    @abstractmethod
    def reaped(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        """Take note that a child of this process is dead."""

    @abstractmethod
    def stop(self) -> None:
        """Kill everything and wait until it is dead, but not for ever."""

    def due(self) -> float | None:
        """When `idle` is to be called at the latest, by the monotonic clock; 0 for as soon as nothing else is to do."""
        return None

    @abstractmethod
    def idle(self) -> None:
        """Do what can wait until nothing else is to do."""

    def serve(self) -> None:
        self.send({"op": "ready", "groups": self.cgroups.description(), "lacking": self.cgroups.lacking, **self.told})
        while self.running:
            events = self.poll.poll(self.timeout())
            for fd, _events in events:
                if fd == self.line.fileno():
                    self.receive()
                elif fd == self.wake_r:
                    os.read(self.wake_r, 4096)
                elif fd == self.parent_fd:
                    self.running = False
                else:
                    self.heard(fd)
            if not events:
                self.idle()
                self.rest()
            self.expire()
            self.reap()

    def rest(self) -> None:
        """Let go of what only the next calls would be quicker by, when none has come for a while."""
        if self.rests_at is not None and self.rests_at <= time.monotonic():
            self.rests_at = None
            self.cgroups.rest()

    def timeout(self) -> float:
        """Seconds until something is to be done; -1 for when something happens."""
        times = [self.deadlines[0][0]] if self.deadlines else []
        times += [due for due in (self.metering.due(), self.due(), self.rests_at) if due is not None]
        return min(MAX_WAIT, max(0.0, min(times) - time.monotonic())) if times else -1.0

    def send(self, message: dict[str, Any]) -> None:
        try:
            self.line.send(json.dumps(message).encode())
        except OSError:
            self.running = False

    def receive(self) -> None:
        """Take one message; more wake the loop again."""
        try:
            data, fds, flags = receive(self.line, MAX_MESSAGE, MAX_DESCRIPTORS)
        except OSError:
            data, fds, flags = b"", [], 0
        try:
            if not data:
                self.running = False
                return
            request: dict[str, Any] = {"op": "truncated"} if flags & TRUNCATED else self.requests.read(data)
            if request["op"] == "run" and flags & WITHOUT_SOME:
                self.refuse(request["id"], "the launcher has too many files open")
            elif request["op"] == "run":
                self.start(request, fds)
            elif (call := self.calls.get(request.get("id", 0))) is None:
                if request["op"] == "kill":
                    self.kill_unstarted(request["id"])
            elif request["op"] == "kill":
                self.kill(call, "killed")
            elif request["op"] == "begin":
                call.started_at = time.monotonic()
                self.watch(call)
        finally:
            for fd in fds:
                os.close(fd)

    def start(self, request: dict[str, Any], fds: list[int]) -> None:
        try:
            call = self.launch(request, fds)
        except (OSError, ValueError) as error:  # the latter for a text that is no name of a file
            self.refuse_for(request["id"], error)
            return
        if call is not None:
            self.take_on(call)

    def take_on(self, call: Call) -> None:
        """Count a call that has started as one of those that run."""
        self.calls[call.id] = call
        if not call.request["waits"]:
            self.watch(call)

    def kill_unstarted(self, call_id: int) -> None:
        """Kill a call that is to be started later; there is none of that number when its end is on the way."""
        del call_id

    def watch(self, call: Call) -> None:
        """Have a call's time run, and look at what it uses."""
        self.metering.start(call.meter, call.pid, call.script)
        heapq.heappush(self.deadlines, (call.started_at + call.request["wall"], call.id))

    def begin(self, request: dict[str, Any] | None = None) -> Call:
        """Get a call what it needs before its first process starts.

        Args:
            request: the call's, in which the meter may change limits; None for a sandbox that is to wait for one.

        Raises:
            OSError: something cannot be had.
        """
        if not self.slots:
            raise OSError(0, f"more than {MAX_CALLS} calls run at once")
        with grouping():
            if request is None:
                meter = self.metering.blank(1)
            else:
                meter = self.metering.take(request, request.get("own", OWN_PROCESSES.get(request["mode"], 1)))
        return Call(request or {}, self.slots.pop(), meter)

    def bind(self, call: Call, request: dict[str, Any]) -> None:
        """Have a call's meter count for a request, in which it may change limits.

        Raises:
            OSError: its control group cannot be used.
        """
        with grouping():
            self.metering.bind(call.meter, request)

    def user_of(self, call: Call) -> int | None:
        """The user that a call runs as; None for the launcher's own."""
        return None if self.first_uid is None else self.first_uid + call.slot

    def refuse_for(self, call_id: int, error: Exception) -> None:
        """Tell that a call could not be started."""
        why = getattr(error, "strerror", None) or error
        self.refuse(call_id, f"the launcher cannot start a process: {why}")

    def refuse(self, call_id: int, error: str, verdict: str = "ended") -> None:
        self.send(
            {"op": "end", "id": call_id, "verdict": verdict, "started": False, "code": 0, "signal": 0, "error": error}
        )

    def kill(self, call: Call, verdict: str) -> None:
        if call.reaped:
            return
        if call.verdict == "ended":
            call.verdict = verdict
        self.end(call)

    def end(self, call: Call) -> None:
        """Bring the end of a call whose first process is not reaped."""
        os.kill(call.pid, signal.SIGKILL)
        call.meter.kill()

    def expire(self) -> None:
        now = time.monotonic()
        while self.deadlines and (self.deadlines[0][0] <= now or self.deadlines[0][1] not in self.calls):
            _deadline, call_id = heapq.heappop(self.deadlines)
            if call_id in self.calls:
                self.kill(self.calls[call_id], "timeout")
        for meter in self.metering.look():
            if meter.call in self.calls:
                self.kill(self.calls[meter.call], meter.exceeded)

    def reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.reaped(pid, status, usage)

    def tell(self, call: Call) -> None:
        """Tell the dispatcher how a call has ended, of which nothing can run any more."""
        del self.calls[call.id]
        used = self.metering.end(call.meter, call.cpu, 1024 * call.maxrss)
        if call.verdict == "ended" and call.meter.exceeded:
            call.verdict = call.meter.exceeded
        self.send(
            {
                "op": "end",
                "id": call.id,
                "verdict": call.verdict,
                "started": call.started or call.verdict in ("killed", "timeout", CPU, MEMORY),
                "code": call.code,
                "signal": call.signal,
                "error": call.error,
                "wall": time.monotonic() - call.started_at,
                **used,
            }
        )

    def let_go(self, call: Call, *, empty: bool = False) -> None:
        """Let the next call have what a dead one had.

        Args:
            call: the dead one.
            empty: it is known that nothing is left in its control group.
        """
        self.slots.append(call.slot)
        self.metering.drop(call.meter, empty=empty)
        self.rests_at = time.monotonic() + REST_AFTER


@contextlib.contextmanager
def grouping() -> Iterator[None]:
    """Tell of a failure that it was about a call's control group."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"its control group cannot be used: {error.strerror or error}") from None
