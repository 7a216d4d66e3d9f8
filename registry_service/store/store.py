"""The registry's database: transactions that read, transactions that change, and upkeep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from graft_common.database import migrate, open_database, reading
from graft_common.errors import service_unavailable
from registry_service.identity.values import LoginRecord
from registry_service.store import tables
from registry_service.store.change import Change
from registry_service.store.reading import Reading
from registry_service.tuning import utc_now

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "registry_version"

UNREACHABLE = (DBAPIError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What drivers raise when the database is away, among other things; raw where a connection could not be opened."""

_log = structlog.get_logger("graft.registry")


class Store:
    """Opens transactions.

    Changes of one process wait for one another here, so that they hold one connection of the pool and no more; those
    of several wait for the row of `registry_meta`. So revisions are given, and become visible, in one order.
    """

    def __init__(self, engine: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now
        self._changing = asyncio.Lock()
        self.on_commit: Callable[[int], Awaitable[None]] | None = None
        """Is told every revision that was committed here, and those that were read."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write to it; a file of SQLite has one registry."""
        return self._engine.dialect.name != "sqlite"

    @classmethod
    async def open(cls, url: str, now: Callable[[], datetime] = utc_now) -> Self:
        """Connect and bring the tables up to date.

        Raises:
            ValueError: the URL is of another database.
            Exception: whatever the driver or Alembic raise.
        """
        engine = open_database(url)
        try:
            await migrate(engine, MIGRATIONS, VERSION_TABLE)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, now)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def noticed(self, revision: int) -> None:
        """Tell of a revision that was read: another process may have committed it just now."""
        if self.on_commit is not None:
            await self.on_commit(revision)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reading]:
        """Read one state of the registry; holds up nobody.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the database does not answer.
        """
        with _translated():
            async with reading(self._engine) as connection:
                yield Reading(connection)

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        """Change the registry, all or nothing; followers are woken when it is committed.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the database does not answer.
        """
        with _translated():
            async with self._changing, self._engine.begin() as connection:
                lock = sa.select(tables.meta.c.revision).with_for_update()
                change = Change(connection, int((await connection.execute(lock)).scalar_one()) + 1, self._now())
                yield change
                changed = await change.flush()
        if changed and self.on_commit is not None:
            await self.on_commit(change.revision)

    async def record(self, record: LoginRecord) -> None:
        """Add a line to the login audit, on its own."""
        async with self.change() as change:
            await change.record(record)

    async def compact(self, *, keep: int, newer_than: datetime, at_most: int) -> int:
        """Forget old changes; return the newest revision that is forgotten.

        Kept are the last `keep` and all that are newer than a time, but never more than `at_most`; no revision in part.
        """
        columns = tables.events.c
        with _translated():
            async with self._changing, self._engine.begin() as connection:
                compacted = await _number(connection, sa.select(tables.meta.c.compacted).with_for_update())
                oldest_kept = await _number(connection, _nth_newest(keep - 1))
                must_go = await _number(connection, _nth_newest(at_most))
                may_go = await _number(
                    connection, sa.select(sa.func.max(columns.revision)).where(columns.time < newer_than)
                )
                up_to = max(min(oldest_kept - 1, may_go), must_go)
                if up_to <= compacted:
                    return compacted
                await connection.execute(sa.delete(tables.events).where(columns.revision <= up_to))
                await connection.execute(sa.update(tables.meta).values(compacted=up_to))
        _log.info("changes.compacted", up_to=up_to)
        return up_to

    async def prune_bundles(self, unused_since: datetime) -> None:
        """Forget the bytes of bundles that nothing has named since a time or longer."""
        columns = tables.bundles.c
        unused = sa.select(columns.digest).where(columns.unused_since <= unused_since)
        with _translated():
            async with self._changing, self._engine.begin() as connection:
                parts = tables.bundle_parts
                await connection.execute(sa.delete(parts).where(parts.c.digest.in_(unused)))
                await connection.execute(sa.delete(tables.bundles).where(columns.unused_since <= unused_since))

    async def prune_records(self, keep: int) -> None:
        """Forget all login records but about the last `keep`."""
        newest = sa.select(sa.func.max(tables.login_records.c.id)).scalar_subquery()
        with _translated():
            async with self._changing, self._engine.begin() as connection:
                await connection.execute(
                    sa.delete(tables.login_records).where(tables.login_records.c.id <= newest - keep)
                )


async def _number(connection: AsyncConnection, query: sa.Select[tuple[int]]) -> int:
    """Return the one number that was asked for; 0 where there is none."""
    return int(await connection.scalar(query) or 0)


def _nth_newest(number: int) -> sa.Select[tuple[int]]:
    columns = tables.events.c
    newest_first = sa.select(columns.revision).order_by(columns.revision.desc(), columns.position.desc())
    return newest_first.offset(number).limit(1)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except UNREACHABLE as error:
        if isinstance(error, DBAPIError) and not _is_away(error):
            raise
        # The text of the error could hold values of the statement.
        _log.error("database.unreachable", error=type(error).__name__)
        raise service_unavailable("registry", "its database does not answer") from None


def _is_away(error: DBAPIError) -> bool:
    # Without a statement it was the connection that failed.
    return (
        isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated or error.statement is None
    )
