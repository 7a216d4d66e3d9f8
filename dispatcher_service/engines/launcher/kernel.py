"""The system calls that Python has no functions for, as the launcher needs them. The standard library only.

The numbers of those that the C library may lack are the same on every architecture (they are of Linux 5.2 and later).
The library is called with the interpreter's lock held (`PyDLL`): the launcher has one thread, and a clone that returns
twice must find the interpreter as it left it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_INTO_CGROUP = 0x200000, 0x1000000, 0x200000000
CLONE_PARENT = 0x8000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
MS_REMOUNT, MS_REC, MS_PRIVATE, MS_SLAVE = 0x20, 0x4000, 0x40000, 0x80000
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 0x1, 0x2, 0x4, 0x8
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, MOVE_MOUNT_F_EMPTY_PATH = 0x1, 0x80000, 0x4
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x02, 0x04, 0x08
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_MM, PR_SET_MM_MAP = 35, 14
PR_SET_NAME, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS = 15, 36, 38, 40
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
SECCOMP_MODE_FILTER = 2
SYS_RT_SIGACTION = {"x86_64": 13, "aarch64": 134}
SYS_ROBUST_LIST = {"x86_64": (273, 274), "aarch64": (99, 100)}
"""To set, and to get."""
OF_THE_LIBRARY = (32, 33)
"""Signals that the C library keeps for itself."""
CAP_KILL = 5
CAPABILITIES_V3 = 0x20080522
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_CLONE3, SYS_CLOSE_RANGE, SYS_OPENAT2, SYS_MOUNT_SETATTR = (
    428,
    429,
    435,
    436,
    437,
    442,
)
CLONE_ARGUMENTS = 11
"""Numbers of 64 bits in `struct clone_args` with its cgroup, Linux 5.7."""

_CAPABILITIES = struct.pack("=Ii", CAPABILITIES_V3, 0)
"""`struct cap_user_header` of this process."""
_libc = ctypes.PyDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_mount = _libc.mount
_mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_plain_prctl = ctypes.PyDLL(None).prctl
_prctl = _libc.prctl
_prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def check(result: int, what: str) -> int:
    """The result of a system call.

    Raises:
        OSError: it is -1; the text names the call.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int, third: int = 0) -> None:
    """Set a property of this process."""
    check(_prctl(option, value, third, 0, 0), f"prctl({option})")


def set_name(name: bytes) -> None:
    """Call this process like the file that it runs, as far as a name may be long."""
    text = ctypes.create_string_buffer(name[:15])
    prctl(PR_SET_NAME, ctypes.addressof(text))


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter a namespace. Entering a mount namespace makes its root the root and the current folder."""
    check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount, bind, or change a mount."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    check(_mount(texts[0], texts[1], texts[2], flags, texts[3]), f"mount {kind or 'bind'} at {target}")


def unmount(target: str) -> None:
    """Take a mount and what is on it away, now for the eye and later for who still uses it."""
    check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make another mount the root."""
    check(_libc.pivot_root(os.fsencode(new), os.fsencode(old)), "pivot_root")


def clone_tree(path: str, folder: int = AT_FDCWD) -> int:
    """A copy of the mounts at and below a path, belonging to nobody yet, as a descriptor; an empty path is `folder`."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | (0 if path else AT_EMPTY_PATH)
    return check(
        _syscall(SYS_OPEN_TREE, ctypes.c_int(folder), os.fsencode(path), ctypes.c_uint(flags)), f"open_tree {path}"
    )


def attach_tree(tree: int, path: str) -> None:
    """Mount such a copy at a path; the descriptor stays a way in until it is closed."""
    nothing = b""
    result = _syscall(
        SYS_MOVE_MOUNT, ctypes.c_int(tree), nothing, AT_FDCWD, os.fsencode(path), ctypes.c_uint(MOVE_MOUNT_F_EMPTY_PATH)
    )
    check(result, f"move_mount to {path}")


def set_attributes(folder: int, path: str, attributes: int, *, recursive: bool) -> None:
    """Add attributes to a mount, and cut it off from what is mounted elsewhere; an empty path is the folder itself."""
    flags = (AT_RECURSIVE if recursive else 0) | (0 if path else AT_EMPTY_PATH)
    wanted = struct.pack("=4Q", attributes, 0, MS_PRIVATE, 0)
    result = _syscall(
        SYS_MOUNT_SETATTR,
        ctypes.c_int(folder),
        os.fsencode(path),
        ctypes.c_uint(flags),
        wanted,
        ctypes.c_size_t(len(wanted)),
    )
    check(result, f"mount_setattr {path}")


def open_place(path: str, resolve: int, folder: int = AT_FDCWD, *, links: bool = True) -> int:
    """Open a file, folder or link as a place only.

    Args:
        path: absolute, or below the folder.
        resolve: what may be on the way (openat2).
        folder: where the path begins.
        links: follow a link at the path's end, rather than to open it.

    Raises:
        OSError: there is nothing, or something else is on the way: ELOOP for a link, EXDEV for what leads out.
    """
    flags = os.O_PATH | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    how = struct.pack("=3Q", flags, 0, resolve)
    result = _syscall(SYS_OPENAT2, ctypes.c_int(folder), os.fsencode(path), how, ctypes.c_size_t(len(how)))
    return check(result, f"open {path}")


def close_from(first: int) -> None:
    """Close every descriptor from a number on."""
    check(_syscall(SYS_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(0xFFFFFFFF), 0), "close_range")


def drop_capabilities(last: int) -> None:
    """Give up every capability, and that any program could give one back; for a process without new privileges."""
    for _answer in map(_plain_prctl, [PR_CAPBSET_DROP] * (last + 1), range(last + 1)):
        pass  # as many calls as there are capabilities, in every sandbox: without conversions they take a third
    check(_libc.capset(_CAPABILITIES, bytes(24)), "capset")


def hand_down_capabilities(last: int) -> None:
    """Let programs that this process executes have its capabilities, which only root's keep by themselves.

    Args:
        last: the newest one's number.
    """
    data = ctypes.create_string_buffer(24)
    check(_libc.capget(_CAPABILITIES, data), "capget")
    effective, permitted, _, more_effective, more_permitted, _ = struct.unpack("=6I", data.raw)
    sets = (effective, permitted, permitted, more_effective, more_permitted, more_permitted)
    check(_libc.capset(_CAPABILITIES, struct.pack("=6I", *sets)), "capset")
    held = permitted | more_permitted << 32
    for number in range(last + 1):
        if held >> number & 1:
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number)


def last_capability() -> int:
    """The number of the newest capability that this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:  # noqa: PTH123  (pathlib would double this small process)
        return int(file.read())


def has_capability(number: int) -> bool:
    """Whether this process has a capability in effect."""
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123  (as above)
        line = next(line for line in file if line.startswith(b"CapEff:"))
    return bool(int(line.split()[1], 16) >> number & 1)


def heed_all_signals() -> None:
    """Have the signals that the C library keeps for itself act again; it ignores them in what `posix_spawn` starts."""
    if (number := SYS_RT_SIGACTION.get(os.uname().machine)) is not None:
        for kept in OF_THE_LIBRARY:
            _syscall(number, ctypes.c_int(kept), bytes(32), None, ctypes.c_size_t(8))


class Memory:
    """Where this process's arguments and environment lie, as `/proc` shows them: the kernel lets that be changed."""

    def __init__(self) -> None:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123  (as above)
            fields = [b"", b"", b"", *file.read().rpartition(b")")[2].split()]  # so that they have the manual's numbers
        self._code, self._data = [int(fields[number]) for number in (26, 27)], [int(fields[n]) for n in (45, 46)]
        self._heap, self._stack = int(fields[47]), int(fields[28])
        _libc.sbrk.restype = ctypes.c_ulong

    def show(self, argv: list[bytes], environment: list[bytes]) -> None:
        """Show others; where the kernel does not do that (it lacks CONFIG_CHECKPOINT_RESTORE) they stay as they are."""
        arguments, variables = (b"".join(b"%b\0" % text for text in texts) for texts in (argv, environment))
        self._shown = ctypes.create_string_buffer(arguments + variables)
        start = ctypes.addressof(self._shown)
        middle, end = start + len(arguments), start + len(arguments) + len(variables)
        heap = (self._heap, _libc.sbrk(0))
        packed = struct.pack(
            "=12QIi", *self._code, *self._data, *heap, self._stack, start, middle, middle, end, 0, 0, -1
        )
        where = ctypes.create_string_buffer(packed, len(packed))
        _prctl(PR_SET_MM, PR_SET_MM_MAP, ctypes.addressof(where), len(packed), 0)


class Filter:
    """A compiled seccomp filter, ready to be installed."""

    def __init__(self, program: bytes) -> None:
        self.program = program
        self._code = ctypes.create_string_buffer(program, len(program))
        packed = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(self._code))
        self._program = ctypes.create_string_buffer(packed, len(packed))

    def install(self) -> None:
        """Hold this process and its descendants to it, for good."""
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._program))


def has_clone3() -> bool:
    """Whether that call is there: filters of containers, which cannot look at its flags, act as if it were not."""
    return _syscall(SYS_CLONE3, None, ctypes.c_size_t(0)) < 0 and ctypes.get_errno() != errno.ENOSYS


def tid_address() -> int:
    """Where the C library keeps this thread's number, so that a clone can be told it; 0 where that cannot be found.

    The kernel is told that place when the thread starts, and tells it with CONFIG_CHECKPOINT_RESTORE. The number there
    is compared, since another C library may use the place for something else.
    """
    place = ctypes.c_ulong(0)
    if _prctl(PR_GET_TID_ADDRESS, ctypes.addressof(place), 0, 0, 0) != 0 or not place.value:
        return 0
    return place.value if ctypes.c_int.from_address(place.value).value == os.getpid() else 0


class RobustList:
    """Where the C library notes this thread's locks whose waiters are told when it dies; a clone has to register it."""

    def __init__(self) -> None:
        self._set, get = SYS_ROBUST_LIST.get(os.uname().machine, (0, 0))
        self._head, self._size = ctypes.c_void_p(), ctypes.c_size_t()
        if self._set and _syscall(get, 0, ctypes.byref(self._head), ctypes.byref(self._size)) != 0:
            self._set = 0

    def register(self) -> None:
        """Tell the kernel in the clone, as the C library's own fork does."""
        if self._set:
            _syscall(self._set, self._head, self._size)


def clone(flags: int, tid_place: int, cgroup: int = -1, *, hooks: bool = True) -> int:
    """Fork into new namespaces, and into a control group, in one step; as `os.fork`, it returns twice.

    What `os.fork` does about the interpreter is done here too, and the C library's own number of the thread is kept
    right by the kernel. Handlers of `pthread_atfork` do not run: in a process of one thread no lock can be held.

    Args:
        flags: the namespaces; and CLONE_PARENT for a child of this process's parent, which it tells of its end as this
            process does.
        tid_place: what `tid_address` has said.
        cgroup: a descriptor of the control group's folder (version 2); -1 for the parent's.
        hooks: run what was registered for forks (`os.register_at_fork`). It is about other threads, mostly, and costs
            a copy of each page that it touches.
    """
    end_signal = 0 if flags & CLONE_PARENT else signal.SIGCHLD
    flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
    if cgroup != -1:
        flags |= CLONE_INTO_CGROUP
    packed = struct.pack("=11Q", flags, 0, tid_place, 0, end_signal, 0, 0, 0, 0, 0, cgroup if cgroup != -1 else 0)
    size = ctypes.c_size_t(8 * CLONE_ARGUMENTS)
    if not hooks:
        pid = int(_syscall(SYS_CLONE3, packed, size))
        return pid if pid == 0 else check(pid, "clone3")
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_syscall(SYS_CLONE3, packed, size))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    return check(pid, "clone3")


def fork_into(flags: int, own_pids: int) -> int:
    """The same by `os.fork`, for a kernel or C library where `clone` cannot be: slower by some calls.

    Args:
        flags: the namespaces, that of processes among them.
        own_pids: a descriptor of this process's own namespace of processes.
    """
    unshare(CLONE_NEWPID)  # of the next child, not of this process
    try:
        pid = os.fork()
    except OSError:
        setns(own_pids, CLONE_NEWPID)
        raise
    if pid == 0:
        unshare(flags & ~CLONE_NEWPID)
    else:
        setns(own_pids, CLONE_NEWPID)
    return pid
