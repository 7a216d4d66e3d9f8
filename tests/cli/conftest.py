"""A place for each test in which `graft` finds no settings and no sessions of the machine's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.warm import run_graft

GRAFT = Path(sys.executable).with_name("graft")

Graft = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAFT_", "XDG_"))}
    (tmp_path / "home").mkdir()
    return kept | {"HOME": str(tmp_path / "home"), "NO_COLOR": "1"}


@pytest.fixture
def graft(tmp_path: Path, environment: dict[str, str]) -> Graft:
    """Run `graft` to its end."""

    def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return run_graft(arguments, environment | variables, tmp_path, stdin)

    return run
