"""SQLite connections that let go of the database when they are closed in the middle of a transaction."""

from __future__ import annotations

import asyncio
import sqlite3

import aiosqlite

BUSY_TIMEOUT = 10.0
"""Seconds that a statement waits for another connection's transaction."""


class SqliteConnection(aiosqlite.Connection):
    """A connection that ends its transaction before it closes.

    SQLAlchemy closes a connection whose caller was cancelled, as it is when the client of an RPC goes away. But SQLite
    keeps a closed connection, its transaction and its locks for as long as a statement of it has not been run to its
    end; all other writers would wait until the garbage collector finds that statement.
    """

    def __init__(self, path: str) -> None:
        super().__init__(
            lambda: sqlite3.connect(path, timeout=BUSY_TIMEOUT, check_same_thread=False), iter_chunk_size=64
        )
        # A process that ends without closing its connections must not wait for their threads.
        self._thread.daemon = True

    async def close(self) -> None:
        """End the transaction, and close."""
        self._queue_rollback()
        await super().close()

    def stop(self) -> asyncio.Future[None] | None:
        """Do the same without waiting for it."""
        self._queue_rollback()
        return super().stop()

    def _queue_rollback(self) -> None:
        if self._connection is not None:
            # Whatever is queued before it, such as a `BEGIN` that nobody awaits any more, is undone by it.
            self._tx.put_nowait((None, self._connection.rollback))
