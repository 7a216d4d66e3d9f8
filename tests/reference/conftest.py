from __future__ import annotations

from pathlib import Path

import pytest

from graft_common.settings import Settings


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's settings out of the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GRAFT_{name.upper()}", raising=False)
    (tmp_path / "graft.toml").touch()
    monkeypatch.setenv("GRAFT_CONFIG", str(tmp_path / "graft.toml"))
    monkeypatch.setenv("GRAFT_DATA_DIR", str(tmp_path))
