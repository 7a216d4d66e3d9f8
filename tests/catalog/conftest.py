"""Trees to read, and Ambari's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.resources import Resources

CONFORMANCE = Path(__file__).parents[2].parent / "shared" / "conformance" / "ambari"


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    return Resources(tmp_path / "resources")


@pytest.fixture
def ambari(tmp_path: Path) -> Path:
    """Return a copy of Ambari's fixtures, with the folders that its own build adds."""
    if not CONFORMANCE.is_dir():
        pytest.skip(f"the conformance data is not at {CONFORMANCE}")
    root = tmp_path / "ambari"
    shutil.copytree(CONFORMANCE, root)
    service = root / "extensions/EXT/0.1/services/OOZIE2"
    for folder in ("package", "checks", "server_actions"):
        (service / folder).mkdir(exist_ok=True)
        (service / folder / "something.py").write_text("")
    return root
