"""What one does to other processes, by their number: trace, read, signal, slow them down."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys

from .table import PLAIN, ROOT, Absent, Bait, Held, attack, errors, reaches, syscall

TARGETS = ("victim", "dispatcher", "launcher")
PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_DETACH = 0, 16, 0x4206, 17
YAMA = "/proc/sys/kernel/yama/ptrace_scope"
CAP_SYS_RESOURCE = 24


def may_trace(bait: Bait) -> None:
    """Whether this machine lets one trace what is one's own."""
    if not bait["inside"] and os.path.exists(YAMA) and os.geteuid() != 0:
        with open(YAMA) as file:
            if file.read().strip() != "0":
                raise Absent("Yama keeps ordinary users from tracing here")


def powers() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("CapEff"))


def _signals(target: str) -> None:
    def direct(pid: int) -> None:
        os.kill(pid, 0)

    def thread(pid: int) -> None:
        syscall("tgkill", pid, pid, 0)

    def queued(pid: int) -> None:
        # A signal of the real-time kind would kill; number 0 only asks whether one may.
        syscall("rt_sigqueueinfo", pid, 0, ctypes.create_string_buffer(struct.pack("iii", 0, 0, -1), 128))

    def by_descriptor(pid: int) -> None:
        syscall("pidfd_send_signal", os.pidfd_open(pid), 0, None, 0)

    def group(pid: int) -> None:
        os.killpg(os.getpgid(pid), 0)

    for way in (direct, thread, queued, by_descriptor, group):

        @attack(PLAIN, f"signals the {target}, {way.__name__.replace('_', ' ')}")
        def run(bait: Bait, way: object = way) -> str:
            way(bait[target])  # type: ignore[operator]  (one of the five)
            return f"may signal {bait[target]}"


def _governs(target: str) -> None:
    @attack(PLAIN, f"slows down the {target}")
    def nice(bait: Bait) -> str:
        pid = bait[target]
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))
        return f"may set the priority of {pid}"

    @attack(PLAIN, f"moves the {target} to another processor")
    def affinity(bait: Bait) -> str:
        pid = bait[target]
        os.sched_setaffinity(pid, os.sched_getaffinity(pid))
        return f"may set the processors of {pid}"

    @attack(PLAIN, f"sets the limits of the {target}")
    def limits(bait: Bait) -> str:
        pid = bait[target]
        resource.prlimit(pid, resource.RLIMIT_CORE, resource.prlimit(pid, resource.RLIMIT_CORE))
        return f"may set the limits of {pid}"

    @attack(PLAIN, f"reads the memory of the {target} by a call")
    def memory(bait: Bait) -> str:
        may_trace(bait)
        here = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
        there = (ctypes.c_size_t * 2)(4096, 8)
        return reaches("process_vm_readv", bait[target], here, 1, there, 1, 0, beyond=errors("EFAULT"))

    @attack(PLAIN, f"compares itself with the {target}")
    def compare(bait: Bait) -> str:
        may_trace(bait)
        return f"kcmp: {syscall('kcmp', os.getpid(), bait[target], 1, 0, 0)}"


for _target in TARGETS:
    _signals(_target)
    _governs(_target)


@attack(PLAIN)
def writes_the_memory_of_the_victim_by_a_call(bait: Bait) -> str:
    may_trace(bait)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
    there = (ctypes.c_size_t * 2)(4096, 8)
    return reaches("process_vm_writev", bait["victim"], here, 1, there, 1, 0, beyond=errors("EFAULT"))


@attack(PLAIN)
def takes_a_descriptor_of_the_victim(bait: Bait) -> str | None:
    may_trace(bait)
    taken = syscall("pidfd_getfd", os.pidfd_open(bait["victim"]), 0, 0)
    return "its file is read" if bait["mark"].encode() in os.pread(taken, 1000, 0) else None


@attack(PLAIN)
def traces_the_victim(bait: Bait) -> str:
    may_trace(bait)
    syscall("ptrace", PTRACE_SEIZE, bait["victim"], 0, 0)
    return "attached"


@attack(PLAIN)
def traces_its_own_child(_bait: Bait) -> str:
    """No harm by itself; the wall is that nothing of ptrace is there at all."""
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        syscall("ptrace", PTRACE_SEIZE, child, 0, 0)
        return "attached to its child"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


@attack(PLAIN)
def asks_to_be_traced(_bait: Bait) -> str:
    syscall("ptrace", PTRACE_TRACEME, 0, 0, 0)
    return "TRACEME"


@attack(ROOT)
def raises_its_priority(_bait: Bait) -> str:
    now = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, now - 5)
    return f"from {now} to {os.getpriority(os.PRIO_PROCESS, 0)}"


@attack(ROOT)
def becomes_a_real_time_process(_bait: Bait) -> str:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return "SCHED_RR"


@attack(ROOT)
def gets_the_disk_first(_bait: Bait) -> str:
    real_time_class = 1
    syscall("ioprio_set", 1, 0, real_time_class << 13)
    return "real-time class of the disk"


@attack(ROOT)
def raises_its_limits(bait: Bait) -> str | None:
    if not bait["inside"] and not powers() >> CAP_SYS_RESOURCE & 1:
        raise Absent("root lacks CAP_SYS_RESOURCE on this machine")
    raised = []
    for name in ("NOFILE", "AS", "NPROC", "CORE", "CPU", "FSIZE", "MEMLOCK", "MSGQUEUE", "STACK"):
        number = getattr(resource, f"RLIMIT_{name}")
        _soft, hard = resource.getrlimit(number)
        if hard == resource.RLIM_INFINITY:
            raised += [f"{name} is unlimited"] if bait["inside"] and name not in bait["unlimited"] else []
            continue
        try:
            resource.setrlimit(number, (hard, hard * 2 + 1))
            raised.append(name)
        except (OSError, ValueError):
            continue
    return ", ".join(raised) or None


@attack(PLAIN)
def dumps_core(bait: Bait) -> str | None:
    """Also where core_pattern is a pipe to a program of root's, which the machine's setting is only read for."""
    if not bait["inside"]:
        os.chdir(bait["drop"])
    child = os.fork()
    if child == 0:
        try:
            hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        except OSError:
            pass
        os.abort()
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status):
        raise Held(f"it did not die of its signal: {status}")
    if not bait["inside"] and resource.getrlimit(resource.RLIMIT_CORE)[1] <= 1:
        raise Absent("cores are limited to nothing on this machine already")
    return "a core was written" if os.WCOREDUMP(status) else None


if sys.maxsize < 1 << 32:
    raise SystemExit("these attacks are written for 64-bit machines")
