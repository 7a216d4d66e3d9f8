"""What the limits of a call are told to the launcher as, and what this host holds them by."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from dispatcher_service.engines.base import Finding, Limits, Verdict
from dispatcher_service.engines.launcher.cgroup_mounts import NOT_MOUNTED
from dispatcher_service.engines.launcher.client import End

DELEGATE = (
    "for the kernel to bound whole calls, let Graft have a control group: `Delegate=yes` in a systemd unit; "
    "`systemd-run --user --scope -p Delegate=yes graft …` by hand; in Docker 28 or later, as "
    "root, security_opt writable-cgroups=true (cgroup v2), in podman security_opt unmask=/sys/fs/cgroup"
)
SHELL_SIGNAL = 128
"""What a shell adds to the number of the signal that has killed its last command."""


def bounds(limits: Limits) -> dict[str, float]:
    """What the launcher holds all processes of a call to together; see `Launcher.run`."""
    found: dict[str, float] = {"memory": limits.memory, "processes": limits.processes}
    return found if limits.cpu is None else found | {"cpu": limits.cpu}


def exceeded(limits: Limits, end: End, signal_number: int) -> tuple[Verdict, str] | None:
    """The verdict and the reason for a call that was over its limit of CPU time or memory; None for others.

    Args:
        limits: what it ran under.
        end: as the launcher has told it.
        signal_number: the signal that has ended its first program; 0 for none.
    """
    if end.verdict == "memory":
        return Verdict.MEMORY_EXCEEDED, f"it used {end.memory} bytes of memory at once, at most {limits.memory}"
    if end.verdict == "cpu" or (limits.cpu is not None and signal_number == signal.SIGXCPU):
        return Verdict.CPU_EXCEEDED, f"it used {end.cpu:.3g} s of processor time, at most {limits.cpu:g} s"
    return None


def refused(end: End, code: int, signal_number: int) -> tuple[str, ...]:
    """Which limits have refused something to a call; see `Outcome.refused`."""
    found = ("processes",) if end.refused else ()
    if signal.SIGXFSZ in (signal_number, code - SHELL_SIGNAL):
        return (*found, "file_size")
    return found


def limits_finding(groups: Mapping[str, str], lacking: Mapping[str, str]) -> Finding:
    """Tell by what this host bounds and counts what calls use.

    Args:
        groups: see `Launcher.groups`.
        lacking: see `Launcher.lacking`.
    """
    without = {
        "memory": "memory by the address space of each process and by samples of all of them",
        "processes": "processes by resource limits",
        "cpu": "CPU time by samples",
    }
    named = {"memory": "memory", "processes": "processes", "cpu": "CPU time"}
    held = [f"{named[what]} by {groups[what]}" if what in groups else text for what, text in without.items()]
    if "memory" in groups and "processes" in groups:
        fix = ""
    else:
        fix = DELEGATE
        reasons = {reason for name, reason in lacking.items() if name != "cpuacct"}
        held += sorted(reasons - {NOT_MOUNTED}) or ["no control groups are mounted"]
    by = ", ".join(sorted({groups[what] for what in without if what in groups}))
    return Finding("limits", ok=True, detail="; ".join(held), fix=fix, by=by or "resource limits, samples")
