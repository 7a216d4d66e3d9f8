"""An operation that is killed after any of its steps has happened as a whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).parent / "crash_driver.py"
PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("scenario", "stride"), [("install", 1), ("upgrade", 1), ("uninstall", 1), ("force", 3), ("purge", 3)]
)
def test_every_step_can_be_the_last(scenario: str, stride: int, tmp_path: Path) -> None:
    """The last two make no other kinds of steps; of theirs each third is tried."""
    paths = os.pathsep.join(str(PROJECT / name) for name in ("", "protos", "tests"))
    ran = subprocess.run(
        [sys.executable, DRIVER, scenario, tmp_path, str(stride)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert "found" not in told, told
    assert told["changed"]
    assert told["code"] == 0
    assert told["before"] > 10
    assert told["after"] > 5
