"""What each call may use and has used: one meter a call, whatever this host counts with. The standard library only.

A control group counts exactly and bounds by itself; where there is none for something, samples of /proc are taken while
a call lives (`sampling.py`). Only the limit of CPU time always needs somebody who looks; and where the kernel kills one
process of a call for its memory (version 1 of control groups), somebody has to end the rest.
"""

from __future__ import annotations

import heapq
import os
import resource
import time
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher.cgroups import Cgroups, Group
from dispatcher_service.engines.launcher.sampling import Sampler

CPU, MEMORY = "cpu", "memory"
"""The limits that a meter finds exceeded."""
SAMPLE_SECONDS = 0.02
"""Between two samples of a call; the first is taken when the call is this old."""
SAMPLE_SHARE = 0.1
"""How much of a processor samples may take; beyond that they become rarer. Time in which others run does not count: a
call goes on using a busy host meanwhile."""
OOM_SECONDS = 0.1
"""Between two looks whether the kernel has killed a process for the group's memory, where it does not kill them all."""
LATER = 16
"""How many processes more than the group a user may have; what Graft itself needs is among them."""
CPU_SECONDS = 0.01
"""The shortest time between two looks at CPU time."""


class Bounds(NamedTuple):
    """What is metered of one call; 0 is no limit."""

    memory: int = 0
    """Bytes of all processes together."""
    cpu: float = 0.0
    """Seconds of all processes together."""
    processes: int = 0
    """Processes and threads at once."""
    sampled: bool = False
    """Whether to look at the processes besides, because they may leave their group: container runtimes move them."""

    @classmethod
    def of(cls, request: dict[str, Any]) -> Bounds:
        """Read them from the dispatcher's message."""
        bounds = request.get("bounds") or {}
        return cls(
            bounds.get("memory", 0), bounds.get("cpu", 0.0), bounds.get("processes", 0), bool(bounds.get("sampled"))
        )


class Meter:
    """Counts what one call uses."""

    def __init__(self, call: int, bounds: Bounds, group: Group | None, own: int) -> None:
        self.call = call
        """The number of the call."""
        self.bounds = bounds
        self.group = group
        self.own = own
        """How many processes of the call are Graft's or bubblewrap's, and do not count."""
        self.sampler: Sampler | None = None
        self.exceeded = ""
        """`cpu` or `memory`, once that limit is exceeded."""
        self.over = False
        """Whether the call has ended."""

    @property
    def bounds_memory(self) -> bool:
        """Whether the kernel holds all processes together to the limit."""
        return self.group is not None and self.group.owner.memory_by is not None and self.bounds.memory > 0

    @property
    def bounds_processes(self) -> bool:
        """Whether the kernel refuses processes beyond the limit, in the whole call."""
        return self.group is not None and self.group.owner.processes_by is not None and self.bounds.processes > 0

    def kill(self) -> None:
        """Kill whatever is in the call's group."""
        if self.group is not None:
            self.group.kill()


class Metering:
    """The meters of a launcher's calls."""

    def __init__(self, cgroups: Cgroups | None) -> None:
        self.cgroups = cgroups
        self.processors = len(os.sched_getaffinity(0))
        self._due: list[tuple[float, int, Meter]] = []
        self._count = 0

    def take(self, request: dict[str, Any], own: int) -> Meter:
        """Make a meter for a call that is about to start.

        Address space is not limited where a control group holds memory: programs reserve far more of it than they use.
        Where one refuses processes, the limit of each user's comes later, since only the group counts refusals.

        Args:
            request: the dispatcher's message, in which those limits are changed.
            own: see `Meter.own`.

        Raises:
            OSError: the control groups that this launcher uses do not work any more.
        """
        if self.cgroups is None or not Bounds.of(request).memory:
            return Meter(request["id"], Bounds.of(request), None, own)
        meter = Meter(0, Bounds(), self.cgroups.take(), own)
        try:
            self.bind(meter, request)
        except OSError:
            self.drop(meter)
            raise
        return meter

    def blank(self, own: int) -> Meter:
        """Make a meter for a sandbox that is to wait for its call.

        Its group is to be renewed and opened; `bind` it when the call comes.
        """
        return Meter(0, Bounds(), self.cgroups.reserve() if self.cgroups is not None else None, own)

    def bind(self, meter: Meter, request: dict[str, Any]) -> None:
        """Have a meter count for a call, from now on; see `take`.

        Raises:
            OSError: as for `take`.
        """
        bounds = meter.bounds = Bounds.of(request)
        meter.call = request["id"]
        if meter.group is not None:
            meter.group.begin(bounds.memory, bounds.processes + meter.own if bounds.processes else 0)
        if meter.bounds_memory:
            request["rlimits"] = [limit for limit in request["rlimits"] if limit[0] != resource.RLIMIT_AS]
        if meter.bounds_processes and request["processes"]:
            request["processes"] += LATER

    def drop(self, meter: Meter, *, empty: bool = False) -> None:
        """Give a meter's group to the next call; everything of its own call is dead.

        Args:
            meter: the call's.
            empty: it is known that nothing is left in the group.
        """
        meter.over = True
        if meter.group is not None:
            meter.group.give_back(empty=empty)
            meter.group = None

    def start(self, meter: Meter, first: int, script: int = 0) -> None:
        """Begin to look at a call, whose first process has started.

        Args:
            meter: the call's.
            first: the first process.
            script: another one that belongs to it without being below that; 0 for none.
        """
        groups = meter.group.owner if meter.group else None
        counted = groups is not None and groups.memory_by is not None and groups.counts_cpu
        if (not counted or meter.bounds.sampled) and meter.bounds.memory:
            meter.sampler = Sampler([first, script] if script else [first], meter.own)
        now = time.monotonic()
        wait = self._wait(meter, 0.0)
        if wait is not None:
            self._push(meter, now + wait)

    def due(self) -> float | None:
        """When `look` wants to be called next, by the monotonic clock; None for never."""
        while self._due and self._due[0][2].over:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def look(self) -> list[Meter]:
        """Look once at each call whose time has come; returns those that are over a limit and have to be killed."""
        found = []
        now = time.monotonic()
        while (at := self.due()) is not None and at <= now:
            meter = heapq.heappop(self._due)[2]
            began = time.thread_time()
            used = self._look(meter)
            if meter.exceeded:
                found.append(meter)
                continue
            took = time.thread_time() - began
            wait = self._wait(meter, used)
            if wait is not None:
                self._push(meter, time.monotonic() + max(wait, took / SAMPLE_SHARE))
        return found

    def end(self, meter: Meter, cpu: float, maxrss: int) -> dict[str, Any]:
        """Sum up a call of which everything is dead.

        Args:
            meter: the call's.
            cpu: seconds, as its processes' parents were told.
            maxrss: bytes of the largest of its processes.

        Returns:
            For the end message: `cpu`, `memory` and `processes` (at most at once), `refused`; `Meter.exceeded` tells
            whether the kernel has found its memory exceeded.
        """
        meter.over = True
        peak, processes, refused = maxrss, 0, False
        if meter.sampler is not None:
            cpu = max(cpu, meter.sampler.cpu)
            peak = max(peak, meter.sampler.memory_peak)
            processes = meter.sampler.processes_peak
            refused = 0 < meter.bounds.processes <= processes and not meter.bounds_processes
        if meter.group is not None:
            try:
                used = meter.group.usage()
                cpu = cpu if used.cpu is None else max(used.cpu, cpu if meter.bounds.sampled else 0.0)
                peak = peak if used.memory_peak is None else used.memory_peak
                processes = processes if used.processes_peak is None else max(used.processes_peak - meter.own, 0)
                refused = refused or used.refusals > 0
                if used.oom_kills and not meter.exceeded:
                    meter.exceeded = MEMORY
            except OSError:
                pass  # somebody has removed the group; what is known otherwise has to do
        return {"cpu": cpu, "memory": peak, "processes": processes, "refused": refused}

    def _look(self, meter: Meter) -> float:
        """Look at one call; returns its CPU time."""
        used = 0.0
        if meter.group is not None:
            try:
                used = (meter.group.cpu_time() or 0.0) if meter.bounds.cpu else 0.0
                if meter.group.oom_kills():
                    meter.exceeded = MEMORY
            except OSError:
                used = 0.0  # somebody has removed the group, and its processes with it
        if meter.sampler is not None:
            meter.sampler.look(meter.bounds.memory)
            used = max(used, meter.sampler.cpu)
            if not meter.bounds_memory and meter.sampler.memory > meter.bounds.memory:
                meter.exceeded = MEMORY
        if meter.bounds.cpu and used > meter.bounds.cpu:
            meter.exceeded = meter.exceeded or CPU
        return used

    def _wait(self, meter: Meter, used: float) -> float | None:
        """Seconds until a call has to be looked at again; None for never."""
        waits = []
        if meter.sampler is not None:
            waits.append(SAMPLE_SECONDS)
        elif meter.bounds.cpu:
            # It cannot be sooner over its limit than on all processors at once.
            waits.append(max((meter.bounds.cpu - used) / self.processors, CPU_SECONDS))
        if meter.bounds_memory and meter.group is not None and not meter.group.owner.kills_all_for_memory:
            waits.append(OOM_SECONDS)
        return min(waits, default=None)

    def _push(self, meter: Meter, at: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (at, self._count, meter))
