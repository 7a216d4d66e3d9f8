"""Landlock: what of the file system, the network and other processes a process and its children still reach.

The standard library only, and quick: it runs between a fork and an exec. Numbers and structures are those of
linux/landlock.h; the system calls have the same numbers on every architecture.

Landlock decides about opening, executing, creating, linking and removing files, and about what the ABI of this kernel
adds; `missing` tells what it lacks. On no kernel does it decide about looking at a file's properties (stat), changing
them (chmod, chown, utime, xattr), locks, inotify, or connecting to a unix socket that has a path: that is left to the
seccomp filter and to the file's own permissions.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Sequence

SYS_CREATE_RULESET, SYS_ADD_RULE, SYS_RESTRICT_SELF = 444, 445, 446
CREATE_RULESET_VERSION, RULE_PATH_BENEATH = 1, 1
PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_SYM = 1 << 7, 1 << 8, 1 << 9, 1 << 10, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
"""What a rule about a single file may name; more is an error there."""
_BIND_TCP, _CONNECT_TCP = 1, 2
_ABSTRACT_UNIX_SOCKETS, _SIGNALS = 1, 2

READ = _READ_FILE | _READ_DIR
"""Open files for reading, list folders."""
EXECUTE = READ | _EXECUTE
"""The same, and run programs and load libraries."""
WRITE = (
    READ
    | _WRITE_FILE
    | _TRUNCATE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _MAKE_SOCK
    | _MAKE_FIFO
    | _MAKE_SYM
    | _REFER
)
"""Whatever one does with a folder of one's own, but neither run programs in it (`WRITE | EXECUTE`) nor make devices."""
DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
"""Use a device such as /dev/null."""

Rule = tuple[str | bytes | int, int]
"""A path, or a descriptor opened with O_PATH, and what may be done with it and with everything below it."""

_FILES_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_SINCE = (
    (1, "files"),
    (3, "truncating files"),
    (4, "TCP"),
    (5, "ioctl on devices"),
    (6, "abstract unix sockets"),
    (6, "signals"),
)

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_path_beneath = struct.Struct("=Qi")  # packed, as the kernel's structure is
_buffer = ctypes.create_string_buffer(_path_beneath.size)
_buffer_address = ctypes.c_void_p(ctypes.addressof(_buffer))
_rule_type = ctypes.c_int(RULE_PATH_BENEATH)
_zero = ctypes.c_ulong(0)
_add_rule = ctypes.c_long(SYS_ADD_RULE)


def probe() -> int:
    """The version of Landlock's ABI in this kernel.

    Returns:
        Minus the error number where it cannot be had: ENOSYS where it is not built in, EOPNOTSUPP where it was switched
        off at boot, EPERM where a container's filter refuses it.
    """
    result = int(_syscall(ctypes.c_long(SYS_CREATE_RULESET), None, _zero, ctypes.c_uint(CREATE_RULESET_VERSION)))
    return result if result >= 0 else -ctypes.get_errno()


PROBED = probe()
ABI = max(0, PROBED)
"""0 for none."""


def missing(abi: int = ABI) -> tuple[str, ...]:
    """What Landlock of this ABI does not decide about: names such as `signals`; empty from ABI 6 (Linux 6.12) on."""
    return tuple(name for since, name in _SINCE if abi < since)


def _ruleset(abi: int, *, network: bool) -> tuple[int, bytes]:
    """The rights that a ruleset handles, and its `struct landlock_ruleset_attr`."""
    handled = _FILES_OF_ABI[min(abi, max(_FILES_OF_ABI))]
    ports = 0 if network else _BIND_TCP | _CONNECT_TCP
    words = (handled, ports, _ABSTRACT_UNIX_SOCKETS | _SIGNALS)[: 1 if abi < 4 else 2 if abi < 6 else 3]
    return handled, struct.pack(f"={len(words)}Q", *words)


RULESETS = {network: _ruleset(ABI, network=network) for network in (False, True)} if ABI else {}
"""By whether TCP is allowed: the accesses that a ruleset decides about, and its attributes; empty without Landlock."""


class Ruleset:
    """What a process is to reach, and nothing else, once it restricts itself. What is open already stays usable.

    Where the kernel has no Landlock nothing happens: the caller asks `missing` first.

    Args:
        network: TCP sockets may be bound and connected; otherwise neither.

    Raises:
        OSError: the kernel refuses.
    """

    def __init__(self, *, network: bool = False) -> None:
        self.fd = -1
        """Its descriptor, which the caller may move; -1 where there is no Landlock."""
        if ABI:
            self._handled, attributes = RULESETS[network]
            size = ctypes.c_size_t(len(attributes))
            result = _syscall(ctypes.c_long(SYS_CREATE_RULESET), attributes, size, ctypes.c_uint(0))
            self.fd = _check(result, "landlock_create_ruleset")

    def allow(self, target: str | bytes | int, access: int) -> None:
        """Add what `Rule` says; a path that does not exist is skipped.

        Raises:
            OSError: the kernel refuses, or the path cannot be opened.
        """
        if self.fd != -1:
            _allow(self.fd, target, access & self._handled)

    def restrict(self) -> None:
        """Hold this process, and all that it starts, to it; cannot be undone. It needs no_new_privs.

        Raises:
            OSError: the kernel refuses.
        """
        if self.fd != -1:
            result = _syscall(ctypes.c_long(SYS_RESTRICT_SELF), ctypes.c_int(self.fd), ctypes.c_uint(0))
            _check(result, "landlock_restrict_self")


def restrict(rules: Sequence[Rule], *, network: bool = False) -> tuple[str, ...]:
    """Reach nothing any more but what the rules allow: this process, and all that it starts. Cannot be undone.

    Sets no_new_privs too, without which an ordinary user may not do this.

    Args:
        rules: see `Rule`; prepared once, for all calls.
        network: see `Ruleset`.

    Returns:
        What is not enforced, as `missing` tells it.

    Raises:
        OSError: the kernel refuses, or a path cannot be opened.
    """
    ruleset = Ruleset(network=network)
    if ruleset.fd == -1:
        return missing()
    try:
        for target, access in rules:
            ruleset.allow(target, access)
        one = ctypes.c_ulong(1)
        _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, one, _zero, _zero, _zero), "prctl(PR_SET_NO_NEW_PRIVS)")
        ruleset.restrict()
    finally:
        os.close(ruleset.fd)
    return missing()


def _allow(ruleset: int, target: str | bytes | int, access: int) -> None:
    if isinstance(target, int):
        fd = target
    else:
        try:
            fd = os.open(target, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OSError(error.errno, f"{os.fsdecode(target)}: {error.strerror}") from None
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= OF_FILES
        _path_beneath.pack_into(_buffer, 0, access, fd)
        _check(
            _syscall(_add_rule, ctypes.c_int(ruleset), _rule_type, _buffer_address, ctypes.c_uint(0)),
            f"landlock_add_rule({os.fsdecode(target) if not isinstance(target, int) else target})",
        )
    finally:
        if fd != target:
            os.close(fd)


def _check(result: int, what: str) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")
