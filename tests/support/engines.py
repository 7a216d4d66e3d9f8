"""Engines for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dispatcher_service.engines.base import Engine, EngineUnavailable
from dispatcher_service.engines.factory import create


@asynccontextmanager
async def prepared(name: str) -> AsyncIterator[Engine]:
    """An engine that runs calls; the test is skipped where this host has none of that name."""
    engine = create(name)
    try:
        await engine.prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    yield engine
    await engine.close()
