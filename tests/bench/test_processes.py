"""How processor time and memory are told apart by part."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.processes import GRAFT, TICK, Process, memory, parse_pss, parse_stat, tree, used

STAT = "4711 (odd ) name) S 42 4711 1 0 -1 4194304 100 0 0 0 {} {} {} {} 20 0 1 0 100 1000 100 18446744073709551615"


def test_a_stat_line_whatever_the_name_is() -> None:
    parsed = parse_stat(STAT.format(TICK, 2 * TICK, 3 * TICK, 4 * TICK))
    assert parsed == Process(4711, 42, 3.0, 7.0)


def test_processor_time_by_depth() -> None:
    before = {pid: Process(pid, pid - 1, 1.0, 1.0) for pid in (10, 11, 12, 13)}
    after = {
        10: Process(10, 9, 2.0, 1.0),
        11: Process(11, 10, 1.25, 1.0),
        12: Process(12, 11, 1.5, 6.0),
        13: Process(13, 12, 4.0, 1.0),
        14: Process(14, 13, 0.5, 0.25),
    }
    assert used({"graft": 10}, GRAFT, before, after) == {
        "graft": 1.0,
        "launcher": 0.75,
        "makers": 3.0,
        "sandboxes and executables": 5.75,
    }


def test_processor_time_of_a_server_without_parts() -> None:
    before = {10: Process(10, 9, 1.0, 0.0), 11: Process(11, 10, 1.0, 0.0)}
    after = {10: Process(10, 9, 2.0, 3.0), 11: Process(11, 10, 2.0, 0.0)}
    assert used({"server": 10}, (), before, after) == {"server": 2.0, "sandboxes and executables": 3.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Rss: 12 kB\nPss: 9 kB\nPss_Anon:    3 kB\nPss_File: 5 kB\nPss_Shmem: 1 kB\n", 4096), ("", 0)],
)
def test_memory_without_programs(text: str, expected: int) -> None:
    assert parse_pss(text) == expected


def test_a_tree_of_processes_that_are_there() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        found = tree({"tests": os.getpid()})
        assert found[child.pid].parent == os.getpid()
        assert memory({"tests": os.getpid()})["tests"] > 1_000_000
    finally:
        child.communicate(b"\n", timeout=30)
