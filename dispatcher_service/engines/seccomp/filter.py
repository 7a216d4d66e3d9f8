"""Which system calls a call may make, and the compiled filter that holds it to them.

An allow-list: what is not named is refused. What a sandboxed program must never have (mounting, namespaces, tracing,
BPF, io_uring, keyrings, kernel modules, clocks, System V IPC whose memory no limit counts) is left out of the tables.
"""

from __future__ import annotations

import functools
import platform
from dataclasses import dataclass

from dispatcher_service.engines.seccomp.assembler import Action, Check, Decision, compile_filter, merge
from dispatcher_service.engines.seccomp.syscalls import ALLOWED, CHECKED, NEWEST

CLONE_NEW_ANY = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: the flags that make namespaces."""
AF_UNIX = 1
IOCTLS = (
    0x5401,  # TCGETS
    0x802C542A,  # TCGETS2
    0x540F,  # TIOCGPGRP
    0x5413,  # TIOCGWINSZ
    0x541B,  # FIONREAD
    0x5421,  # FIONBIO
    0x5450,  # FIONCLEX
    0x5451,  # FIOCLEX
)
"""Harmless questions to a descriptor. Not TIOCSTI and TIOCLINUX, which type into a terminal (CVE-2017-5226)."""
PRCTLS = (
    1,  # PR_SET_PDEATHSIG
    2,  # PR_GET_PDEATHSIG
    3,  # PR_GET_DUMPABLE
    4,  # PR_SET_DUMPABLE
    15,  # PR_SET_NAME
    16,  # PR_GET_NAME
    21,  # PR_GET_SECCOMP
    23,  # PR_CAPBSET_READ
    29,  # PR_SET_TIMERSLACK
    30,  # PR_GET_TIMERSLACK
    36,  # PR_SET_CHILD_SUBREAPER
    37,  # PR_GET_CHILD_SUBREAPER
    38,  # PR_SET_NO_NEW_PRIVS
    39,  # PR_GET_NO_NEW_PRIVS
    41,  # PR_SET_THP_DISABLE
    42,  # PR_GET_THP_DISABLE
    0x53564D41,  # PR_SET_VMA: the C library names its heaps
)
"""Options of a process about itself. Not PR_SET_SECCOMP: the filter stays as it is."""
CHECKS: dict[str, Decision] = {
    "clone": Check(argument=0, forbidden_bits=CLONE_NEW_ANY),
    "clone3": Action.ENOSYS,  # its flags lie in memory, where a filter cannot look; the C library falls back on clone
    "socket": Check(argument=0, values=(AF_UNIX,)),
    "socketpair": Check(argument=0, values=(AF_UNIX,)),
    "ioctl": Check(argument=1, values=IOCTLS),
    "prctl": Check(argument=0, values=PRCTLS),
    "personality": Check(argument=0, values=(0, 0xFFFFFFFF)),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture that the tables know."""

    machine: str
    """As `uname -m` has it."""
    audit_arch: int
    column: int
    """Where its numbers stand in the tables."""
    foreign_from: int | None
    """The first number of a second ABI on the same architecture, which kills."""


ARCHITECTURES = {
    "x86_64": Architecture("x86_64", 0xC000003E, 0, foreign_from=0x40000000),  # x32
    "aarch64": Architecture("aarch64", 0xC00000B7, 1, foreign_from=None),
}


def decisions(architecture: Architecture) -> dict[int, Decision]:
    """What becomes of each system call number that is not simply refused."""
    result: dict[int, Decision] = {}
    for numbers in ALLOWED.values():
        number = numbers[architecture.column]
        if number is not None:
            result[number] = Action.ALLOW
    for name, numbers in CHECKED.items():
        number = numbers[architecture.column]
        if number is not None:
            result[number] = CHECKS[name]
    return result


@functools.cache
def compiled_filter(machine: str | None = None) -> bytes:
    """The filter for this machine's architecture (or the one named), ready for bubblewrap's `--seccomp`.

    Raises:
        ValueError: the architecture has no table.
    """
    name = machine or platform.machine()
    architecture = ARCHITECTURES.get(name)
    if architecture is None:
        raise ValueError(f"no seccomp table for {name}; there are tables for {', '.join(ARCHITECTURES)}")
    ranges = merge(decisions(architecture), otherwise=Action.EPERM, beyond=(NEWEST + 1, Action.ENOSYS))
    return compile_filter(architecture.audit_arch, ranges, architecture.foreign_from)
