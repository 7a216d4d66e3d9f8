"""What a call's processes use, read from /proc: for hosts without control groups. The standard library only.

Samples see what is there at the moment: what comes and goes between two of them is missed. They are a second line
behind the resource limits of each process, and the only one that looks at all processes of a call together.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import NamedTuple

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
MAX_PROCESSES = 4096
"""How many processes of one call are looked at in a sample."""
EXACT_SHARE = 0.05
"""How much of a processor exact looks at memory may take; they walk the pages of every process."""


class Process(NamedTuple):
    """One process at one moment."""

    pid: int
    started: int
    cpu: float
    """Seconds, its own."""
    reaped_cpu: float
    """Seconds of those of its children that it has waited for."""
    threads: int
    resident: int
    """Bytes in memory, what it shares with others included."""


class Sampler:
    """Follows one call's processes.

    Args:
        firsts: the first process, and others that are not below it: children of this one.
        own: how many processes at the top of the tree are Graft's, and do not count.
        proc: where procfs is mounted.
    """

    def __init__(self, firsts: Sequence[int], own: int = 0, proc: str = "/proc") -> None:
        self.firsts = firsts
        self.own = own
        self.proc = proc
        self.cpu = 0.0
        """Seconds of all processes, so far."""
        self.memory = 0
        """Bytes of all processes together, now."""
        self.memory_peak = 0
        self.processes_peak = 0
        self._seen: dict[tuple[int, int], float] = {}
        self._gone = 0.0
        self._exact_at = 0.0

    def look(self, memory_limit: int = 0) -> None:
        """Take a sample.

        Args:
            memory_limit: bytes; where they seem to be exceeded, what is shared is looked at and counted once.
        """
        found = [read_process(pid, self.proc) for pid in descendants(self.firsts, self.proc)]
        ours, theirs = found[: self.own], [process for process in found[self.own :] if process is not None]
        self._count_cpu([process for process in ours if process is not None], theirs)
        self.processes_peak = max(self.processes_peak, sum(process.threads for process in theirs))
        resident = sum(process.resident for process in theirs)
        if len(theirs) > 1 and (resident > self.memory_peak or resident > memory_limit > 0):
            exact = self._exact(theirs, resident)
            self.memory = min(self.memory, resident) if exact is None else exact
        else:
            self.memory = resident
        if resident > self.memory_peak:
            self.memory_peak = max(self.memory_peak, self.memory)

    def _count_cpu(self, ours: list[Process], theirs: list[Process]) -> None:
        now = {(process.pid, process.started): process.cpu for process in theirs}
        self._gone += sum(cpu for key, cpu in self._seen.items() if key not in now)
        self._seen = now
        live = sum(now.values())
        waited = sum(process.reaped_cpu for process in (*ours, *theirs))
        # Children that nobody waits for are missing in the one, short ones in the other.
        self.cpu = max(self.cpu, live + waited, live + self._gone)

    def _exact(self, processes: list[Process], resident: int) -> int | None:
        """The memory of processes with what they share counted once; None where that was looked at only just now."""
        now, began = time.monotonic(), time.thread_time()
        if now < self._exact_at:
            return None
        shares = [(process, proportional(process.pid, self.proc)) for process in processes]
        total = sum(process.resident if share is None else share for process, share in shares)
        self._exact_at = now + (time.thread_time() - began) / EXACT_SHARE
        return min(total, resident)


def descendants(firsts: Sequence[int], proc: str = "/proc") -> list[int]:
    """Processes and everything below them, from the top."""
    found = [*firsts]
    below = None if _lists_children(proc) else _children_of_all(proc)
    for pid in found:
        if len(found) >= MAX_PROCESSES:
            break
        found += _children(pid, proc) if below is None else below.get(pid, [])
    return found


def _lists_children(proc: str) -> bool:
    return os.path.exists(f"{proc}/thread-self/children")  # noqa: PTH110  (pathlib would double this small process)


def _children(pid: int, proc: str) -> list[int]:
    try:
        with os.scandir(f"{proc}/{pid}/task") as entries:
            tasks = [entry.name for entry in entries]
    except OSError:
        return []
    return [int(child) for task in tasks for child in _read(f"{proc}/{pid}/task/{task}/children").split()]


def _children_of_all(proc: str) -> dict[int, list[int]]:
    """The children of every process, where the kernel has no lists of them (CONFIG_PROC_CHILDREN)."""
    found: dict[int, list[int]] = {}
    with os.scandir(proc) as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        fields = _read(f"{proc}/{pid}/stat").rpartition(b")")[2].split()
        if len(fields) > 1:
            found.setdefault(int(fields[1]), []).append(pid)
    return found


def read_process(pid: int, proc: str = "/proc") -> Process | None:
    """Read what a process uses; None when it is gone."""
    fields = _read(f"{proc}/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 22:
        return None
    user, system, waited_user, waited_system = (int(field) for field in fields[11:15])
    return Process(
        pid,
        int(fields[19]),
        (user + system) / TICKS,
        (waited_user + waited_system) / TICKS,
        int(fields[17]) if fields[0] not in (b"Z", b"X") else 0,
        int(fields[21]) * PAGE,
    )


def proportional(pid: int, proc: str = "/proc") -> int | None:
    """Bytes of a process's memory, where what n processes share counts as an n-th; None where that may not be read."""
    try:
        fd = os.open(f"{proc}/{pid}/smaps_rollup", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return None
    except OSError:
        return 0  # it is gone
    try:
        lines = os.read(fd, 4096).splitlines()
    except OSError:
        return 0  # the same
    finally:
        os.close(fd)
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:")), 0)


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""
    finally:
        os.close(fd)
