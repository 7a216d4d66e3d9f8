"""Transactions with a bound, and one error for a store that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dispatcher_service.store import schema
from graft_common.database import READ_ONLY
from graft_common.errors import GraftError, service_unavailable

TIMEOUT = 15.0
"""Seconds that one transaction may take, the wait for a connection and for other writers included."""

NOTED = "graft_noted"
"""Marks a connection whose transaction has changed what watchers follow; see `dispatcher_service.store.changes`."""


class Access:
    """Opens transactions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.on_noted: Callable[[], None] = _nothing
        """Is called after the commit of a transaction that has changed what watchers follow."""
        self._engine = engine
        # SQLite has one writer at a time, and has others try again by chance: those of this process wait in turn.
        self._turn: AbstractAsyncContextManager[object] = (
            asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads.

        Raises:
            GraftError: SERVICE_UNAVAILABLE [service, reason], when the store does not answer or refuses.
        """
        with _told():
            async with asyncio.timeout(TIMEOUT), self._engine.connect() as connection:
                yield await connection.execution_options(**{READ_ONLY: True})

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Raises:
            GraftError: as for `reading`.
        """
        with _told():
            async with asyncio.timeout(TIMEOUT), self._turn, self._engine.begin() as connection:
                connection.info.pop(NOTED, None)
                yield connection
                noted = connection.info.pop(NOTED, False)
        if noted:
            self.on_noted()

    async def reachable(self) -> bool:
        """Tell whether the store takes anything at all, so that what it refused was the fault of the data.

        One whose disk is full, or that another process holds, still answers whoever reads.
        """
        try:
            async with self.writing() as connection:
                await connection.execute(update(schema.revision).values(revision=schema.revision.c.revision))
        except GraftError:
            return False
        return True


def _nothing() -> None:
    return


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise service_unavailable("dispatcher store", f"no answer within {TIMEOUT:g} s") from None
    except (SQLAlchemyError, OSError) as error:
        # The text of a database error may hold the values of the statement: only its kind is told.
        raise service_unavailable("dispatcher store", type(getattr(error, "orig", None) or error).__name__) from error
