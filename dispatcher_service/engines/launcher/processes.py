"""What the launcher and its children ask of the kernel: children, users, descriptors. The standard library only."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import stat
import struct
import time
from collections.abc import Sequence

from dispatcher_service.engines.launcher import kernel
from dispatcher_service.engines.launcher.removal import remove_tree

DESCRIPTOR = struct.Struct("i")
MAX_CALLS = 256
"""How many calls a launcher runs at once."""
KILL_PAUSE = 0.005
"""Seconds between two looks whether the last processes are dead."""
FIRST_UID, UID_BLOCKS = 60000, 21
"""Calls of a root launcher run as users 60000 to 65375: a block of 256 a launcher, one user a running call."""


def receive(line: socket.socket, size: int, most: int) -> tuple[bytes, list[int], int]:
    """Take a message with descriptors, which no program that is executed inherits.

    `socket.recv_fds` does not pass its flags on (Python 3.11).

    Args:
        line: what it comes on.
        size: bytes that it has at most.
        most: descriptors that come at most.

    Returns:
        The message, the descriptors, and flags such as MSG_TRUNC.
    """
    room = socket.CMSG_SPACE(most * DESCRIPTOR.size)
    data, found, flags, _address = line.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    for level, kind, content in found:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            whole = len(content) - len(content) % DESCRIPTOR.size
            fds += [fd for (fd,) in DESCRIPTOR.iter_unpack(content[:whole])]
    return data, fds, flags


def bind_privately(binds: list[tuple[int, str]]) -> None:
    """Show files and folders, given as descriptors, at other paths, to this process and its descendants only.

    For what the user whom this process is about to become could not walk to. Closes the descriptors: in a sandbox that
    of a folder would be a way out, through its `..`.

    Raises:
        OSError: the kernel refuses; it takes CAP_SYS_ADMIN.
    """
    copies = [kernel.clone_tree("", fd) for fd, _target in binds]  # of this namespace, so before it is left
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    for copy, (fd, target) in zip(copies, binds, strict=True):
        kernel.attach_tree(copy, target)
        os.close(copy)
        os.close(fd)


def give_pipes(fds: Sequence[int], uid: int) -> None:
    """Let a call's user have the pipes that it writes to, so that a script may open /dev/stdout and /dev/stderr.

    What is no pipe, a device or a file, stays whose it is.
    """
    for fd in fds:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.fchown(fd, uid, uid)


def kill_children() -> dict[int, int]:
    """Kill all children of this process, and those that become its children by that, for which it must be a subreaper.

    Whoever is dead is not reaped before everybody is: so each keeps his place among the processes that his user may
    have, and one that forks faster than it is killed runs out of places.

    Returns:
        The status that each has ended with, by its number.
    """
    signalled: set[int] = set()
    dead: set[int] = set()
    # What a dead one has left is in the list that is read after its death, and not always in the one before.
    while left := [pid for pid in children() if pid not in dead]:
        dead.update(pid for pid in left if is_dead(pid))
        alive = [pid for pid in left if pid not in dead]
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        if alive and signalled.issuperset(alive):
            time.sleep(KILL_PAUSE)
        signalled.update(alive)
    statuses = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, 0)
            statuses[pid] = status
    return statuses


def is_dead(pid: int) -> bool:
    """Whether a child that is not reaped has ended, with all its threads."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def children() -> list[int]:
    """The pids of this process's children, adopted ones too."""
    own = os.getpid()
    try:
        fd = os.open(f"/proc/self/task/{own}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return children_by_scan(own)
    try:
        data = b""
        while chunk := os.read(fd, 65536):
            data += chunk
    finally:
        os.close(fd)
    return [int(pid) for pid in data.split()]


def children_by_scan(own: int) -> list[int]:
    """The same where the kernel has no list of children (CONFIG_PROC_CHILDREN)."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  (pathlib would double this small process)
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  (as above)
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == own:
            found.append(int(name))
    return found


def reserve_uids() -> tuple[socket.socket | None, int]:
    """Take a block of user numbers that no other launcher of this machine uses; the socket keeps it until exit."""
    for block in range(UID_BLOCKS):
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        first = FIRST_UID + block * MAX_CALLS
        try:
            lock.bind(f"\0graft-launcher-uids-{first}")
        except OSError:
            lock.close()
            continue
        return lock, first
    return None, FIRST_UID  # shared with another launcher: the walls hold, only the counts of processes add up


def max_files() -> int:
    """A number that is above every open descriptor."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if hard == resource.RLIM_INFINITY else max(hard, 1 << 20)


def remove_folder(path: str) -> None:
    """Remove the launcher's own folder; a stranger's name is left alone."""
    if not os.path.basename(path).startswith("graft-launcher-"):  # noqa: PTH119  (as above)
        return
    remove_tree(path)
