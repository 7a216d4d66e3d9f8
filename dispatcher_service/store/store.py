"""The store as a whole: opened and migrated, and its parts by subject."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from dispatcher_service.store.access import Access
from dispatcher_service.store.calls import CallTable
from dispatcher_service.store.changes import ChangeTable
from dispatcher_service.store.extensions import ExtensionTable
from dispatcher_service.store.hosts import HostTable
from dispatcher_service.store.labels import LabelTable
from dispatcher_service.store.registrations import RegistrationTable
from dispatcher_service.store.tasks import TaskTable
from graft_common.database import migrate, open_database
from graft_common.errors import StartupError

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "dispatcher_version"


class DispatcherStore:
    """Tasks, hosts, the pool and the audit log of calls, in SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.access = access = Access(engine)
        self.reachable = access.reachable
        self.tasks = TaskTable(access)
        self.hosts = HostTable(access)
        self.extensions = ExtensionTable(access)
        self.labels = LabelTable(access)
        self.calls = CallTable(access)
        self.changes = ChangeTable(access)
        self.registrations = RegistrationTable(access)

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open the database and bring its tables up to date.

        Raises:
            StartupError: it cannot be opened.
        """
        try:
            engine = open_database(url)
        except (SQLAlchemyError, ValueError) as error:
            raise StartupError(f"GRAFT_DATABASE_URL cannot be used: {error}") from error
        except OSError as error:
            raise _unusable(url, error) from error
        try:
            await migrate(engine, MIGRATIONS, VERSION_TABLE)
        except (SQLAlchemyError, OSError) as error:
            await engine.dispose()
            raise _unusable(url, error) from error
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()


def _unusable(url: str, error: SQLAlchemyError | OSError) -> StartupError:
    shown = make_url(url).render_as_string(hide_password=True)
    reason = getattr(error, "orig", None) or error
    return StartupError(
        f"the dispatcher's store {shown} cannot be opened: {reason}. "
        "Set GRAFT_DATABASE_URL to a PostgreSQL that answers, or GRAFT_DATA_DIR to a writable folder."
    )
