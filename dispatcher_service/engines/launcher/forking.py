"""The launcher's part for the engines whose sandboxes, if any, other programs build: a fork for each call.

Nothing outlives a call, because of whose child it is. A call's first process (bubblewrap's monitor, or the supervisor
of the other modes) is a child of the launcher, and the launcher is a child subreaper: when that process is gone, what
it leaves behind becomes the launcher's own child. So a child that is no call's first process is an orphan, and is
killed; only own children are ever signalled, so a reused pid can never be hit. The orphan of bubblewrap is pid 1 of its
pid namespace, and the kernel lets it end only after everything in the namespace has. When the launcher itself is
killed, all that becomes its warden's (`warden.py`). The standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
from typing import Any

from dispatcher_service.engines.launcher.call import Call
from dispatcher_service.engines.launcher.child import Child
from dispatcher_service.engines.launcher.confined import END, REMOVAL_SECONDS, STARTED, Confined
from dispatcher_service.engines.launcher.processes import children, kill_children, remove_folder
from dispatcher_service.engines.launcher.program import Launcher, Means
from dispatcher_service.engines.launcher.removal import begin_removal

STOP_SECONDS = 10
CHILD_PID, EXIT_CODE = re.compile(rb'"child-pid": (\d+)'), re.compile(rb'"exit-code": (\d+)')
ERROR, SIGNAL = re.compile(rb'"error": ("[^\n]*")'), re.compile(rb'"signal": (\d+)')
MAXRSS = re.compile(rb'"maxrss": (\d+)')


class ForkingLauncher(Launcher):
    """Forks a process for each call, and kills the orphans that calls leave."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self.orphans: dict[int, list[Call]] = {}
        self.held: dict[int, Call] = {}
        self.warden = os.getppid()

    def heard(self, fd: int) -> None:
        if fd in self.held:
            self.release(self.held[fd])

    def idle(self) -> None:
        """Do nothing: every call begins anew."""

    def launch(self, request: dict[str, Any], fds: list[int]) -> Call:
        call = self.begin(request)
        try:
            self.fork(call, fds, None if request["mode"] == "plain" else self.user_of(call))
        except OSError:
            self.let_go(call)
            raise
        self.firsts[call.pid] = call
        return call

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

    def end(self, call: Call) -> None:
        if call.request["mode"] == "confined":
            os.kill(call.pid, END)  # its supervisor kills the rest, and removes its folder
        else:
            super().end(call)

    def unhold(self, call: Call) -> None:
        if self.held.pop(call.status_fd, None) is not None:
            self.poll.unregister(call.status_fd)

    def read_report(self, call: Call) -> None:
        try:
            while len(call.report) < 65536 and (data := os.read(call.status_fd, 4096)):
                call.report += data
        except BlockingIOError:
            pass

    def reap(self) -> None:
        super().reap()
        if os.getppid() != self.warden:
            self.running = False

    def reaped(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        del status
        if (call := self.firsts.pop(pid, None)) is not None:
            call.reaped = True
            call.use(usage, orphan=False)
            self.unhold(call)
            self.read_report(call)
            self.adopt(call)
            self.finish(call)
            return
        for call in self.orphans.pop(pid, []):
            call.waiting.discard(pid)
            call.use(usage, orphan=True)
            if call.request["mode"] != "bubblewrap":
                self.sweep(call)
            self.finish(call)

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

    def stop(self) -> None:
        """Kill everything and wait until it is dead, but not for ever."""
        signal.alarm(STOP_SECONDS)
        kill_children()
        self.cgroups.close()
        remove_folder(self.runtime_dir)
