"""The launcher process: starts every call, watches the clock, and reports an end only when everything of it is dead.

The standard library only, one thread, and nothing of this project but its neighbours, so that its image stays small:
each call costs a fork of it. `start.py` starts it.

It counts and bounds what each call uses (`metering.py`), by control groups where it may use any.

The line is a SOCK_SEQPACKET socket, one JSON object a message:

- in, `{"op": "run", "id", "argv", "env", "open", "binds", "mode", "rlimits", "processes", "bounds", "wall", "waits"}`;
  `bounds` hold for all processes together (`memory`, `cpu`, `processes`), and what is missing is not bounded; `own` may
  say how many of a call's processes are not its own, where the mode alone does not tell. With descriptors:
  standard input, output and error, then whatever the command wants as 3, 4, …; behind them come the files of `open`
  (opened for reading by each call itself, so that no two share an offset), and then, in mode `bubblewrap`, the pipe for
  `--json-status-fd` and, where users are kept, the one for `--block-fd`. Each of `binds` is a descriptor and a path
  where the file or folder is shown, for this call only. In mode `native` descriptor 3 is the tree's folder, 4 holds the
  secrets one after the other, and there are also `"tree"` (the folder's path on the host), `"mount_at"`, `"network"`
  (`none`, `loopback` or `outbound`), `"tmp"` (bytes and files of /tmp), `"inner"` (the user's number inside), `"paths"`
  (granted ones, each with whether it may be written to) and `"secrets"` (names and sizes). In mode `confined`
  descriptor 3 is the tree's folder too, those behind it are granted paths, `argv` begins with a path below the tree,
  and there are also `"tree"`, `"stage"` (the call's user cannot walk there), `"folder"` (to be made, the call's own),
  `"rules"` and `"granted"` (Landlock's, by path and for those descriptors), `"network"` (whether TCP is allowed) and
  `"filter"` (a compiled seccomp filter, in hexadecimal).
  A call that `waits` is only made ready: its time runs from the next message on.
- in, `{"op": "begin", "id"}`, and `{"op": "kill", "id"}`.
- out, `{"op": "ready", "groups", "lacking"}` once, with what control groups are used for and why not for more; or
  `{"op": "failed", "wall", "error"}` when a wall cannot be built. Then one `{"op": "end", "id", "verdict", "started",
  "code", "signal", "error", "cpu", "memory", "processes", "refused", "wall"}` a call; `verdict` is `ended`, `killed`,
  `timeout`, `cpu` or `memory`.

Nothing outlives a call, because of whose child it is. In mode `native` a call's first process is pid 1 of a namespace:
it kills and reaps the rest before it reports, and when it is killed itself, the kernel does that. Otherwise a call's
first process (bubblewrap's monitor, or the supervisor of the other modes) is a child of the launcher, and the launcher
is a child subreaper: when that process is gone, what it leaves behind becomes the launcher's own child. So a child that
is no call's first process is an orphan, and is killed; only own children are ever signalled, so a reused pid can never
be hit. The orphan of bubblewrap is pid 1 of its pid namespace, and the kernel lets it end only after everything in the
namespace has.

The launcher ends when the socket does, or the dispatcher: then it kills every call, removes its folder and exits.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import re
import resource
import select
import signal
import socket
import time
from typing import Any

from dispatcher_service.engines.launcher.call import Call
from dispatcher_service.engines.launcher.cgroups import Cgroups
from dispatcher_service.engines.launcher.child import Child
from dispatcher_service.engines.launcher.confined import REMOVAL_SECONDS, STARTED, Confined
from dispatcher_service.engines.launcher.metering import CPU, MEMORY, Metering
from dispatcher_service.engines.launcher.native import NativeStarter
from dispatcher_service.engines.launcher.processes import MAX_CALLS, children, remove_folder
from dispatcher_service.engines.launcher.removal import begin_removal
from dispatcher_service.engines.launcher.spares import Spare, Spares, identity

MAX_MESSAGE = 192 * 1024
MAX_DESCRIPTORS = 64
"""Of one message; the kernel takes 253."""
MAX_DYING = 16
"""Sandboxes, spares too, that may be left when their calls have been told of: beyond that, calls wait for them."""
STOP_SECONDS = 10
CHILD_PID, EXIT_CODE = re.compile(rb'"child-pid": (\d+)'), re.compile(rb'"exit-code": (\d+)')
ERROR, SIGNAL = re.compile(rb'"error": ("[^\n]*")'), re.compile(rb'"signal": (\d+)')
MAXRSS = re.compile(rb'"maxrss": (\d+)')
OWN_PROCESSES = {"bubblewrap": 2}
"""How many processes of a call are not its own, by mode: bubblewrap's monitor and pid 1; else one."""


class Launcher:
    """The loop and its bookkeeping."""

    def __init__(
        self,
        line: socket.socket,
        parent_fd: int,
        runtime_dir: str,
        first_uid: int | None,
        native: NativeStarter | None,
        cgroups: Cgroups | None,
    ) -> None:
        self.line = line
        self.runtime_dir = runtime_dir
        self.pid = os.getpid()
        self.first_uid = first_uid
        self.native = native
        self.spares = Spares()
        self.aliases: dict[int, int] = {}
        """Numbers of calls that spares serve, by the spares' own."""
        self.cgroups = cgroups
        self.metering = Metering(cgroups)
        self.calls: dict[int, Call] = {}
        self.firsts: dict[int, Call] = {}
        self.orphans: dict[int, list[Call]] = {}
        self.held: dict[int, Call] = {}
        self.deadlines: list[tuple[float, int]] = []
        self.slots = list(range(MAX_CALLS - 1, -1, -1))
        self.poll = select.epoll()
        self.wake_r, self.wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self.wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self.poll.register(line, select.EPOLLIN)
        self.poll.register(self.wake_r, select.EPOLLIN)
        self.parent_fd = parent_fd
        for fd in (parent_fd, -1 if native is None else native.reports):
            if fd != -1:
                self.poll.register(fd, select.EPOLLIN)
        self.running = True

    def serve(self) -> None:
        groups = self.cgroups
        self.send(
            {
                "op": "ready",
                "groups": groups.description() if groups else {},
                "lacking": groups.lacking if groups else {},
            }
        )
        while self.running:
            events = self.poll.poll(self.timeout())
            if not events and self.native is not None and self.spares.wanted:
                self.prepare_spare()
            for fd, _events in events:
                if fd == self.line.fileno():
                    self.receive()
                elif fd == self.wake_r:
                    os.read(self.wake_r, 4096)
                elif fd == self.parent_fd:
                    self.running = False
                elif fd in self.held:
                    self.release(self.held[fd])
                elif self.native is not None:
                    self.read_reports(self.native)
            self.expire()
            self.reap()

    def timeout(self) -> float:
        """Seconds until something is to be done; -1 for when something happens."""
        if self.spares.wanted:
            return 0.0
        times = [self.deadlines[0][0]] if self.deadlines else []
        times += [due for due in (self.metering.due(), self.spares.due()) if due is not None]
        return max(0.0, min(times) - time.monotonic()) if times else -1.0

    def send(self, message: dict[str, Any]) -> None:
        try:
            self.line.send(json.dumps(message).encode())
        except OSError:
            self.running = False

    def receive(self) -> None:
        """Take one message; more wake the loop again."""
        try:
            data, fds, flags, _address = socket.recv_fds(
                self.line, MAX_MESSAGE, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            data, fds, flags = b"", [], 0
        try:
            if not data:
                self.running = False
                return
            cut = flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
            request: dict[str, Any] = {"op": "truncated"} if cut else json.loads(data)
            if request["op"] == "run":
                self.start(request, fds)
            elif (call := self.calls.get(request.get("id", 0))) is None:
                pass  # its end is on the way
            elif request["op"] == "kill":
                self.kill(call, "killed")
            elif request["op"] == "begin":
                call.started_at = time.monotonic()
                self.watch(call)
        finally:
            for fd in fds:
                os.close(fd)

    def start(self, request: dict[str, Any], fds: list[int]) -> None:
        order = self.spares.order(request, fds[3]) if self.native is not None else None
        spare = self.spares.take(order) if order is not None else None
        try:
            call = (self.use(spare, request, fds) if spare else None) or self.begin(request, fds, order and order.place)
        except OSError as error:
            self.refuse(request["id"], f"the launcher cannot start a process: {error.strerror or error}")
            return
        call.order = order
        self.calls[call.id] = call
        if not request["waits"]:
            self.watch(call)

    def watch(self, call: Call) -> None:
        """Have a call's time run, and look at what it uses."""
        self.metering.start(call.meter, call.pid)
        heapq.heappush(self.deadlines, (call.started_at + call.request["wall"], call.id))

    def begin(
        self,
        request: dict[str, Any],
        fds: list[int],
        place: tuple[int, int] | None = None,
        line: socket.socket | None = None,
    ) -> Call:
        """Start a call's first process.

        Args:
            request: the dispatcher's message, in which the meter may change limits.
            fds: what came with it.
            place: the tree's folder, as `Order` has it; None for finding out.
            line: on which it is to wait for its call; None when that is the one of the request.

        Raises:
            OSError: something that it needs cannot be had.
        """
        if not self.slots:
            raise OSError(0, f"more than {MAX_CALLS} calls run at once")
        try:
            meter = self.metering.take(request, request.get("own", OWN_PROCESSES.get(request["mode"], 1)))
        except OSError as error:
            raise OSError(error.errno, f"its control group cannot be used: {error.strerror or error}") from None
        call = Call(request, self.slots.pop(), meter)
        uid = None if self.first_uid is None or request["mode"] == "plain" else self.first_uid + call.slot
        try:
            if self.native is not None:
                call.pid = self.native.start(request, fds, place or identity(fds[3]), uid, meter.group, line)
            else:
                self.fork(call, fds, uid)
        except OSError:
            self.let_go(call)
            raise
        self.firsts[call.pid] = call
        return call

    def use(self, spare: Spare, request: dict[str, Any], fds: list[int]) -> Call | None:
        """Give a spare its call; None when it is dead."""
        call = spare.call
        try:
            spare.hand_over(request, fds, None if self.first_uid is None else self.first_uid + call.slot)
        except OSError:
            os.kill(call.pid, signal.SIGKILL)
            return None
        self.aliases[call.id] = request["id"]
        call.spare = call.id
        call.serve(request)
        return call

    def prepare_spare(self) -> None:
        """Build the sandbox of a call that is likely to be made."""
        order = self.spares.next()
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            return
        try:
            call = self.begin(order.request, [], order.place, theirs)
        except OSError:
            ours.close()
            return
        finally:
            theirs.close()
        self.spares.add(order, call, ours)

    def fork(self, call: Call, fds: list[int], uid: int | None) -> None:
        """Start a call's first process by a fork of this one.

        Raises:
            OSError: a process or descriptor too many.
        """
        request = call.request
        ours = list(os.pipe2(os.O_CLOEXEC))
        try:
            os.set_blocking(ours[0], False)
            if request["mode"] == "bubblewrap" and request["processes"] and self.first_uid is None:
                ours += os.pipe2(os.O_CLOEXEC)
                os.set_blocking(ours[3], False)
            call.pid = os.fork()
        except OSError:
            for fd in ours:
                os.close(fd)
            raise
        if call.pid == 0:
            held = ours[2] if len(ours) > 2 else None
            kind = Confined if request["mode"] == "confined" else Child
            kind(request, list(fds), ours[1], held, uid, self.pid, call.meter.group).become()
        os.close(ours[1])
        call.status_fd = ours[0]
        if len(ours) > 2:
            os.close(ours[2])
            call.hold_fd = ours[3]
            self.held[call.status_fd] = call
            self.poll.register(call.status_fd, select.EPOLLIN)

    def refuse(self, call_id: int, error: str) -> None:
        self.send(
            {"op": "end", "id": call_id, "verdict": "ended", "started": False, "code": 0, "signal": 0, "error": error}
        )

    def release(self, call: Call) -> None:
        """Limit the processes of a sandbox whose user is not its own, now that its user namespace exists.

        Only there the count begins at zero; outside, all processes of the dispatcher's user would count. The sandbox
        waits (`--block-fd`) until this is done.
        """
        self.unhold(call)
        self.read_report(call)
        found = CHILD_PID.search(call.report)
        if found:
            limit = call.request["processes"] + 1
            try:
                resource.prlimit(int(found[1]), resource.RLIMIT_NPROC, (limit, limit))
            except OSError:
                self.kill(call, "unlimited")
        if call.hold_fd != -1:
            with contextlib.suppress(OSError):  # it may be dead already; the reaping tells
                os.write(call.hold_fd, b"1")
            os.close(call.hold_fd)
            call.hold_fd = -1

    def unhold(self, call: Call) -> None:
        if self.held.pop(call.status_fd, None) is not None:
            self.poll.unregister(call.status_fd)

    def read_report(self, call: Call) -> None:
        try:
            while len(call.report) < 65536 and (data := os.read(call.status_fd, 4096)):
                call.report += data
        except BlockingIOError:
            pass

    def read_reports(self, native: NativeStarter) -> None:
        """Tell how calls have ended whose first process says that nothing of them is left but itself."""
        for report in native.read_reports():
            call = self.calls.get(self.aliases.get(report.call, report.call))
            if call is not None and call.verdict == "ended":
                call.started, call.code, call.signal, call.error = not report.error, *report[1:4]
                call.cpu, call.maxrss = report.cpu, report.maxrss
                call.reported = True
                if len(self.firsts) - len(self.calls) < MAX_DYING:
                    self.tell(call)
                if call.order is not None:
                    self.spares.want(call.order)

    def kill(self, call: Call, verdict: str) -> None:
        if call.reaped:
            return
        if call.verdict == "ended":
            call.verdict = verdict
        if call.request["mode"] == "confined":
            os.kill(call.pid, signal.SIGTERM)  # its supervisor kills the rest, and removes its folder
            return
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
        for call in self.spares.too_many():
            os.kill(call.pid, signal.SIGKILL)

    def reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (call := self.firsts.pop(pid, None)) is not None:
                call.reaped = True
                if self.native is not None:
                    self.bury(call, status, usage, self.native)
                    continue
                call.use(usage, orphan=False)
                self.unhold(call)
                self.read_report(call)
                self.adopt(call)
                self.finish(call)
            else:
                for call in self.orphans.pop(pid, []):
                    call.waiting.discard(pid)
                    call.use(usage, orphan=True)
                    if call.request["mode"] != "bubblewrap":
                        self.sweep(call)
                    self.finish(call)

    def bury(self, call: Call, status: int, usage: resource.struct_rusage, native: NativeStarter) -> None:
        """See a call off whose first process, pid 1 of all its others, is dead."""
        self.spares.forget(call)
        self.read_reports(native)
        self.aliases.pop(call.spare, None)
        if call.id in self.calls:
            if not call.reported:  # it was killed before it could
                call.use(usage, orphan=False)
                call.started, call.signal = True, os.WTERMSIG(status) if os.WIFSIGNALED(status) else signal.SIGKILL
            self.tell(call)
        self.let_go(call)

    def adopt(self, call: Call) -> None:
        """Find and kill what a call's first process has left behind."""
        found = CHILD_PID.search(call.report)
        if not found:
            self.sweep(call)
            return
        pid = int(found[1])
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if pid not in self.firsts:
            self.claim(pid, call)

    def claim(self, pid: int, call: Call) -> None:
        self.orphans.setdefault(pid, []).append(call)
        call.waiting.add(pid)
        os.kill(pid, signal.SIGKILL)

    def sweep(self, call: Call) -> None:
        """Claim every orphan that nobody has claimed; whose it was does not matter, it has to die."""
        for pid in children():
            if pid not in self.firsts and pid not in self.orphans:
                self.claim(pid, call)

    def finish(self, call: Call) -> None:
        if not call.reaped or call.waiting or call.id not in self.calls or self.clear(call):
            return
        os.close(call.status_fd)
        if call.hold_fd != -1:
            os.close(call.hold_fd)
        code, number = EXIT_CODE.search(call.report), SIGNAL.search(call.report)
        error, largest = ERROR.search(call.report), MAXRSS.search(call.report)
        call.started = bool(code or number)
        call.code, call.signal = int(code[1]) if code else 0, int(number[1]) if number else 0
        call.error = json.loads(error[1]) if error else ""
        if call.verdict == "unlimited":
            call.error = "the limit of processes could not be set"
        if largest:
            call.maxrss = int(largest[1])
        if STARTED in call.report and not call.started:  # its supervisor was killed
            call.started, call.signal = True, signal.SIGKILL
        self.tell(call)
        self.let_go(call)

    def clear(self, call: Call) -> bool:
        """Have a call's folder removed that its supervisor has left; whether its end has to wait for that.

        Not for long: what takes longer goes on beside other calls.
        """
        folder = call.request.get("folder", "")
        if not folder or not os.path.lexists(folder):
            return False
        try:
            pid = begin_removal(folder, None if call.cleared else REMOVAL_SECONDS)
        except OSError:
            return False  # the end of this process removes it
        self.orphans[pid] = [] if call.cleared else [call]
        if call.cleared:
            return False
        call.cleared = True
        call.waiting.add(pid)
        return True

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

    def let_go(self, call: Call) -> None:
        """Let the next call have what a dead one had."""
        self.slots.append(call.slot)
        self.metering.drop(call.meter)

    def stop(self) -> None:
        """Kill everything and wait until it is dead, but not for ever."""
        if self.native is not None:
            return  # the end of this process, which is pid 1 of them all, is theirs
        signal.alarm(STOP_SECONDS)
        while True:
            for pid in children():
                os.kill(pid, signal.SIGKILL)
            try:
                os.wait4(-1, 0)
            except ChildProcessError:
                break
        if self.cgroups is not None:
            self.cgroups.close()
        remove_folder(self.runtime_dir)
