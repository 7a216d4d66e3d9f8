"""The maker: a process that clones sandboxes for the launcher of the engine `native`. The standard library only.

A process that has forked copies every page of its memory that it writes to afterwards. The launcher would do so while
calls wait; so it has this child, which does nothing else. What is cloned is the launcher's child all the same
(CLONE_PARENT), and so is reaped by it and ends with it.

The line is a SOCK_SEQPACKET socket, one JSON object a message:

- in, `{"number", "network", "uid", "group", "stale"}`: what the sandbox calls itself in its report, its network, the
  user that it becomes (null for the launcher's), the name of its control group (null where there are none) and in which
  hierarchies that is to be renewed: the kernel may take its time for that.
- out, in the same order, `{"number", "pid"}` with two descriptors, the line on which the sandbox waits for its call and
  its namespace of mounts; or `{"number", "error"}`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import select
import socket
from collections.abc import Callable
from typing import NamedTuple

from dispatcher_service.engines.launcher.cgroups import Cgroups, Group
from dispatcher_service.engines.launcher.native import NativeStarter
from dispatcher_service.engines.launcher.processes import receive

MAX_MESSAGE = 4096
SECONDS = 10.0
"""How long the launcher waits for an answer; the machine is stuck, or the maker, when none comes."""


class Made(NamedTuple):
    """A sandbox, or why there is none."""

    number: int
    error: str
    pid: int
    line: socket.socket | None
    mounts: int


class Maker:
    """The launcher's end of the line.

    Where one process cannot clone for another, there is no other: the launcher answers itself.

    Args:
        starter: clones.
        cgroups: the launcher's.
    """

    def __init__(self, starter: NativeStarter, cgroups: Cgroups) -> None:
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.line.settimeout(SECONDS)
        self._own: Callable[[], bool] | None = None
        self.pid = 0
        """Of the process; 0 where there is none."""
        if not starter.clones_for_parent:
            self._own = functools.partial(answer, theirs, starter, cgroups)
            return
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.line.close()
                gc.freeze()
                while answer(theirs, starter, cgroups):
                    pass
            finally:
                os._exit(1)
        theirs.close()

    def order(self, number: int, network: str, uid: int | None, group: Group | None) -> None:
        """Ask for a sandbox.

        Raises:
            OSError: the maker is dead.
        """
        order = {"number": number, "network": network, "uid": uid, "group": None}
        if group is not None:
            order |= {"group": group.name, "stale": list(group.stale)}
        self.line.send(json.dumps(order).encode())
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
        data, fds, _flags = receive(self.line, MAX_MESSAGE, 2)
        if not data:
            raise ConnectionResetError("the process that makes sandboxes has died")
        told = json.loads(data)
        if len(fds) != 2:
            for fd in fds:
                os.close(fd)
            return Made(told["number"], told.get("error", "too many open files"), 0, None, -1)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=fds[0])
        return Made(told["number"], "", told["pid"], line, fds[1])


def answer(line: socket.socket, starter: NativeStarter, cgroups: Cgroups) -> bool:
    """Make the next sandbox that is asked for; False when the launcher is gone."""
    data = line.recv(MAX_MESSAGE)
    if not data:
        return False
    asked = json.loads(data)
    number = asked["number"]
    try:
        name = asked["group"]
        if name is not None:
            cgroups.renew(name, asked["stale"])
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs, contextlib.nullcontext() if name is None else cgroups.entrance(name) as group:
            pid, mounts = starter.start(number, asked["network"], asked["uid"], group, theirs)
            try:
                socket.send_fds(line, [json.dumps({"number": number, "pid": pid}).encode()], [ours.fileno(), mounts])
            finally:
                os.close(mounts)
    except OSError as error:
        line.send(json.dumps({"number": number, "error": (error.strerror or str(error))[:500]}).encode())
    return True
