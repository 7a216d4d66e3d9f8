"""Control groups for calls: which ones this launcher may use, and one group for each call. The standard library only.

Whatever the host has is used, in any mixture: the unified hierarchy (version 2) with the controllers that are delegated
here; the same without any, since killing a group, its CPU time and being born into it need none; the hierarchies of
version 1 for what is left. A group of a call is a folder of the same name in each hierarchy in use. All lie below the
group that the launcher itself runs in, so that the bounds of a service or a container go on holding for the calls.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dispatcher_service.engines.launcher.cgroup_hierarchy import (
    CPU_SECONDS,
    GROWING,
    MEMORY_HELD,
    MEMORY_PEAK,
    OOM_KILLS,
    PROCESSES_PEAK,
    REFUSALS,
    Counter,
    Hierarchy,
    remove_leftovers,
)
from dispatcher_service.engines.launcher.cgroup_mounts import find_homes

KEEP = 32
"""Groups that wait for the next call; more are removed when their call is over."""
ROOM = 64 << 20
"""Bytes of memory below which a limit is not set ahead: what only prepares a sandbox needs some."""


class GroupUsage(NamedTuple):
    """What the processes of a group have used since `Group.begin`."""

    cpu: float | None = None
    """Seconds; None where no hierarchy counts it."""
    memory_peak: int | None = None
    """Bytes at most at once; None where no hierarchy counts it."""
    processes_peak: int | None = None
    """Processes and threads at most at once; None where no hierarchy counts it."""
    oom_kills: int = 0
    """How many processes were killed because the group was at its limit of memory."""
    refusals: int = 0
    """How often a process or thread was refused because the group was at its limit."""


class Group:
    """The group of one call. `begin` it, move the call's first process in, read `usage`, and give it back."""

    def __init__(self, name: str, owner: Cgroups, stale: Sequence[int] = ()) -> None:
        self.name = name
        self.owner = owner
        self.stale = stale
        """See `Cgroups.renew`."""
        self.fd: int | None = None
        """The folder in the unified hierarchy, for CLONE_INTO_CGROUP; None without one, or before `open_folder`."""
        self._files: dict[str, int] = {}
        """What is read of it, by kind; kept open from call to call."""
        self._before: dict[str, float] = {}

    def open(self) -> None:
        """Get ready for a call, as a group that is renewed; most likely the call has the limits of the last one.

        Raises:
            OSError: somebody has removed the group, or a descriptor too many.
        """
        made = [self.owner.hierarchies[number] for number in self.stale]
        for hierarchy in made:
            hierarchy.forget(self.name)
        memory, processes = self.owner.usual
        if memory:
            for hierarchy in self.owner.hierarchies:
                hierarchy.bound(self.name, memory=memory, processes=processes)
        for kind, (hierarchy, counter) in self.owner.counters.items():
            if hierarchy in made and kind in self._files:
                os.close(self._files.pop(kind))
            if kind not in self._files:
                flags = os.O_RDWR if counter.resets else os.O_RDONLY
                self._files[kind] = os.open(f"{self.name}/{counter.file}", flags | os.O_CLOEXEC, dir_fd=hierarchy.fd)
            if counter.resets:
                os.pwrite(self._files[kind], b"0", 0)
            if kind in GROWING:
                self._before[kind] = self._count(kind)

    def open_folder(self) -> None:
        """Get ready for a process that is to be born in the group.

        Raises:
            OSError: as for `open`.
        """
        for hierarchy in self.owner.hierarchies:
            if hierarchy.unified:
                self.fd = os.open(self.name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=hierarchy.fd)

    def close(self) -> None:
        """Close what was opened."""
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def begin(self, memory: int, processes: int) -> None:
        """Set the limits and count from now on.

        Args:
            memory: bytes of all processes together.
            processes: processes and threads at once, those of the sandbox itself included.

        Raises:
            OSError: the kernel refuses, or somebody has removed the group.
        """
        for hierarchy in self.owner.hierarchies:
            hierarchy.bound(self.name, memory=memory, processes=processes)
        if memory >= ROOM:
            self.owner.usual = memory, processes
        if CPU_SECONDS in self._files:
            self._before[CPU_SECONDS] = self._count(CPU_SECONDS)

    def attach(self, *, born_in: bool = False) -> None:
        """Move this process in; called in the child, before it closes the descriptors that it has inherited.

        Args:
            born_in: it was cloned into `fd`, so that only the other hierarchies are left.

        Raises:
            OSError: it could not be moved; it must not run then.
        """
        for hierarchy in self.owner.hierarchies:
            if not (born_in and hierarchy.unified):
                hierarchy.attach(self.name)

    def doors(self) -> tuple[bool, list[int]]:
        """What another process needs to let one in: descriptors, which the caller closes.

        Returns:
            Whether the first of them is the folder of version 2, to be born in; the others are files to write `0` to.

        Raises:
            OSError: somebody has removed the group, or a descriptor too many.
        """
        opened: list[int] = []
        hierarchies = sorted(self.owner.hierarchies, key=lambda one: not one.unified)
        try:
            for one in hierarchies:
                place, flags = (
                    (self.name, os.O_DIRECTORY) if one.unified else (f"{self.name}/cgroup.procs", os.O_WRONLY)
                )
                opened.append(os.open(place, flags | os.O_CLOEXEC, dir_fd=one.fd))
        except OSError:
            for fd in opened:
                os.close(fd)
            raise
        return any(one.unified for one in hierarchies), opened

    def processes(self) -> list[int]:
        """The processes in it; empty where that cannot be told."""
        try:
            return self.owner.hierarchies[0].processes(self.name)
        except OSError:
            return []

    def usage(self) -> GroupUsage:
        """What was used since `begin`.

        Raises:
            OSError: somebody has removed the group.
        """
        peak, processes = (self._count(kind) if kind in self._files else None for kind in (MEMORY_PEAK, PROCESSES_PEAK))
        return GroupUsage(
            self.cpu_time(),
            None if peak is None else int(peak),
            None if processes is None else int(processes),
            self.oom_kills(),
            int(self._since(REFUSALS) or 0),
        )

    def cpu_time(self) -> float | None:
        """Seconds since `begin`; None where that is not counted."""
        return self._since(CPU_SECONDS)

    def oom_kills(self) -> int:
        """How many processes were killed at the limit of memory."""
        return int(self._since(OOM_KILLS) or 0)

    def kill(self) -> None:
        """Kill every process in the group; never raises."""
        for hierarchy in self.owner.hierarchies:
            hierarchy.kill(self.name)
            if hierarchy.kills:
                return

    def give_back(self, *, empty: bool = False) -> None:
        """Let the next call have it; whatever is still in it is killed.

        Args:
            empty: it is known that nothing is.
        """
        self.owner.take_back(self, empty=empty)

    def is_stale(self) -> Iterator[int]:
        """Numbers of the hierarchies in which something of its last call would be taken for the next one's.

        Raises:
            OSError: somebody has removed it.
        """
        held = self._count(MEMORY_HELD) if MEMORY_HELD in self._files else 0.0
        for number, hierarchy in enumerate(self.owner.hierarchies):
            if hierarchy.is_stale(self.name, int(held)):
                yield number

    def _count(self, kind: str) -> float:
        return self.owner.counters[kind][1].read(self._files[kind])

    def _since(self, kind: str) -> float | None:
        return max(0.0, self._count(kind) - self._before[kind]) if kind in self._files else None


class Cgroups:
    """The control groups of one launcher."""

    def __init__(self, hierarchies: list[Hierarchy], lacking: dict[str, str]) -> None:
        self.hierarchies = hierarchies
        self.lacking = lacking
        """Why memory, processes or CPU time are not handled by groups, by that name."""
        self.memory_by = _first(hierarchies, "memory")
        self.processes_by = _first(hierarchies, "pids")
        self.counters: dict[str, tuple[Hierarchy, Counter]] = {}
        for hierarchy in hierarchies:
            for kind, counter in hierarchy.counters().items():
                self.counters.setdefault(kind, (hierarchy, counter))
        self.usual = (0, 0)
        """Bytes of memory, and processes, that the last call might have; 0 for no limit."""
        self._idle: list[Group] = []
        self._dying: list[str] = []
        self._made = 0

    @property
    def counts_cpu(self) -> bool:
        """Whether processor time is counted."""
        return CPU_SECONDS in self.counters

    @property
    def kills_all_for_memory(self) -> bool:
        """Whether the kernel kills the whole group when it is over its limit of memory, and not just one process."""
        return self.memory_by is not None and self.memory_by.unified

    @classmethod
    def open(cls, proc: str = "/proc") -> Cgroups:
        """Find out which groups this process may use, and remove what dead launchers have left there.

        Moves no process, except that in a delegated group of version 2 those that live in it move into a leaf of their
        own, which the kernel asks for.
        """
        homes, lacking = find_homes(proc)
        hierarchies: list[Hierarchy] = []
        for home in homes:
            remove_leftovers(home.path)
            try:
                hierarchies.append(Hierarchy(home))
            except OSError as error:
                for controller in home.controllers or ("unified",):
                    lacking[controller] = f"{home.path}: {error.strerror or error}"
        if any(one.unified for one in hierarchies):
            # CPU time is counted there already.
            for one in [one for one in hierarchies if one.controllers == {"cpuacct"}]:
                one.close()
                hierarchies.remove(one)
        return cls(hierarchies, lacking)

    def description(self) -> dict[str, str]:
        """What is handled by which version: `memory`, `processes`, `cpu`, `kill`; what is not has no entry."""
        found = {
            "memory": self.memory_by,
            "processes": self.processes_by,
            "cpu": self.counters[CPU_SECONDS][0] if CPU_SECONDS in self.counters else None,
            "kill": next((one for one in self.hierarchies if one.kills), None),
        }
        return {name: f"cgroup v{2 if by.unified else 1}" for name, by in found.items() if by is not None}

    def take(self) -> Group:
        """Return a group without processes; `begin` says what it is for.

        Raises:
            OSError: none can be made.
        """
        group = self.reserve()
        try:
            self.renew(group.name, group.stale)
            group.open()
        except OSError:
            self.take_back(group, empty=False)
            raise
        return group

    def reserve(self) -> Group:
        """Return a group that is still to be renewed, by whoever has the time for it, and then opened."""
        if self._idle:
            return self._idle.pop()
        self._made += 1
        return Group(f"c{self._made - 1}", self, range(len(self.hierarchies)))

    def renew(self, name: str, stale: Sequence[int]) -> None:
        """Make a group fit for the next call; making and removing them may wait for all other groups of the host.

        Args:
            name: the group's.
            stale: numbers of the hierarchies in which something of another call is left, or nothing is yet.

        Raises:
            OSError: it cannot be made.
        """
        for number in stale:
            self.hierarchies[number].renew(name)

    @contextlib.contextmanager
    def entrance(self, name: str) -> Iterator[Group]:
        """A group as a process needs it that is to move in, or to be born in.

        Raises:
            OSError: somebody has removed it, or a descriptor too many.
        """
        group = Group(name, self)
        try:
            group.open_folder()
            yield group
        finally:
            group.close()

    def take_back(self, group: Group, *, empty: bool) -> None:
        """See `Group.give_back`."""
        if self._dying:
            self._dying = [name for name in self._dying if not self._remove(name)]
        if len(self._idle) < KEEP:
            try:
                if empty or not any(hierarchy.processes(group.name) for hierarchy in self.hierarchies):
                    group.stale = tuple(group.is_stale())
                    self._idle.append(group)
                    return
            except OSError:
                pass  # somebody has removed it
        group.close()
        if not self._remove(group.name):
            self._dying.append(group.name)

    def rest(self) -> None:
        """Close what is kept open of groups that wait for a call."""
        for group in self._idle:
            group.close()

    def close(self) -> None:
        """Remove all groups; what is still in them is killed."""
        self.rest()
        self._idle.clear()
        for hierarchy in self.hierarchies:
            hierarchy.close()

    def clear_homes(self) -> None:
        """Remove what this launcher has left, for who stands by when it has ended without `close`."""
        for hierarchy in self.hierarchies:
            remove_leftovers(hierarchy.home)

    def _remove(self, name: str) -> bool:
        """Remove a group from every hierarchy, killing what is in it; False when it is not dead yet."""
        gone = True
        for hierarchy in self.hierarchies:
            gone = hierarchy.remove(name) and gone
        return gone


def _first(hierarchies: list[Hierarchy], controller: str) -> Hierarchy | None:
    return next((one for one in hierarchies if controller in one.controllers), None)
