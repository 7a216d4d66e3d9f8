"""The namespaces that the launcher of the engine `native` lives in, from which each call's own are copied.

The process that the dispatcher has started makes them and stays outside as the warden: it waits for the launcher, which
is its child and pid 1 of a namespace of processes, so that the kernel kills every call when the launcher ends; and the
launcher ends with the warden.

There are two namespaces of mounts. The host's is a copy that follows the host's mounts, and folders are taken from it.
The template has the calls' root: a read-only skeleton in memory, the system's programs, a few devices, an own /proc.
The launcher lives in the template, and a call gets a copy of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import stat
from collections.abc import Iterator
from typing import Any

from dispatcher_service.engines.launcher import kernel
from dispatcher_service.engines.launcher.kernel import (
    ATTR_NODEV,
    ATTR_NOEXEC,
    ATTR_NOSUID,
    ATTR_RDONLY,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    MS_SLAVE,
)

SKELETON = "mode=755,size=16m,nr_inodes=65536"
"""Bounds what mount points take up: every place that an extension has been mounted at leaves an empty folder."""
READ_ONLY = ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV
WRITABLE = ATTR_NOSUID | ATTR_NODEV
USER, SPACES, MOUNTS, PROC = "user namespaces", "other namespaces", "mounts", "own /proc"
USERS = "own users"
"""Names of walls, for `WallError` and the findings."""


class WallError(Exception):
    """A wall cannot be built: which, and why."""

    def __init__(self, wall: str, reason: str) -> None:
        super().__init__(wall, reason)
        self.wall = wall
        self.reason = reason


@contextlib.contextmanager
def building(wall: str) -> Iterator[None]:
    """Tell what cannot be built when the kernel refuses something."""
    try:
        yield
    except OSError as error:
        raise WallError(
            wall, f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        ) from None


def enter(*, host_network: bool) -> None:
    """Put this process into new namespaces; that of processes begins with its next child.

    Raises:
        WallError: the kernel refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and not kernel.has_capability(kernel.CAP_KILL):
        raise WallError(USERS, "root has no CAP_KILL here: it could not end calls, which have users of their own")
    if uid != 0:
        with building(USER):
            kernel.unshare(CLONE_NEWUSER)
            write("/proc/self/setgroups", "deny")
            write("/proc/self/uid_map", f"{uid} {uid} 1")
            write("/proc/self/gid_map", f"{gid} {gid} 1")
    # Not that of control groups: calls' groups may lie outside what would be its root.
    flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID
    with building(SPACES):
        kernel.unshare(flags if host_network else flags | CLONE_NEWNET)


def write(path: str, text: str, folder: int | None = None) -> None:
    """Write a small file of procfs in one go."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def divide() -> bool:
    """Split into the warden and the launcher, pid 1 of its namespace.

    Returns:
        True in the launcher, at once; False in the warden, when the launcher has ended.
    """
    warden = os.pidfd_open(os.getpid())
    pid = os.fork()
    if pid != 0:
        kernel.close_from(3)
        os.waitpid(pid, 0)
        return False
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if select.select([warden], [], [], 0)[0]:  # it died before that was set
        os._exit(1)
    os.close(warden)
    return True


class Template:
    """The root that calls are given a copy of, built around the calling process, which must be in new namespaces.

    Args:
        spec: `root`, the folder that the skeleton is copied from; `binds`, the system's folders and files as (path on
            the host, path below the root); `devices`, names in /dev; `hostname`.

    Raises:
        WallError: a part of it cannot be built.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        root = spec["root"]
        with building(MOUNTS):
            kernel.mount("none", "/", None, MS_REC | MS_SLAVE)
            self._host = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            taken = [(take(source, READ_ONLY), target) for source, target in spec["binds"]]
            taken += [(take(f"/dev/{name}", ATTR_NOSUID | ATTR_NOEXEC), f"dev/{name}") for name in spec["devices"]]
            kernel.unshare(CLONE_NEWNS)
            kernel.mount("none", "/", None, MS_REC | MS_PRIVATE)
            self._skeleton = lay_skeleton(root)
            for tree, target in taken:
                kernel.attach_tree(tree, f"{root}/{target}")
                os.close(tree)
        with building(PROC):
            mount_proc(f"{root}/proc")
        with building(MOUNTS):
            os.chdir(root)
            kernel.pivot_root(".", ".")
            kernel.unmount(".")
            os.chdir("/")
            kernel.set_attributes(kernel.AT_FDCWD, "/", READ_ONLY, recursive=False)
            self._own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        with building(SPACES):
            socket.sethostname(spec["hostname"])
            self.pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def inside(self, mounts: int) -> Iterator[None]:
        """Be in another namespace of mounts for a while, whose root is the root then and the current folder."""
        kernel.setns(mounts, CLONE_NEWNS)
        try:
            yield
        finally:
            kernel.setns(self._own, CLONE_NEWNS)

    @contextlib.contextmanager
    def new_mounts(self) -> Iterator[int]:
        """Be in a new copy of the template for a while: its descriptor, which the caller closes.

        Raises:
            OSError: the kernel refuses.
        """
        kernel.unshare(CLONE_NEWNS)
        try:
            yield os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            kernel.setns(self._own, CLONE_NEWNS)

    def take_tree(self, path: str, place: tuple[int, int]) -> int:
        """A read-only copy of a folder's mounts, to be attached by a call's child.

        Args:
            path: where the folder is on the host.
            place: device and number of the folder that the dispatcher has opened; the path is believed only if it
                leads there.

        Raises:
            OSError: it cannot be taken, or is another one.
        """
        with self.inside(self._host):
            tree = take(path, READ_ONLY)
        found = os.fstat(tree)
        if (found.st_dev, found.st_ino) != place:
            os.close(tree)
            raise OSError(0, f"the folder at {path} is not the one that was opened")
        return tree

    def take_paths(self, paths: list[tuple[str, str, bool]]) -> list[tuple[int, str, bool]]:
        """Copies of what an administrator has granted, to be attached by a call's child.

        Args:
            paths: absolute paths on the host and inside, each with whether it may be written to.

        Returns:
            A descriptor, the path inside and whether it is a folder, for each.

        Raises:
            OSError: one does not exist, or a symbolic link is in it: what it leads to may change after the grant.
        """
        taken: list[tuple[int, str, bool]] = []
        try:
            with self.inside(self._host):
                for source, path, writable in paths:
                    place = open_granted(source)
                    try:
                        is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
                        tree = kernel.clone_tree("", place)
                    finally:
                        os.close(place)
                    taken.append((tree, path, is_folder))
                    kernel.set_attributes(tree, "", WRITABLE if writable else READ_ONLY, recursive=True)
        except BaseException:
            for tree, _path, _is_folder in taken:
                os.close(tree)
            raise
        return taken

    def make_place(self, path: str, *, folder: bool = True) -> None:
        """Make sure that there is something in the skeleton to mount at.

        All calls have the skeleton in common, so that nobody may list the folders that are made on the way.
        """
        make_place(path[1:], self._skeleton, folder=folder, mode=0o111)


def open_granted(path: str) -> int:
    """Open a granted path as a place only.

    Raises:
        OSError: it is not there, or a symbolic link is in it; the text tells that.
    """
    try:
        return kernel.open_place(path, kernel.RESOLVE_NO_SYMLINKS | kernel.RESOLVE_NO_MAGICLINKS)
    except OSError as error:
        reason = "a symbolic link is in it" if error.errno == errno.ELOOP else os.strerror(error.errno or 0)
        raise OSError(error.errno, f"{path} was granted, but cannot be shown: {reason}") from None


def take(path: str, attributes: int) -> int:
    """A copy of the mounts at and below a path, with attributes, belonging to nobody yet."""
    try:
        tree = kernel.clone_tree(path)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None
    try:
        kernel.set_attributes(tree, "", attributes, recursive=True)
    except BaseException:
        os.close(tree)
        raise
    return tree


def lay_skeleton(root: str) -> int:
    """Cover a folder by a copy of itself in memory; the descriptor stays writable."""
    source = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    kernel.mount("graft", root, "tmpfs", MS_NOSUID | MS_NODEV, SKELETON)
    for folder, folders, files, at in os.fwalk(".", dir_fd=source):
        for name in (*folders, *files):
            target, mode = f"{root}/{folder}/{name}", os.lstat(name, dir_fd=at).st_mode
            if stat.S_ISLNK(mode):
                os.symlink(os.readlink(name, dir_fd=at), target)  # noqa: PTH211  (pathlib would double this process)
            elif stat.S_ISDIR(mode):
                os.mkdir(target, 0o755)  # noqa: PTH102  (as above)
            else:
                copy_file(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=at), target)
    os.close(source)
    return kernel.clone_tree(root)


def copy_file(source: int, target: str) -> None:
    """Write a new file that everybody may read; closes the source."""
    made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    while data := os.read(source, 1 << 20):
        os.write(made, data)
    os.close(made)
    os.close(source)


def make_place(path: str, root: int | None, *, folder: bool, mode: int = 0o755) -> None:
    """Make a folder, or an empty file, with the folders above it; what is there already is good."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        part = "/".join(parts[:count])
        with contextlib.suppress(FileExistsError):
            if folder or count < len(parts):
                os.mkdir(part, mode, dir_fd=root)
            else:
                os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=root))


def mount_proc(target: str) -> None:
    """Mount the processes of this process's own namespace; writable, for the launcher alone."""
    kernel.mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
