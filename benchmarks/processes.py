"""What processes use, as the kernel counts it: processor time by part, and memory.

The time of a process that has ended is its parent's, once that has waited for it; so what short-lived processes used is
what a tree has used less what its lasting members used themselves.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
LAUNCHER = "launcher"
SHORT_LIVED = "sandboxes and executables"
GRAFT = (LAUNCHER, LAUNCHER, "makers")
"""What processes are below one of Graft's, by their depth: the launcher and its warden; then those that make sandboxes
and that warm interpreters are in. What is deeper has been called."""


@dataclass(frozen=True)
class Process:
    """A process at some moment: seconds of processor time, its own and of its children that have been waited for."""

    pid: int
    parent: int
    own: float
    reaped: float


def parse_stat(text: str) -> Process:
    """Read the text of `/proc/PID/stat`; a name may hold blanks and brackets."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    utime, stime, cutime, cstime = (int(field) / TICK for field in fields[11:15])
    return Process(int(pid), int(fields[1]), utime + stime, cutime + cstime)


def tree(roots: Mapping[str, int]) -> dict[int, Process]:
    """Return the processes of these roots and all below them, as they are now."""
    everything = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                process = parse_stat((entry / "stat").read_text(errors="replace"))
                everything[process.pid] = process
    found = {pid: everything[pid] for pid in roots.values() if pid in everything}
    size = 0
    while size < len(found):
        size = len(found)
        found |= {pid: process for pid, process in everything.items() if process.parent in found}
    return found


def used(
    roots: Mapping[str, int], below: Sequence[str], before: Mapping[int, Process], after: Mapping[int, Process]
) -> dict[str, float]:
    """Return the seconds of processor time that each part has used between two looks at the trees.

    Parts are the roots by their names; lasting processes below them by what `below` says of their depth, or by their
    root's name where it says nothing at all; and `SHORT_LIVED`, which is everything that came or went meanwhile.
    """
    names = {pid: name for name, pid in roots.items()}
    parts: dict[str, float] = {}
    for pid in sorted(before.keys() & after.keys()):
        name = part_of(pid, names, below, after)
        parts[name] = parts.get(name, 0.0) + after[pid].own - before[pid].own
    total = sum(one.own + one.reaped for one in after.values()) - sum(one.own + one.reaped for one in before.values())
    parts[SHORT_LIVED] = parts.get(SHORT_LIVED, 0.0) + max(0.0, total - sum(parts.values()))
    return parts


def part_of(pid: int, names: Mapping[int, str], below: Sequence[str], processes: Mapping[int, Process]) -> str:
    """The part that a lasting process belongs to."""
    depth, root = 0, pid
    while root not in names:
        depth, root = depth + 1, processes[root].parent
    if depth == 0 or not below:
        return names[root]
    return below[depth - 1] if depth <= len(below) else SHORT_LIVED


def memory(roots: Mapping[str, int]) -> dict[str, int]:
    """Return bytes of memory of Graft's processes by part, what they share being shared out among them.

    Pages of programs and libraries are not counted: how much of these is a process's own share depends on who else on
    the machine has them mapped.
    """
    names = {pid: name for name, pid in roots.items()}
    found: dict[str, int] = {}
    processes = tree(roots)
    for pid in processes:
        name = part_of(pid, names, GRAFT, processes)
        with contextlib.suppress(OSError):
            found[name] = found.get(name, 0) + parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return found


def parse_pss(text: str) -> int:
    """Read `/proc/PID/smaps_rollup`; nothing where the process has no memory of its own any more."""
    lines = (line.split() for line in text.splitlines())
    return sum(int(words[1]) * 1024 for words in lines if words[0] in {"Pss_Anon:", "Pss_Shmem:"})
