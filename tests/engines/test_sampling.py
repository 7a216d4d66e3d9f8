from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatcher_service.engines.launcher.metering import Bounds, Metering
from dispatcher_service.engines.launcher.sampling import Sampler, descendants, read_process

MIB = 1 << 20


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has said that it is where the test wants it, and that ends with its input."""
    with subprocess.Popen(
        [sys.executable, "-ISc", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield process
        finally:
            os.killpg(process.pid, 9)


FAMILY = """
import os, sys, threading, time
block = bytearray(60 << 20)
for _ in range(3):
    if not os.fork():
        threading.Thread(target=time.sleep, args=(600,)).start()
        os.write(1, b'x')
        time.sleep(600)
time.sleep(0.05)
print(flush=True)
sys.stdin.read()
"""


def test_all_processes_of_a_tree_are_counted() -> None:
    with running(FAMILY) as process:
        sampler = Sampler([process.pid])

        def seven() -> bool:
            sampler.look()
            return sampler.processes_peak == 7

        assert until(seven)
        # Four processes have the same 60 MiB.
        assert 60 * MIB < sampler.memory_peak < 130 * MIB
        above = Sampler([process.pid], own=1)
        above.look()
        assert above.processes_peak == 6


SPIN = """
import os, sys, time
if not os.fork():
    until = time.process_time() + 0.2
    while time.process_time() < until: pass
    os._exit(0)
os.wait()
print(flush=True)
sys.stdin.read()
"""


def test_cpu_time_of_the_dead_is_counted() -> None:
    with running(SPIN) as process:
        sampler = Sampler([process.pid])
        sampler.look()
        assert 0.15 < sampler.cpu < 2


@pytest.mark.parametrize(
    ("stat", "threads"),
    [
        ("7 (a) b) S 1 " + "0 " * 9 + "10 20 30 40 0 0 5 0 999 0 3 " + "0 " * 20, 5),
        ("7 (dead) Z 1 " + "0 " * 9 + "10 20 30 40 0 0 1 0 999 0 0 " + "0 " * 20, 0),
    ],
)
def test_what_a_process_tells_is_read(tmp_path: Path, stat: str, threads: int) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(stat)
    process = read_process(7, str(tmp_path))
    assert process is not None
    assert (process.threads, process.started) == (threads, 999)
    assert process.cpu * os.sysconf("SC_CLK_TCK") == pytest.approx(30)
    assert process.reaped_cpu * os.sysconf("SC_CLK_TCK") == pytest.approx(70)


@pytest.mark.parametrize("stat", ["", "7", "7 (x) S 1 2"])
def test_what_is_gone_is_no_process(tmp_path: Path, stat: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(stat)
    assert read_process(7, str(tmp_path)) is None


def test_trees_are_found_without_lists_of_children(tmp_path: Path) -> None:
    for pid, parent in ((5, 1), (6, 5), (7, 6), (8, 1)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (x) S {parent} 0")
    assert descendants([5], str(tmp_path)) == [5, 6, 7]


def test_a_meter_without_groups_tells_of_what_is_over_its_limit() -> None:
    metering = Metering(None)
    request = {"id": 4, "rlimits": [[1, 2, 3]], "processes": 9, "bounds": {"memory": 20 * MIB, "processes": 9}}
    meter = metering.take(request, 0)
    assert (request["rlimits"], request["processes"]) == ([[1, 2, 3]], 9)
    assert metering.due() is None
    with running(FAMILY) as process:
        metering.start(meter, process.pid)
        assert metering.due() is not None
        assert until(lambda: metering.look() == [meter])
    assert (meter.exceeded, meter.call) == ("memory", 4)
    used = metering.end(meter, 0.1, 1000)
    metering.drop(meter)
    assert used["memory"] > 20 * MIB
    assert metering.due() is None


def test_what_is_not_bounded_is_not_looked_at() -> None:
    metering = Metering(None)
    meter = metering.take({"id": 1, "rlimits": [], "processes": 0}, 1)
    assert meter.bounds == Bounds()
    metering.start(meter, os.getpid())
    assert metering.due() is None
    assert metering.end(meter, 0.5, 7) == {"cpu": 0.5, "memory": 7, "processes": 0, "refused": False}


def test_a_busy_host_is_no_reason_to_look_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    metering = Metering(None)
    meter = metering.take({"id": 1, "rlimits": [], "processes": 0, "bounds": {"memory": MIB}}, 0)
    looks = []

    def look(_limit: int) -> None:
        looks.append(time.monotonic())
        time.sleep(0.1)  # others run

    metering.start(meter, os.getpid())
    assert meter.sampler is not None
    monkeypatch.setattr(meter.sampler, "look", look)
    assert until(lambda: metering.look() or looks)
    due = metering.due()
    assert len(looks) == 1
    assert due is not None
    assert due - time.monotonic() < 0.1


def until(condition: Callable[[], object]) -> bool:
    for _attempt in range(1000):
        if condition():
            return True
        time.sleep(0.01)
    return False
