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
    ("scenario", "stride"),
    [("upgrade", 1), ("install", 4), ("bring back", 4), ("uninstall", 4), ("force", 4), ("purge", 4)],
)
def test_every_step_can_be_the_last(scenario: str, stride: int, tmp_path: Path) -> None:
    """An upgrade makes every kind of step; of the others each fourth is tried here."""
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
    assert told["before"] > 5
    assert told["after"] > 2
