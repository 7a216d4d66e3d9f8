"""What one does to mounts and roots. Shown as root of throw-away namespaces."""

from __future__ import annotations

import ctypes
import os
import struct

from .table import SPACES, Bait, attack, syscall

MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
AT_FDCWD = -100
OPEN_TREE_CLONE, AT_RECURSIVE = 1, 0x8000


def mount(source: str, target: str, kind: str = "none", flags: int = 0, data: str = "") -> None:
    syscall("mount", source.encode(), target.encode(), kind.encode(), flags, data.encode())


def folder(name: str) -> str:
    path = f"/tmp/{name}-{os.getpid()}"
    os.mkdir(path)
    return path


def ground(bait: Bait) -> None:
    """Outside, /tmp of the throw-away mount namespace is made private, and the machine's own is not touched."""
    if not bait["inside"]:
        mount("ground", "/tmp", "tmpfs")


@attack(SPACES)
def mounts_a_file_system(bait: Bait) -> str:
    ground(bait)
    mount("x", folder("tmpfs"), "tmpfs")
    return "a tmpfs"


@attack(SPACES)
def mounts_proc_anew(bait: Bait) -> str:
    ground(bait)
    mount("proc", folder("proc"), "proc")
    return "a /proc"


@attack(SPACES)
def mounts_over_a_system_folder(bait: Bait) -> str:
    mount("x", "/etc", "tmpfs")
    return "hid /etc"


def _remounts(path: str) -> None:
    @attack(SPACES, f"remounts {path} to write")
    def run(bait: Bait) -> str:
        if not bait["inside"]:
            mount("/usr", path, flags=MS_BIND)
            mount("none", path, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)
        mount("none", path, flags=MS_BIND | MS_REMOUNT)
        return f"{path} is remounted"

    @attack(SPACES, f"changes the attributes of {path}")
    def attributes(bait: Bait) -> str:
        if not bait["inside"]:
            mount("/usr", path, flags=MS_BIND)
        read_only = ctypes.create_string_buffer(struct.pack("4Q", 0, 1, 0, 0))
        syscall("mount_setattr", AT_FDCWD, path.encode(), 0, read_only, 32)
        return f"{path} can be written"


def _uncovers(path: str) -> None:
    @attack(SPACES, f"looks below {path}")
    def run(bait: Bait) -> str:
        if not bait["inside"]:
            mount("x", path, "tmpfs")
        syscall("umount2", path.encode(), MNT_DETACH)
        return f"{path} is uncovered"


for _path in ("/", "/usr", "/opt"):
    _remounts(_path)
for _path in ("/proc", "/tmp", "/usr", "/dev"):
    _uncovers(_path)


@attack(SPACES)
def binds_the_root_of_a_process(bait: Bait) -> str:
    ground(bait)
    mount("/proc/self/root", folder("root"), flags=MS_BIND | MS_REC)
    return "bound /proc/self/root"


@attack(SPACES)
def binds_itself(bait: Bait) -> str:
    ground(bait)
    mount("/proc/self", folder("self"), flags=MS_BIND)
    return "bound /proc/self"


@attack(SPACES)
def lays_an_overlay(bait: Bait) -> str:
    ground(bait)
    upper, work, merged = folder("upper"), folder("work"), folder("merged")
    mount("o", merged, "overlay", 0, f"lowerdir=/usr,upperdir={upper},workdir={work},userxattr")
    return "/usr can be written in its overlay"


@attack(SPACES)
def changes_the_root(bait: Bait) -> str:
    ground(bait)
    if not bait["inside"]:
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
    new = folder("new")
    mount("x", new, "tmpfs")
    os.mkdir(f"{new}/old")
    syscall("pivot_root", new.encode(), f"{new}/old".encode())
    return "pivoted"


@attack(SPACES)
def pivots_where_it_is(bait: Bait) -> str:
    if not bait["inside"]:
        ground(bait)
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        os.chdir("/tmp")
    else:
        os.chdir("/")
    syscall("pivot_root", b".", b".")
    return "pivoted"


@attack(SPACES)
def leaves_a_root_by_the_back_door(bait: Bait) -> str:
    """The old escape: change the root to a folder below, and step up past it with the working folder left outside."""
    ground(bait)
    path = folder("jail")
    up = os.open("/", os.O_RDONLY)
    syscall("chroot", path.encode())
    os.fchdir(up)
    os.chdir("../../../../..")
    syscall("chroot", b".")
    return f"out: {os.listdir('/')[:3]}"


@attack(SPACES)
def opens_a_file_system(_bait: Bait) -> str:
    return f"fsopen = {syscall('fsopen', b'tmpfs', 0)}"


@attack(SPACES)
def clones_a_tree_of_mounts(_bait: Bait) -> str:
    return f"open_tree = {syscall('open_tree', AT_FDCWD, b'/', OPEN_TREE_CLONE | AT_RECURSIVE)}"


def _enters(kind: str) -> None:
    @attack(SPACES, f"enters the {kind} namespace of the first process")
    def run(_bait: Bait) -> str:
        fd = os.open(f"/proc/1/ns/{kind}", os.O_RDONLY)
        syscall("setns", fd, 0)
        return f"entered by {fd}"


for _kind in ("mnt", "net", "ipc", "uts", "pid"):
    _enters(_kind)
