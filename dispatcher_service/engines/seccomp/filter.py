"""Which system calls a call may make, and the compiled filter that holds it to them.

An allow-list: what is not named is refused. What a sandboxed program must never have (mounting, namespaces, tracing,
BPF, io_uring, keyrings, kernel modules, clocks) is left out of the tables, and so is what no limit bounds although it
costs the host or the user that calls share (System V IPC, memory files, pages lent to pipes, pipes of another size,
inotify, leases, sync of all file systems) and what asks for more of the processor than others get.
"""

from __future__ import annotations

import enum
import functools
import platform
from dataclasses import dataclass

from dispatcher_service.engines.base import Network
from dispatcher_service.engines.seccomp.assembler import Action, Check, Condition, Decision, compile_filter, merge
from dispatcher_service.engines.seccomp.syscalls import ALLOWED, CHECKED, NEWEST


class Shares(enum.Enum):
    """What a call has in common with the dispatcher and with other calls: the more, the more a filter must refuse."""

    NOTHING = "nothing"
    """Namespaces are its own: it can name no process, socket or file but those it is to see."""
    NETWORK = "the host's network"
    """The same, but where it is to be online: then the host's network is its own, with the unix sockets named there."""
    HOST = "the host"
    """No namespaces: what has a name on the host can be named and watched, and if the user owns it, changed."""


CLONE_NEW_ANY = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: the flags that make namespaces."""
CLONE_PARENT = 0x8000
"""A child that is not one's own but one's parent's."""
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
STREAM, DGRAM, SEQPACKET = ((kind, kind | 0x800, kind | 0x80000, kind | 0x80800) for kind in (1, 2, 5))
"""Kinds of sockets, each with and without SOCK_NONBLOCK and SOCK_CLOEXEC."""
TRANSPORTS = (0, 6, 17)
"""The default one of a kind of socket, TCP, UDP. Not ICMP, SCTP, DCCP, whose code few programs need."""
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
FCNTLS = (
    *range(10),  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN
    36,  # F_OFD_GETLK
    37,  # F_OFD_SETLK
    38,  # F_OFD_SETLKW
    1025,  # F_GETLEASE
    1027,  # F_DUPFD_QUERY
    1028,  # F_CREATED_QUERY
    1030,  # F_DUPFD_CLOEXEC
    1032,  # F_GETPIPE_SZ
    1033,  # F_ADD_SEALS
    1034,  # F_GET_SEALS
)
"""Not F_SETPIPE_SZ, whose pages are counted for the whole user; not F_SETLEASE, which makes others wait who open the
file; not F_NOTIFY, which watches a folder."""
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
SCHED_POLICIES = tuple(policy | reset for policy in (0, 3, 5) for reset in (0, 0x40000000))
"""SCHED_OTHER, SCHED_BATCH and SCHED_IDLE, each with and without SCHED_RESET_ON_FORK."""
SPECIAL_BITS = 0o6000
"""Set-user-id and set-group-id. On a file that a call makes in a folder of the host, which it has been granted, they
would lend its user, as an ordinary user the dispatcher's own, to whoever on the host runs that file."""
CREATES = 0o100 | 0o20000000
"""O_CREAT and the bit that only O_TMPFILE has: with neither, nobody looks at the mode."""


def _if(*conditions: Condition) -> Check:
    return Check((conditions,))


def _opening(flags: int) -> Check:
    """Allow to open what is there, and to make what has no special bit; the mode comes behind the flags."""
    return Check(((Condition(flags, forbidden_bits=CREATES),), (Condition(flags + 1, forbidden_bits=SPECIAL_BITS),)))


_ITSELF = Condition(0, (0,))
"""The process named is the caller. Not by its number: a filter cannot know that one."""
_UNIX = Condition(0, (AF_UNIX,))
_INTERNET = (
    Condition(0, (AF_INET, AF_INET6)),
    Condition(1, (*STREAM, *DGRAM)),
    Condition(2, TRANSPORTS),
)
CHECKS: dict[str, Decision] = {
    **{name: _if(Condition(1, forbidden_bits=SPECIAL_BITS)) for name in ("chmod", "fchmod", "creat", "mkdir", "mknod")},
    **{
        name: _if(Condition(2, forbidden_bits=SPECIAL_BITS)) for name in ("fchmodat", "fchmodat2", "mkdirat", "mknodat")
    },
    "open": _opening(flags=1),
    "openat": _opening(flags=2),
    "openat2": Action.ENOSYS,  # flags and mode lie in memory; who asks, falls back on openat
    "clone": _if(Condition(0, forbidden_bits=CLONE_NEW_ANY | CLONE_PARENT)),
    "clone3": Action.ENOSYS,  # its flags lie in memory, where a filter cannot look; the C library falls back on clone
    "fcntl": _if(Condition(1, FCNTLS)),
    "ioctl": _if(Condition(1, IOCTLS)),
    "memfd_create": Action.ENOSYS,  # no limit but a control group's counts what is written to it; who asks, falls back
    "personality": _if(Condition(0, (0, 0xFFFFFFFF))),
    "prctl": _if(Condition(0, PRCTLS)),
    "prlimit64": _if(_ITSELF),
    "sched_setparam": _if(_ITSELF),
    "sched_setscheduler": _if(_ITSELF, Condition(1, SCHED_POLICIES)),
    "setpriority": _if(Condition(0, (0,)), Condition(1, (0,))),  # PRIO_PROCESS, itself
    "socket": _if(_UNIX),
    "socketpair": _if(_UNIX),
}
ONLINE: dict[str, Decision] = {"socket": Check(((_UNIX,), _INTERNET))}
"""In place of these where a network is granted. Not AF_NETLINK: the C library's resolver does without."""
ON_THE_HOST: dict[str, Decision] = {
    # A unix socket with a path is no matter for Landlock: whoever may write to it is let in, as to the system's bus.
    **dict.fromkeys(("socket", "connect", "bind", "listen", "accept", "accept4"), Action.EPERM),
    # Not SOCK_DGRAM, which can be connected to somebody else later.
    "socketpair": _if(_UNIX, Condition(1, (*STREAM, *SEQPACKET))),
    "pidfd_open": Action.EPERM,  # tells when any process ends, whosesoever it is
    # Landlock does not decide about these: the dispatcher's files could be changed, or what other calls have made.
    **dict.fromkeys(
        (
            *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
            *("setxattr", "fsetxattr", "lsetxattr", "removexattr", "fremovexattr", "lremovexattr"),
            *("utime", "utimes", "futimesat", "utimensat"),
        ),
        Action.EPERM,
    ),
}
"""In place of these where calls are in no namespaces…"""
ONLINE_ON_THE_HOST: dict[str, Decision] = {
    **dict.fromkeys(("connect", "bind", "listen", "accept", "accept4"), Action.ALLOW),
    "socket": _if(*_INTERNET),
}
"""…and a network is granted."""


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


def rules(network: Network = Network.NONE, shares: Shares = Shares.NOTHING) -> dict[str, Decision]:
    """What becomes of each system call, by its name, that is not simply refused."""
    made: dict[str, Decision] = {**dict.fromkeys(ALLOWED, Action.ALLOW), **CHECKS}
    online = network is not Network.NONE
    if shares is Shares.NOTHING or (shares is Shares.NETWORK and network is not Network.OUTBOUND):
        return made | ONLINE if online else made
    if shares is Shares.NETWORK:
        return made | {"socket": ONLINE_ON_THE_HOST["socket"], "socketpair": ON_THE_HOST["socketpair"]}
    made |= ON_THE_HOST
    if online:
        made |= ONLINE_ON_THE_HOST
    return made


def decisions(
    architecture: Architecture, network: Network = Network.NONE, shares: Shares = Shares.NOTHING
) -> dict[int, Decision]:
    """What becomes of each system call number that is not simply refused."""
    result: dict[int, Decision] = {}
    for name, decision in rules(network, shares).items():
        number = (ALLOWED.get(name) or CHECKED[name])[architecture.column]
        if number is not None:
            result[number] = decision
    return result


@functools.cache
def compiled_filter(
    machine: str | None = None, network: Network = Network.NONE, shares: Shares = Shares.NOTHING
) -> bytes:
    """The filter, as bubblewrap's `--seccomp` and the kernel read it.

    Args:
        machine: the architecture, by the name that `uname -m` gives it; None for this machine's.
        network: what the call reaches of the network.
        shares: what no other wall keeps from the call.

    Raises:
        ValueError: the architecture has no table.
    """
    name = machine or platform.machine()
    architecture = ARCHITECTURES.get(name)
    if architecture is None:
        raise ValueError(f"no seccomp table for {name}; there are tables for {', '.join(ARCHITECTURES)}")
    table = decisions(architecture, network, shares)
    ranges = merge(table, otherwise=Action.EPERM, beyond=(NEWEST + 1, Action.ENOSYS))
    return compile_filter(architecture.audit_arch, ranges, architecture.foreign_from)
