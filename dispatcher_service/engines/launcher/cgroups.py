"""Control groups for calls: which ones this launcher may use, and one group for each call. The standard library only.

Whatever the host has is used, in any mixture: the unified hierarchy (version 2) with the controllers that are delegated
here; the same without any, since killing a group, its CPU time and being born into it need none; the hierarchies of
version 1 for what is left. A group of a call is a folder of the same name in each hierarchy in use. All lie below the
group that the launcher itself runs in, so that the bounds of a service or a container go on holding for the calls.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from dispatcher_service.engines.launcher.cgroup_hierarchy import Hierarchy, remove_leftovers
from dispatcher_service.engines.launcher.cgroup_mounts import find_homes

KEEP = 32
"""Groups that wait for the next call; more are removed when their call is over."""


@dataclass(frozen=True)
class GroupUsage:
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


@dataclass
class Group:
    """The group of one call. `begin` it, move the call's first process in, read `usage`, and give it back."""

    name: str
    owner: Cgroups
    fd: int | None = None
    """The folder in the unified hierarchy, for CLONE_INTO_CGROUP; None where there is none."""
    before: GroupUsage = field(default_factory=GroupUsage)

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
            if hierarchy.memory_peaks and not hierarchy.renews:
                hierarchy.write(f"{self.name}/memory.max_usage_in_bytes", b"0")
        self.before = self._counts(peaks=False)

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

    def usage(self) -> GroupUsage:
        """What was used since `begin`."""
        now, before = self._counts(peaks=True), self.before
        cpu = None if now.cpu is None or before.cpu is None else max(0.0, now.cpu - before.cpu)
        return GroupUsage(
            cpu,
            now.memory_peak,
            now.processes_peak,
            now.oom_kills - before.oom_kills,
            now.refusals - before.refusals,
        )

    def cpu_time(self) -> float | None:
        """Seconds since `begin`; None where that is not counted."""
        by = self.owner.cpu_by
        if by is None or self.before.cpu is None:
            return None
        return max(0.0, by.cpu_time(self.name) - self.before.cpu)

    def oom_kills(self) -> int:
        """How many processes were killed at the limit of memory since `begin`."""
        by = self.owner.memory_by
        return by.oom_kills(self.name) - self.before.oom_kills if by else 0

    def kill(self) -> None:
        """Kill every process in the group; never raises."""
        for hierarchy in self.owner.hierarchies:
            hierarchy.kill(self.name)
            if hierarchy.kills:
                return

    def give_back(self) -> None:
        """Let the next call have it; whatever is still in it is killed."""
        self.owner.take_back(self)

    def _counts(self, *, peaks: bool) -> GroupUsage:
        by = self.owner
        return GroupUsage(
            by.cpu_by.cpu_time(self.name) if by.cpu_by else None,
            by.memory_by.memory_peak(self.name) if peaks and by.memory_by and by.memory_by.memory_peaks else None,
            self._process_peak() if peaks and by.processes_by and by.processes_by.process_peaks else None,
            by.memory_by.oom_kills(self.name) if by.memory_by else 0,
            by.processes_by.refusals(self.name) if by.processes_by else 0,
        )

    def _process_peak(self) -> int | None:
        by = self.owner.processes_by
        return int(by.read(f"{self.name}/pids.peak")) if by else None


class Cgroups:
    """The control groups of one launcher."""

    def __init__(self, hierarchies: list[Hierarchy], lacking: dict[str, str]) -> None:
        self.hierarchies = hierarchies
        self.lacking = lacking
        """Why memory, processes or CPU time are not handled by groups, by that name."""
        self.memory_by = _first(hierarchies, "memory")
        self.processes_by = _first(hierarchies, "pids")
        self.cpu_by = next((one for one in hierarchies if one.cpu), None)
        self._idle: list[Group] = []
        self._dying: list[str] = []
        self._made = 0

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
            "cpu": self.cpu_by,
            "kill": next((one for one in self.hierarchies if one.kills), None),
        }
        return {name: f"cgroup v{2 if by.unified else 1}" for name, by in found.items() if by is not None}

    def take(self) -> Group:
        """Return a group without processes; `begin` says what it is for.

        Raises:
            OSError: none can be made.
        """
        if self._idle:
            group = self._idle.pop()
            self._open(group)
            return group
        group = Group(f"c{self._made}", self)
        self._made += 1
        made: list[Hierarchy] = []
        try:
            for hierarchy in self.hierarchies:
                hierarchy.make(group.name)
                made.append(hierarchy)
            self._open(group)
        except OSError:
            for hierarchy in made:
                hierarchy.remove(group.name)
            raise
        return group

    def take_back(self, group: Group) -> None:
        """See `Group.give_back`."""
        if group.fd is not None:
            os.close(group.fd)
            group.fd = None
        self._dying = [name for name in self._dying if not self._remove(name)]
        if len(self._idle) < KEEP and self._refresh(group):
            self._idle.append(group)
            return
        if not self._remove(group.name):
            self._dying.append(group.name)

    def close(self) -> None:
        """Remove all groups; what is still in them is killed."""
        self._idle.clear()
        for hierarchy in self.hierarchies:
            hierarchy.close()

    def clear_homes(self) -> None:
        """Remove what this launcher has left, for who stands by when it has ended without `close`."""
        for hierarchy in self.hierarchies:
            remove_leftovers(hierarchy.home)

    def _refresh(self, group: Group) -> bool:
        """Make a group fit for the next call; False where that does not work now."""
        try:
            for hierarchy in self.hierarchies:
                if hierarchy.processes(group.name):
                    return False
                if hierarchy.is_stale(group.name):
                    if not hierarchy.remove(group.name):
                        return False
                    hierarchy.make(group.name)
        except OSError:
            return False
        return True

    def _open(self, group: Group) -> None:
        unified = next((one for one in self.hierarchies if one.unified), None)
        if unified is not None:
            group.fd = os.open(group.name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=unified.fd)

    def _remove(self, name: str) -> bool:
        """Remove a group from every hierarchy, killing what is in it; False when it is not dead yet."""
        gone = True
        for hierarchy in self.hierarchies:
            gone = hierarchy.remove(name) and gone
        return gone


def _first(hierarchies: list[Hierarchy], controller: str) -> Hierarchy | None:
    return next((one for one in hierarchies if controller in one.controllers), None)
