from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator

import pytest

from support.postgres import PostgresServer, missing, postgres
from support.stores import Service, make_tables


def pytest_collection_finish() -> None:
    """Look for garbage in what tests make, and not in the tests, which are millions of objects and stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


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


@pytest.fixture(scope="session")
def postgres_like(postgres_server: PostgresServer) -> Callable[[Service], str]:
    """Tell the URL of a database that has the tables of a service, and that nobody uses."""

    @functools.cache
    def made(service: Service) -> str:
        url = postgres_server.create()
        make_tables(url, service)
        return url

    return made


@pytest.fixture
def prepared_postgres(
    postgres_server: PostgresServer, postgres_like: Callable[[Service], str]
) -> Iterator[Callable[[Service], str]]:
    """Make databases on PostgreSQL that have the tables of a service."""
    made: list[str] = []

    def make(service: Service) -> str:
        made.append(postgres_server.create(postgres_like(service)))
        return made[-1]

    yield make
    for url in made:
        postgres_server.drop(url)
