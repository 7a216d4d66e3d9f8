"""The launcher's part for the engine `native` where scripts are run in copies of warm interpreters.

The standard library only. A zygote's child joins a sandbox that was made like all others, whose first process stays
pid 1 in it and reaps what is left to it, but never gets a call. The child is the launcher's own, as that process is:
when it has ended and nothing else is left in the sandbox, the call is over; else the sandbox is ended first.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import time
from typing import Any

from dispatcher_service.engines.launcher import zygotes
from dispatcher_service.engines.launcher.call import Call
from dispatcher_service.engines.launcher.cloning import MAX_DYING, CloningLauncher
from dispatcher_service.engines.launcher.interpreters import Kind, kind_of
from dispatcher_service.engines.launcher.native import NativeStarter
from dispatcher_service.engines.launcher.processes import receive
from dispatcher_service.engines.launcher.program import Means
from dispatcher_service.engines.launcher.spares import LIFE, Spare
from dispatcher_service.engines.launcher.wire import JOIN
from dispatcher_service.engines.launcher.zygote.waiting import MAX_DESCRIPTORS, SPACES
from dispatcher_service.engines.launcher.zygotes import Asked, Profile, Zygote


class WarmingLauncher(CloningLauncher):
    """Gives scripts children of zygotes, and everything else what `CloningLauncher` gives it."""

    def __init__(self, means: Means, native: NativeStarter, profile: Profile) -> None:
        super().__init__(means, native)
        self.told["warms"] = "yes"
        self.profile = profile
        self.zygotes: dict[Kind, Zygote] = {}
        self.successors: dict[Kind, Zygote] = {}
        """Those that are to take the place of others when they are ready."""
        self.failed: dict[Kind, float] = {}
        """Until when an interpreter is left alone that could not be warmed."""
        self.lines: dict[int, Zygote] = {}
        """By their lines."""
        self.processes: dict[int, Zygote] = {}
        """By their processes, until these are reaped."""
        self.joining: dict[int, Asked] = {}
        """Sandboxes that are asked for their namespaces, by their lines; those asked first come first."""
        self.scripts: dict[int, Call] = {}
        """Calls, and what waits for one, by the script's process."""
        self.users: dict[Call, Zygote] = {}
        """Whose children calls are run by."""
        self.paused_until = 0.0

    def launch(self, request: dict[str, Any], fds: list[int]) -> Call | None:
        zygote = self.zygote_for(request, fds[3])
        if zygote is None:
            return super().launch(request, fds)
        self.active_at = time.monotonic()
        if zygote.pending or not zygote.waiting:
            zygote.pending.append((request, [*fds]))
            fds.clear()
            return None
        return self.hand(zygote, request, fds)

    def hand(self, zygote: Zygote, request: dict[str, Any], fds: list[int]) -> Call | None:
        """Give a call to a child that waits; to a sandbox of its own where that fails."""
        folder = os.fstat(fds[3])
        while (child := zygote.take()) is not None:
            with self.native.take(request, (folder.st_dev, folder.st_ino)) as things:
                try:
                    call = self.give(child, request, things, fds)
                except ConnectionError:
                    continue  # it is dead
            zygote.begin()
            self.users[call] = zygote
            return call
        return super().launch(request, fds)

    def zygote_for(self, request: dict[str, Any], tree: int) -> Zygote | None:
        """The zygote that serves a call; None where there is none, or not yet."""
        if "script" not in request or request["network"] != self.native.network:
            return None
        kind = kind_of(request, tree, self.profile.environment["PATH"])
        if kind is None:
            return None
        zygote = self.zygotes.get(kind)
        if zygote is not None and zygote.ready and zygote.has_changed():
            self.retire(zygote)
            zygote = None
        if zygote is None:
            self.start_zygote(kind, self.zygotes)
            return None
        if not zygote.ready:
            return None
        is_old = zygote.served >= self.profile.calls or time.monotonic() - zygote.started_at > self.profile.age
        if is_old and kind not in self.successors:
            self.start_zygote(kind, self.successors)
        return zygote

    def start_zygote(self, kind: Kind, among: dict[Kind, Zygote]) -> None:
        """Start one, unless it is known that it cannot be."""
        now = time.monotonic()
        if self.failed.get(kind, 0.0) > now:
            return
        self.failed = {failed: until for failed, until in self.failed.items() if until > now}
        if len(self.lines) >= zygotes.MOST_ZYGOTES:
            idle = [one for one in self.zygotes.values() if not one.pending and now - one.used_at > zygotes.KEPT]
            if not idle:
                return
            self.retire(min(idle, key=lambda one: one.used_at))
        try:
            zygote = zygotes.start(kind, self.profile)
        except OSError as error:
            self.fail(kind, error.strerror or str(error))
            return
        among[kind] = self.processes[zygote.pid] = zygote
        self.lines[zygote.line.fileno()] = zygote
        self.poll.register(zygote.line.fileno(), select.EPOLLIN)

    def fail(self, kind: Kind, reason: str) -> None:
        """Take note that an interpreter cannot be warmed; its scripts are executed."""
        self.failed[kind] = time.monotonic() + zygotes.RETRY
        self.send({"op": "zygote", "interpreter": kind.path, "domain": kind.domain, "state": "failed", "error": reason})

    def retire(self, zygote: Zygote) -> None:
        """Let one end, and those of its children that wait."""
        for table in (self.zygotes, self.successors):
            if table.get(zygote.kind) is zygote:
                del table[zygote.kind]
        del self.lines[zygote.line.fileno()]
        self.poll.unregister(zygote.line.fileno())
        for fileno, asked in list(self.joining.items()):
            if asked.zygote is zygote:
                self.stop_joining(fileno).close()
        for spare in (*zygote.waiting, *zygote.joining.values()):
            self.drop_child(spare.call)
        pending = list(zygote.pending)
        zygote.pending.clear()
        zygote.close()
        if zygote.pid in self.processes:
            os.kill(zygote.pid, signal.SIGKILL)  # it would end by itself, unless something has stopped it
        for request, fds in pending:
            self.start_late(None, request, fds)

    def drop_child(self, call: Call) -> None:
        """End a sandbox whose child, or child to be, is not needed."""
        if call.keeper is not None:
            call.keeper.close()
            call.keeper = None

    def heard(self, fd: int) -> None:
        if fd in self.lines:
            self.hear(self.lines[fd])
        elif fd in self.joining:
            self.join(fd)
        else:
            super().heard(fd)
        self.distribute()

    def hear(self, zygote: Zygote) -> None:
        """Take what a zygote says."""
        try:
            if zygote.ready:
                self.take_child(zygote)
            else:
                self.take_ready(zygote)
        except (OSError, ValueError) as error:
            ready = zygote.ready
            self.retire(zygote)
            if not ready:
                self.fail(zygote.kind, getattr(error, "strerror", None) or str(error))

    def take_ready(self, zygote: Zygote) -> None:
        """Take note that one is warm.

        Raises:
            OSError: it is not.
        """
        told = json.loads(zygote.line.recv(zygotes.MAX_READY) or b'{"error": "it has ended at once"}')
        if "error" in told:
            raise OSError(0, told["error"])
        zygote.files = {file: zygotes.signature_of(file) for file in told["files"]}
        zygote.ready = True
        if self.successors.get(zygote.kind) is zygote:
            del self.successors[zygote.kind]
            before = self.zygotes.get(zygote.kind)
            if before is not None:
                zygote.pending, before.pending = before.pending, zygote.pending
                zygote.peak, zygote.peak_at = before.peak, before.peak_at
                self.retire(before)
            self.zygotes[zygote.kind] = zygote
        self.send({"op": "zygote", "interpreter": zygote.kind.path, "domain": zygote.kind.domain, "state": "ready"})

    def take_child(self, zygote: Zygote) -> None:
        """Take a child that a zygote has forked, and give it a call that waits for one.

        Raises:
            OSError: the zygote is dead.
        """
        answer, line = zygote.receive()
        spare = zygote.joining.pop(answer.number, None)
        zygote.asked_at = time.monotonic() if zygote.joining else 0.0
        if spare is None or line == -1:
            if line != -1:
                os.close(line)
            if spare is not None:
                spare.close()
                self.pause()
            return
        call = spare.call
        call.script, call.keeper = answer.pid, spare.line
        self.scripts[answer.pid] = call
        child = Spare(call, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=line), spare.mounts)
        if self.was_early(answer.pid):
            child.close()
            return
        zygote.waiting.append(child)
        if zygote.pending:
            self.start_late(zygote, *zygote.pending.popleft())

    def start_late(self, zygote: Zygote | None, request: dict[str, Any], fds: list[int]) -> None:
        """Start a call that has waited."""
        try:
            call = super().launch(request, fds) if zygote is None else self.hand(zygote, request, fds)
        except (OSError, ValueError) as error:
            self.refuse_for(request["id"], error)
        else:
            if call is not None:
                self.take_on(call)
        finally:
            for fd in fds:
                os.close(fd)

    def kill_unstarted(self, call_id: int) -> None:
        for zygote in self.zygotes.values():
            for pending in [pending for pending in zygote.pending if pending[0]["id"] == call_id]:
                zygote.pending.remove(pending)
                for fd in pending[1]:
                    os.close(fd)
                self.refuse(call_id, "killed before it started", verdict="killed")

    def due(self) -> float | None:
        times = [super().due()]
        if any(self.is_wanting(zygote) for zygote in self.zygotes.values()):
            times.append(max(time.monotonic(), self.paused_until))
        for zygote in self.lines.values():
            if not zygote.ready:
                times.append(zygote.started_at + zygotes.START_SECONDS)
            elif zygote.asked_at:
                times.append(zygote.asked_at + zygotes.ANSWER_SECONDS)
            else:
                times.append(zygote.used_at + (LIFE if len(zygote.waiting) > zygotes.FEW else zygotes.IDLE))
        times += [asked.at + zygotes.ANSWER_SECONDS for asked in self.joining.values()][:1]
        return min((at for at in times if at is not None), default=None)

    def expire(self) -> None:
        super().expire()
        now = time.monotonic()
        for zygote in [one for one in self.lines.values() if one.is_stuck(now)]:
            self.retire(zygote)
            if not zygote.ready:
                self.fail(zygote.kind, f"it was not ready within {zygotes.START_SECONDS:.0f} s")
        while self.joining:
            fileno, asked = next(iter(self.joining.items()))
            if now < asked.at + zygotes.ANSWER_SECONDS:
                break
            self.stop_joining(fileno).close()
            os.kill(asked.spare.call.pid, signal.SIGKILL)
            self.pause()

    def idle(self) -> None:
        super().idle()
        now = time.monotonic()
        for zygote in list(self.lines.values()):
            if zygote.ready and now >= zygote.used_at + zygotes.IDLE:
                self.retire(zygote)
            elif zygote.ready and now >= zygote.used_at + LIFE:
                for spare in zygote.keep_few():
                    spare.close()
                    self.drop_child(spare.call)
        self.distribute()

    def distribute(self) -> None:
        """Have children forked where some are missing, into sandboxes that wait, or that are made for them."""
        if time.monotonic() < self.paused_until:
            return
        for zygote in list(self.zygotes.values()):
            for _child in range(max(0, zygote.missing - self.asked_for(zygote))):
                spare = self.spares.take()
                if spare is None:
                    self.order_some(zygote)
                    return
                self.ask(zygote, spare)

    def is_wanting(self, zygote: Zygote) -> bool:
        """Whether there is something to do for children that a zygote misses, rather than to wait for sandboxes."""
        wanted = zygote.missing - self.asked_for(zygote)
        return wanted > 0 and (bool(self.spares.waiting) or wanted > len(self.spares.ordered))

    def asked_for(self, zygote: Zygote) -> int:
        """How many sandboxes are asked for their namespaces for a zygote."""
        return sum(asked.zygote is zygote for asked in self.joining.values())

    def is_expecting(self) -> bool:
        return super().is_expecting() or any(zygote.joining for zygote in self.lines.values())

    def order_some(self, zygote: Zygote) -> None:
        """Order as many sandboxes as a zygote needs; they come to those that wait."""
        try:
            for _sandbox in range(zygote.missing - self.asked_for(zygote) - len(self.spares.ordered)):
                self.order(self.native.network)
        except OSError:
            self.pause()

    def pause(self) -> None:
        """Make no children for a while, lest that goes on and on; calls that wait for some are executed."""
        self.paused_until = time.monotonic() + 1.0
        for zygote in self.zygotes.values():
            while zygote.pending:
                self.start_late(None, *zygote.pending.popleft())

    def ask(self, zygote: Zygote, spare: Spare) -> None:
        """Ask a sandbox for its namespaces."""
        try:
            spare.line.send(JOIN)
        except OSError:
            spare.close()  # it is dead
            self.pause()
            return
        self.joining[spare.line.fileno()] = Asked(zygote, spare, time.monotonic())
        self.poll.register(spare.line.fileno(), select.EPOLLIN)

    def stop_joining(self, fileno: int) -> Spare:
        """Wait for a sandbox's namespaces no more."""
        self.poll.unregister(fileno)
        return self.joining.pop(fileno).spare

    def join(self, fileno: int) -> None:
        """Have a child forked into a sandbox whose namespaces have come."""
        zygote = self.joining[fileno].zygote
        spare = self.stop_joining(fileno)
        spaces: list[int] = []
        doors: list[int] = []
        try:
            data, spaces, _flags = receive(spare.line, len(JOIN), MAX_DESCRIPTORS)
            if data != JOIN or len(spaces) != len(SPACES) + 1:
                raise ConnectionResetError
            group = spare.call.meter.group
            unified, doors = (False, []) if group is None else group.doors()
            fds = [spare.mounts, *spaces, *doors]
            zygote.order(spare.call.slot, unified=unified, fds=fds)
            zygote.joining[spare.call.slot] = spare
        except OSError:
            spare.close()
            self.pause()
        finally:
            for fd in (*spaces, *doors):
                os.close(fd)

    def reaped(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        call = self.scripts.pop(pid, None)
        if self.processes.pop(pid, None) is not None:
            return
        if call is None:
            self.forget(self.firsts.get(pid))
            super().reaped(pid, status, usage)
            return
        call.script = 0
        if call.id == 0:  # it could not even wait for a call
            self.drop_child(call)
            return
        self.read_reports()
        if call.id not in self.calls or call.reported:
            return
        call.use(usage, orphan=True)
        call.started, call.reported = True, True
        call.code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        call.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if call.verdict == "ended" and len(self.dying) < MAX_DYING and self.is_alone(call):
            self.finish(call)
        else:
            os.kill(call.pid, signal.SIGKILL)

    def is_alone(self, call: Call) -> bool:
        """Whether it is known that nothing is left in a sandbox but its first process."""
        return call.meter.group is not None and call.meter.group.processes() == [call.pid]

    def forget(self, call: Call | None) -> None:
        """Take note that a sandbox has died, with the child in it."""
        if call is None:
            return
        for fileno, asked in list(self.joining.items()):
            if asked.spare.call is call:
                self.stop_joining(fileno).close()
                self.pause()
        for zygote in self.zygotes.values():
            for spare in [spare for spare in zygote.waiting if spare.call is call]:
                zygote.waiting.remove(spare)
                spare.close()
                self.pause()
        self.drop_child(call)

    def tell(self, call: Call) -> None:
        if (zygote := self.users.pop(call, None)) is not None:
            zygote.end()
        super().tell(call)
