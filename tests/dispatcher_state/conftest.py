from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatcher_service.store.store import DispatcherStore
from support.dispatcher_hosts import Hosts
from support.stores import with_tables


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{with_tables(tmp_path, 'dispatcher') / 'dispatcher.db'}"
    return str(request.getfixturevalue("prepared_postgres")("dispatcher"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'dispatcher.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[DispatcherStore]:
    opened = await DispatcherStore.open(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def hosts(store_url: str) -> AsyncIterator[Hosts]:
    """Makes hosts that share one store, each with connections of its own."""
    made = Hosts(store_url)
    yield made
    await made.close()
