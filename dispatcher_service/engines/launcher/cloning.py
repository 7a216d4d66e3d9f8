"""The launcher's part for the engine `native`: sandboxes that its maker clones, most before they are asked for.

Nothing outlives a call: a sandbox's first process is pid 1 of a namespace. It kills and reaps the rest before it
reports; when it is killed itself, the kernel does that; and the launcher is pid 1 of them all. The standard library
only.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import time
from typing import Any

from dispatcher_service.engines.launcher import spares
from dispatcher_service.engines.launcher.call import Call
from dispatcher_service.engines.launcher.making import Maker
from dispatcher_service.engines.launcher.native import NativeStarter, Things, landlock_rules_of
from dispatcher_service.engines.launcher.processes import give_pipes
from dispatcher_service.engines.launcher.program import Launcher, Means
from dispatcher_service.engines.launcher.spares import Spare, Spares, pack

MAX_DYING = 16
"""Sandboxes that may be left when their calls have been told of: beyond that, calls wait for them."""
MAX_OVER = 8
"""Those of them that nobody has killed yet; it has time, but not for ever."""
DEAD = "its first process has died"


class CloningLauncher(Launcher):
    """Gives each call a sandbox that waits, or has one made."""

    def __init__(self, means: Means, native: NativeStarter) -> None:
        self.maker = Maker(native, means.cgroups)
        super().__init__(means)
        self.told["accelerator"] = native.accelerator.lacking
        self.native = native
        self.spares = Spares()
        self.sandboxes: dict[int, Call] = {}
        """By their users' slots, which no two have at once."""
        self.over: list[Call] = []
        """Calls that the dispatcher has been told the end of, and whose sandbox is to be killed."""
        self.dying: set[Call] = set()
        """These, and those whose sandbox is killed, but not reaped."""
        self.active_at = time.monotonic()
        """When there was something to do for a call the last time."""
        self.early: dict[int, tuple[int, resource.struct_rusage]] = {}
        """Processes that were dead before this one was told of them."""
        self.poll.register(native.reports, select.EPOLLIN)
        self.poll.register(self.maker.line.fileno(), select.EPOLLIN)

    def heard(self, fd: int) -> None:
        if fd == self.native.reports:
            self.read_reports()
        elif self.maker.has_made():  # it may have been received meanwhile
            try:
                self.spares.waiting.append(self.collect())
            except OSError:
                self.spares.wanted = 0  # until the next call has ended, lest that goes on and on

    def due(self) -> float | None:
        if self.spares.are_scarce:
            return 0.0
        if self.over or self.spares.missing > 0:
            return self.active_at + spares.QUIET
        return self.active_at + spares.LIFE if len(self.spares.waiting) > spares.FEW else None

    def idle(self) -> None:
        passed = time.monotonic() - self.active_at
        if passed > spares.LIFE:
            self.spares.let_go()
        if passed >= spares.QUIET:
            self.bury()
        try:
            while self.spares.are_scarce or (self.spares.missing > 0 and passed >= spares.QUIET):
                self.order(self.native.network)
        except OSError:
            self.spares.wanted = 0  # until the next call has ended

    def bury(self) -> None:
        """Kill the sandboxes of calls that are over."""
        for call in self.over:
            if not call.reaped:
                os.kill(call.pid, signal.SIGKILL)
        self.over.clear()

    def launch(self, request: dict[str, Any], fds: list[int]) -> Call | None:
        self.active_at = time.monotonic()
        folder = os.fstat(fds[3])
        while True:
            with self.native.take(request, (folder.st_dev, folder.st_ino)) as things:
                waiting = self.spares.take() if request["network"] == self.native.network else None
                spare = waiting or self.make(request["network"])
                try:
                    return self.give(spare, request, things, fds)
                except ConnectionError:  # it is dead
                    if waiting is None:
                        self.read_reports()
                        raise OSError(0, spare.call.error or DEAD) from None

    def order(self, network: str) -> Call:
        """Ask the maker for a sandbox.

        Raises:
            OSError: something that it needs cannot be had.
        """
        call = self.begin()
        try:
            self.maker.order(call.slot, network, self.user_of(call), call.meter.group)
        except OSError:
            self.let_go(call)
            self.running = False
            raise
        self.spares.ordered[call.slot] = call
        return call

    def collect(self) -> Spare:
        """Take from the maker what it has made.

        Raises:
            OSError: it could not.
        """
        try:
            made = self.maker.receive()
        except OSError:
            self.running = False  # nothing can be run without it; the dispatcher starts another launcher
            raise
        call = self.spares.ordered.pop(made.number)
        if made.line is None:
            self.let_go(call)
            raise OSError(0, made.error)
        call.pid = made.pid
        self.firsts[call.pid] = self.sandboxes[call.slot] = call
        spare = Spare(call, made.line, made.mounts)
        if call.meter.group is not None:
            try:
                call.meter.group.open()
            except OSError:
                spare.close()  # which ends it
                raise
        if self.was_early(call.pid):
            spare.close()
            raise OSError(0, call.error or DEAD)
        return spare

    def is_expecting(self) -> bool:
        """Whether there may be processes that this one has not been told of yet."""
        return bool(self.spares.ordered)

    def was_early(self, pid: int) -> bool:
        """Take note of a new process, and of its death if that was heard of first."""
        early = self.early.pop(pid, None)
        if not self.is_expecting():
            self.early.clear()  # those were not needed any more when they died
        if early is not None:
            self.reaped(pid, *early)
        return early is not None

    def make(self, network: str) -> Spare:
        """Have a sandbox made, and wait for it.

        Raises:
            OSError: something that it needs cannot be had.
        """
        while network == self.native.network and self.spares.ordered:
            try:
                return self.collect()
            except OSError:
                if not self.running:
                    raise
        ordered = self.order(network)
        while True:
            try:
                spare = self.collect()
            except OSError:
                if not self.running or ordered not in self.spares.ordered.values():
                    raise
                continue  # that was another one, of which nobody knew whether it would be needed
            if spare.call is ordered:
                return spare
            self.spares.waiting.append(spare)

    def give(self, spare: Spare, request: dict[str, Any], things: Things, fds: list[int]) -> Call:
        """Give a sandbox its call.

        Raises:
            ConnectionError: it is dead.
            OSError: what the call needs cannot be had.
        """
        call, bound = spare.call, dict(request)
        prepared = request.get("prepared", {})
        grouped = "grouped" if call.meter.group is not None else "alone"
        try:
            self.bind(call, bound)
            if (uid := self.user_of(call)) is not None:
                give_pipes(fds[1:3], uid)
            self.native.furnish(spare.mounts, request, things, fds, uid)
            if grouped not in prepared:
                prepared[grouped] = pack(bound, landlock_rules_of(request))
            spare.hand_over(prepared[grouped], fds[:3])
        except OSError:
            os.kill(call.pid, signal.SIGKILL)
            raise
        finally:
            spare.close()
        call.serve(bound)
        return call

    def read_reports(self) -> None:
        """Tell how calls have ended whose first process says that nothing of them is left but itself."""
        for report in self.native.read_reports():
            # One may have reported its end before the maker has told of it.
            call = self.sandboxes.get(report.sandbox) or self.spares.ordered.get(report.sandbox)
            if call is None or call.verdict != "ended":
                continue
            if call.id not in self.calls:  # it could not even wait for one
                call.error = report.error
                continue
            call.started, call.code, call.signal, call.error = not report.error, *report[1:4]
            call.cpu, call.maxrss = report.cpu, report.maxrss
            call.reported = True
            if call.reaped:
                continue  # there is nothing left to wait for: `reaped` tells of it
            if len(self.dying) < MAX_DYING:
                self.finish(call)
            else:
                os.kill(call.pid, signal.SIGKILL)
        if len(self.over) > MAX_OVER:
            self.bury()

    def finish(self, call: Call) -> None:
        """Tell of the end of a call of which nothing is left but its sandbox's first process."""
        self.tell(call)
        self.over.append(call)
        self.dying.add(call)
        self.active_at = time.monotonic()
        self.spares.wanted = spares.MOST

    def reaped(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        call = self.firsts.pop(pid, None)
        if call is None:
            if pid == self.maker.pid:
                self.running = False
            elif self.is_expecting():
                self.early[pid] = status, usage
            return
        call.reaped = True
        self.dying.discard(call)
        self.spares.forget(call)
        self.read_reports()
        del self.sandboxes[call.slot]
        if call.id in self.calls:
            if not call.reported:  # it was killed before it could
                call.use(usage, orphan=False)
                call.started, call.signal = True, os.WTERMSIG(status) if os.WIFSIGNALED(status) else signal.SIGKILL
            self.tell(call)
            self.spares.wanted = spares.MOST
        self.let_go(call, empty=True)  # the kernel has ended all that was in its namespace of processes

    def stop(self) -> None:
        """Do nothing: the end of this process, which is pid 1 of all others, is theirs."""
