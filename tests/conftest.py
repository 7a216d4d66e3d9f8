from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.postgres import PostgresServer, missing, postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of a process."""
    if reason := missing():
        pytest.skip(reason)
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database on PostgreSQL."""
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)
