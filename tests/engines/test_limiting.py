from __future__ import annotations

import resource
import signal

import pytest

from dispatcher_service.engines.base import Limits, Verdict
from dispatcher_service.engines.launcher.client import End
from dispatcher_service.engines.limiting import DELEGATE, bounds, exceeded, limits_finding, refused
from dispatcher_service.engines.spawning import rlimits


@pytest.mark.parametrize(
    ("groups", "lacking", "detail", "fix", "by"),
    [
        (
            {"memory": "cgroup v2", "processes": "cgroup v2", "cpu": "cgroup v2", "kill": "cgroup v2"},
            {"cpuacct": "not mounted"},
            "memory by cgroup v2; processes by cgroup v2; CPU time by cgroup v2",
            "",
            "cgroup v2",
        ),
        (
            {"cpu": "cgroup v2", "kill": "cgroup v2"},
            {"unified": "/sys/fs/cgroup/x is not delegated to Graft", "memory": "not mounted", "pids": "not mounted"},
            (
                "memory by the address space of each process and by samples of all of them; processes by resource limits; "
                "CPU time by cgroup v2; /sys/fs/cgroup/x is not delegated to Graft"
            ),
            DELEGATE,
            "cgroup v2",
        ),
        (
            {},
            {"unified": "not mounted", "memory": "not mounted"},
            (
                "memory by the address space of each process and by samples of all of them; processes by resource limits; "
                "CPU time by samples; no control groups are mounted"
            ),
            DELEGATE,
            "resource limits, samples",
        ),
    ],
)
def test_what_holds_limits_is_told(groups, lacking, detail, fix, by) -> None:
    finding = limits_finding(groups, lacking)
    assert (finding.ok, finding.detail, finding.fix, finding.by) == (True, detail, fix, by)


@pytest.mark.parametrize(
    ("end", "number", "verdict"),
    [
        (End("memory", memory=7), 0, Verdict.MEMORY_EXCEEDED),
        (End("cpu", cpu=2.5), 0, Verdict.CPU_EXCEEDED),
        (End("ended", started=True), signal.SIGXCPU, Verdict.CPU_EXCEEDED),
        (End("ended", started=True), signal.SIGKILL, None),
    ],
)
def test_verdicts_of_limits(end, number, verdict) -> None:
    found = exceeded(Limits(cpu=2.0), end, number)
    assert (found and found[0]) == verdict


def test_the_signal_of_a_limit_that_is_not_set_is_only_a_signal() -> None:
    assert exceeded(Limits(), End("ended", started=True), signal.SIGXCPU) is None


def test_what_is_bounded() -> None:
    assert bounds(Limits(memory=5, processes=6)) == {"memory": 5, "processes": 6}
    assert bounds(Limits(memory=5, processes=6, cpu=0.5)) == {"memory": 5, "processes": 6, "cpu": 0.5}


@pytest.mark.parametrize(
    ("end", "code", "number", "names"),
    [
        (End("ended"), 0, 0, ()),
        (End("ended", refused=True), 1, 0, ("processes",)),
        (End("ended", refused=True), 0, signal.SIGXFSZ, ("processes", "file_size")),
        (End("ended"), 128 + signal.SIGXFSZ, 0, ("file_size",)),
    ],
)
def test_what_was_refused(end, code, number, names) -> None:
    assert refused(end, code, number) == names


@pytest.mark.parametrize("cpu", [0.1, 1.0, 4.0, 60.0])
def test_the_meter_is_sooner_than_the_kernel_to_end_a_call_for_its_cpu_time(cpu: float) -> None:
    """The kernel counts by ticks for this limit: a call with 0.84 s behind it may be at 1 s for it."""
    soft, hard = next(limit[1:] for limit in rlimits(Limits(cpu=cpu)) if limit[0] == resource.RLIMIT_CPU)
    assert soft >= 1.25 * cpu
    assert hard > soft
