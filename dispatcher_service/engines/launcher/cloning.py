"""The launcher's part for the engine `native`: sandboxes that it clones itself, some before they are asked for.

Nothing outlives a call: its first process is pid 1 of a namespace. It kills and reaps the rest before it reports; when
it is killed itself, the kernel does that; and the launcher is pid 1 of them all. The standard library only.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
from typing import Any

from dispatcher_service.engines.launcher.call import Call
from dispatcher_service.engines.launcher.cgroups import Cgroups
from dispatcher_service.engines.launcher.native import NativeStarter, Things
from dispatcher_service.engines.launcher.program import Launcher
from dispatcher_service.engines.launcher.spares import Blank, Spare, Spares, identity

MAX_DYING = 16
"""Sandboxes, spares too, that may be left when their calls have been told of: beyond that, calls wait for them."""


class CloningLauncher(Launcher):
    """Clones a sandbox for each call, or gives the call one that waits."""

    def __init__(
        self,
        line: socket.socket,
        parent_fd: int,
        runtime_dir: str,
        first_uid: int | None,
        cgroups: Cgroups,
        native: NativeStarter,
    ) -> None:
        super().__init__(line, parent_fd, runtime_dir, first_uid, cgroups)
        self.native = native
        self.spares = Spares()
        self.aliases: dict[int, int] = {}
        """Numbers of calls that spares serve, by the spares' own."""
        self.poll.register(native.reports, select.EPOLLIN)

    def heard(self, fd: int) -> None:
        del fd
        self.read_reports()

    def due(self) -> float | None:
        return 0.0 if self.spares.wanted else self.spares.due()

    def idle(self) -> None:
        if self.spares.wants_blank:
            self.prepare_blank()
        elif self.spares.wanted:
            self.prepare_spare()
        for call in self.spares.too_many():
            os.kill(call.pid, signal.SIGKILL)

    def launch(self, request: dict[str, Any], fds: list[int]) -> Call:
        place = identity(fds[3])
        order = self.spares.order(request, place)
        spare = self.spares.take(order) if order is not None else None
        call = self.use_spare(spare, request, fds) if spare is not None else None
        if call is None and order is not None and Blank.fits(request):
            call = self.use_blank(request, fds, place)
        if call is None:
            call = self.build(request, fds, place)
        call.order = order
        return call

    def build(
        self, request: dict[str, Any], fds: list[int], place: tuple[int, int], line: socket.socket | None = None
    ) -> Call:
        """Clone a sandbox.

        Args:
            request: the call's, or what it shares with the calls of its kind.
            fds: what came with it.
            place: what tells the tree's folder from others.
            line: on which it is to wait for its call; None when that is the one of the request.

        Raises:
            OSError: something that it needs cannot be had.
        """
        call = self.begin(request)
        try:
            with self.native.take(request, place) as things:
                self.clone(call, fds, things, line)
        except OSError:
            self.let_go(call)
            raise
        return call

    def clone(self, call: Call, fds: list[int], things: Things | None, line: socket.socket | None) -> None:
        call.pid = self.native.start(call.request, fds, things, self.user_of(call), call.meter.group, line)
        self.firsts[call.pid] = call

    def use_spare(self, spare: Spare, request: dict[str, Any], fds: list[int]) -> Call | None:
        """Give a spare its call; None when it is dead."""
        call = spare.call
        try:
            spare.hand_over(request, fds, self.user_of(call))
        except OSError:
            os.kill(call.pid, signal.SIGKILL)
            return None
        return self.serve_by(call, request)

    def use_blank(self, request: dict[str, Any], fds: list[int], place: tuple[int, int]) -> Call | None:
        """Give a blank its call; None when none is left.

        Raises:
            OSError: what the call needs cannot be had.
        """
        if not self.spares.blanks:
            return None
        with self.native.take(request, place) as things:
            while self.spares.blanks:
                blank = self.spares.blanks.pop(0)
                bound = dict(request)
                try:
                    self.metering.bind(blank.call.meter, bound)
                    blank.hand_over(bound, fds, things.tree)
                except OSError:
                    os.kill(blank.call.pid, signal.SIGKILL)
                    continue
                return self.serve_by(blank.call, bound)
        return None

    def serve_by(self, call: Call, request: dict[str, Any]) -> Call:
        """Have what was a spare be the call of a request."""
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
            call = self.build(order.request, [], order.place, theirs)
        except OSError:
            ours.close()
            return
        finally:
            theirs.close()
        self.spares.add(order, call, ours)

    def prepare_blank(self) -> None:
        """Build what all sandboxes begin with."""
        self.spares.wants_blank = False  # until the next call has ended, should it fail
        if not self.slots:
            return
        try:
            meter = self.metering.blank(1)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            return
        call = Call(self.spares.blank_request(), self.slots.pop(), meter)
        try:
            self.clone(call, [], None, theirs)
        except OSError:
            ours.close()
            self.let_go(call)
            return
        finally:
            theirs.close()
        self.spares.add_blank(Blank(call, ours))

    def read_reports(self) -> None:
        """Tell how calls have ended whose first process says that nothing of them is left but itself."""
        for report in self.native.read_reports():
            call = self.calls.get(self.aliases.get(report.call, report.call))
            if call is not None and call.verdict == "ended":
                call.started, call.code, call.signal, call.error = not report.error, *report[1:4]
                call.cpu, call.maxrss = report.cpu, report.maxrss
                call.reported = True
                if len(self.firsts) - len(self.calls) < MAX_DYING:
                    self.tell(call)
                if call.order is not None:
                    self.spares.want(call.order)

    def reaped(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        call = self.firsts.pop(pid, None)
        if call is None:
            return
        call.reaped = True
        self.spares.forget(call)
        self.read_reports()
        self.aliases.pop(call.spare, None)
        if call.id in self.calls:
            if not call.reported:  # it was killed before it could
                call.use(usage, orphan=False)
                call.started, call.signal = True, os.WTERMSIG(status) if os.WIFSIGNALED(status) else signal.SIGKILL
            self.tell(call)
        self.let_go(call)

    def stop(self) -> None:
        """Do nothing: the end of this process, which is pid 1 of all others, is theirs."""
