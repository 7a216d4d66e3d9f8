from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.stores import with_tables
from support.watching import Watched, watched


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{with_tables(tmp_path, 'dispatcher') / 'dispatcher.db'}"


@pytest.fixture
async def here(store_url: str) -> AsyncIterator[Watched]:
    async with watched(store_url) as made:
        yield made
