from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fakes import FakePlatform
from graft_common.settings import Settings
from support.wire import Running, running_gateway


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's settings out of the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GRAFT_{name.upper()}", raising=False)
    (tmp_path / "graft.toml").touch()
    monkeypatch.setenv("GRAFT_CONFIG", str(tmp_path / "graft.toml"))
    monkeypatch.setenv("GRAFT_DATA_DIR", str(tmp_path))


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
async def gateway(platform: FakePlatform) -> AsyncIterator[Running]:
    async with running_gateway(platform) as running:
        yield running


@pytest.fixture
def session(platform: FakePlatform) -> str:
    """The reference of an open session."""
    return platform.open_session()
