"""A run of the benchmark, as short as it can be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.executables import CGI_HEADER, EXPECTED, install
from benchmarks.spawning import Spawner

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("header", ["", CGI_HEADER])
def test_executables_answer(tmp_path: Path, header: str) -> None:
    for path in install(tmp_path, header).values():
        request = "<?xml version='1.0'?><methodCall><methodName>Bench.x</methodName></methodCall>\n"
        done = subprocess.run([path], input=request, capture_output=True, text=True, check=True, timeout=60)
        assert EXPECTED in done.stdout
        assert done.stdout.startswith(header.replace("\r\n", "\n"))


def test_spawns_are_counted_and_checked(tmp_path: Path) -> None:
    path = install(tmp_path)["shell"]
    load = Spawner(path, b"request\n").run(3, 0.1)
    assert len(load.latencies) >= 3
    assert load.errors == 0
    path.write_text("#!/bin/sh\necho no\n")
    assert Spawner(path, b"request\n").run(1, 0.01).example == "no\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="the engine that is measured needs root here")
def test_a_quick_run() -> None:
    options = ["--quick", "--json", "--kinds", "shell", "--clients", "2", "--contenders", "bare,embedded"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench", *options, "--seconds", "0.05"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(row["contender"], row["errors"]) for row in told["rows"]] == [("bare spawn", 0), ("Graft embedded", 0)]
    assert all(row["calls"] >= 2 for row in told["rows"])
    assert {"graft", "launcher", "makers", "load generator"} <= set(told["rows"][1]["cpu"])
    assert told["half"]["shell"][0] > 0
