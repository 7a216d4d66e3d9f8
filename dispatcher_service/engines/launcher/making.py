"""The maker: a process that clones sandboxes for the launcher of the engine `native`. The standard library only.

A process that has forked copies every page of its memory that it writes to afterwards. The launcher would do so while
calls wait; so it has a child, which does nothing else: a compiled program (`accelerated.py`), or what follows here
where that is not to be had. What is cloned is the launcher's child all the same (CLONE_PARENT), and so is reaped by it
and ends with it.

It answers orders (`wire.py`) one after another. With the answer come two descriptors: the line on which the sandbox
waits for its call, and its namespace of mounts.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import select
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from dispatcher_service.engines.launcher import wire
from dispatcher_service.engines.launcher.cgroups import Cgroups, Group
from dispatcher_service.engines.launcher.native import NativeStarter
from dispatcher_service.engines.launcher.processes import receive

SECONDS = 10
"""How long the launcher waits for an answer; the machine is stuck, or the maker, when none comes."""
TIMEOUT = struct.pack("ll", SECONDS, 0)


class Made(NamedTuple):
    """A sandbox, or why there is none."""

    number: int
    error: str
    pid: int
    line: socket.socket | None
    mounts: int


class Maker:
    """The launcher's end of the line.

    The process is the compiled program where that can be had. Where one process cannot clone for another, there is no
    other: the launcher answers itself.

    Args:
        starter: clones, and knows what the program is to be told.
        cgroups: the launcher's.

    Raises:
        WallError: the compiled program was asked for, and cannot be used.
    """

    def __init__(self, starter: NativeStarter, cgroups: Cgroups) -> None:
        self._kinds = starter.kinds
        self._own: Callable[[], bool] | None = None
        self.pid, line = starter.accelerator.start(*starter.profile(cgroups), SECONDS)
        starter.accelerator.close()
        if line is None:
            line = self._start(starter, cgroups)
        self.line = line
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # the socket's own would cost a call of poll each time
            self.line.setsockopt(socket.SOL_SOCKET, option, TIMEOUT)

    def _start(self, starter: NativeStarter, cgroups: Cgroups) -> socket.socket:
        """Be the maker, in a process of its own where that can be."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if not starter.clones_for_parent:
            self._own = functools.partial(answer, theirs, starter, cgroups)
            return ours
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ours.close()
                gc.freeze()
                while answer(theirs, starter, cgroups):
                    pass
            finally:
                os._exit(1)
        theirs.close()
        return ours

    def order(self, number: int, network: str, uid: int | None, group: Group | None) -> None:
        """Ask for a sandbox.

        Raises:
            OSError: the maker is dead.
        """
        named = () if group is None else (tuple(group.stale), group.name)
        self.line.send(wire.pack_order(wire.Order(number, uid, self._kinds.index(network), *named)))
        if self._own is not None:
            self._own()

    def has_made(self) -> bool:
        """Whether `receive` would not wait."""
        return bool(select.select([self.line], [], [], 0)[0])

    def receive(self) -> Made:
        """Wait for the next sandbox that was asked for.

        Raises:
            OSError: the maker is dead, or stuck.
        """
        data, fds, _flags = receive(self.line, wire.MAX_ANSWER, 2)
        if not data:
            raise ConnectionResetError("the process that makes sandboxes has died")
        told = wire.unpack_answer(data)
        if len(fds) != 2:
            for fd in fds:
                os.close(fd)
            return Made(told.number, told.error or "too many open files", 0, None, -1)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=fds[0])
        return Made(told.number, "", told.pid, line, fds[1])


def answer(line: socket.socket, starter: NativeStarter, cgroups: Cgroups) -> bool:
    """Make the next sandbox that is asked for; False when the launcher is gone."""
    data = line.recv(wire.MAX_ORDER)
    if not data:
        return False
    order = wire.unpack_order(data)
    try:
        if order.group:
            cgroups.renew(order.group, order.stale)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs, cgroups.entrance(order.group) if order.group else contextlib.nullcontext() as group:
            pid, mounts = starter.start(order.number, starter.kinds[order.kind], order.uid, group, theirs)
            try:
                answered = wire.pack_answer(wire.Answer(order.number, pid))
                socket.send_fds(line, [answered], [ours.fileno(), mounts])
            finally:
                os.close(mounts)
    except OSError as error:
        line.send(wire.pack_answer(wire.Answer(order.number, 0, error.strerror or str(error))))
    return True
