"""Databases as both stores open them: SQLite in WAL mode or PostgreSQL, and migrations at the start."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from graft_common.sqlite import SqliteConnection

READ_ONLY = "graft_read_only"
"""The execution option of a connection that only reads: on SQLite it waits for no writer, and none waits for it."""

_DRIVERS = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}


def open_database(url: str) -> AsyncEngine:
    """Open `sqlite:///path` or `postgresql://…`; nothing is connected yet.

    Raises:
        ValueError: the URL is of another database.
    """
    parsed = make_url(url)
    driver = _DRIVERS.get(parsed.drivername, parsed.drivername)
    if driver not in _DRIVERS.values():
        raise ValueError(
            f"GRAFT_DATABASE_URL starts with {parsed.drivername}://; it must be sqlite:/// or postgresql://"
        )
    if driver.startswith("postgresql"):
        return create_async_engine(parsed.set(drivername=driver), pool_size=5, max_overflow=5, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_async_engine(parsed.set(drivername=driver), async_creator=partial(_connect, parsed.database or ""))
    event.listen(engine.sync_engine, "connect", _set_sqlite_up)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that sees one state of the database, whatever others write, and holds up no writer."""
    options: dict[str, Any] = {READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    async with engine.connect() as connection:
        await connection.execution_options(**options)
        async with connection.begin():
            yield connection


async def migrate(engine: AsyncEngine, scripts: Path, version_table: str) -> None:
    """Bring the tables of one service up to its newest revision, all or nothing."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade, scripts, version_table)


def _upgrade(connection: Connection, scripts: Path, version_table: str) -> None:
    if connection.dialect.name == "postgresql":
        # Replicas that start together wait for one another here; the lock ends with the transaction.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('graft_migrate'))")
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = version_table
    command.upgrade(config, "head")


async def _connect(path: str) -> SqliteConnection:
    _create(path)
    connection = SqliteConnection(path)
    await connection
    return connection


def _create(path: str) -> None:
    """Make a database's file, unless it is there, so that nobody else may read it: there are hashes of passwords in it.

    SQLite gives its other files the mode of this one, and tells itself of what cannot be opened. A file that is there
    is not opened: with its descriptor all locks would go that connections of this process have on it, and whichever
    other process closes the database would take itself for the last one and remove the journal.
    """
    with suppress(OSError):
        os.close(os.open(os.path.realpath(path), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _set_sqlite_up(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_immediate` does, as SQLAlchemy's manual for SQLite says.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later would otherwise fail, rather than wait, when another has written.
    only_reads = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")
