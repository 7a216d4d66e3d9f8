"""The audit log of calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Row, delete, func, insert, select

from dispatcher_service.calls.record import CallRecord, GivenAccess
from dispatcher_service.engines.base import Usage
from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.schema import plain_text
from graft_common.audit import Argument

_MAX_TEXT = 1024
_columns = schema.call.c
_WRITTEN = tuple(column.name for column in _columns if column is not _columns.id)
_ROWS_AT_ONCE = (50, 10, 1)
"""How many rows one statement writes to SQLite, which takes 999 values in any build. The driver lets the interpreter go
and asks for it again with each step, which the event loop would feel if each row were one. There are few statements, as
each connection keeps those that it has compiled."""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A record as the log has it."""

    id: int
    """Grows with time."""
    host: str
    """The reference of the host that ran the call."""
    record: CallRecord


class CallTable:
    """Appends to the log, reads it, and trims it."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def append(self, host: str, records: Sequence[CallRecord]) -> None:
        """Write records of a host in one transaction."""
        async with self._access.writing() as connection:
            if connection.dialect.name != "sqlite":
                rows = [dict(zip(_WRITTEN, _row(host, record, _as_it_is), strict=True)) for record in records]
                await connection.execute(insert(schema.call), rows)
                return
            written = 0
            for rows_at_once in _ROWS_AT_ONCE:
                values = []
                while len(records) - written >= rows_at_once:
                    chunk = records[written : written + rows_at_once]
                    values.append(tuple(value for record in chunk for value in _row(host, record, _json_text)))
                    written += rows_at_once
                if values:
                    await connection.exec_driver_sql(_insertion(rows_at_once), values)

    async def page(
        self, limit: int, beyond: int | None = None, since: datetime | None = None, *, oldest_first: bool = False
    ) -> list[StoredCall]:
        """List records, the newest first unless asked otherwise.

        Args:
            limit: at most this many.
            beyond: only those that come after the one of this id.
            since: only those of this time or later.
            oldest_first: the order.
        """
        query = select(schema.call).order_by(_columns.id.asc() if oldest_first else _columns.id.desc()).limit(limit)
        if beyond is not None:
            query = query.where(_columns.id > beyond if oldest_first else _columns.id < beyond)
        if since is not None:
            query = query.where(_columns.time >= since.timestamp())
        async with self._access.reading() as connection:
            return [_stored(row) for row in (await connection.execute(query)).all()]

    async def trim(self, keep: int) -> None:
        """Delete all but the newest `keep` records."""
        newest = select(func.max(_columns.id)).scalar_subquery()
        async with self._access.writing() as connection:
            await connection.execute(delete(schema.call).where(_columns.id <= newest - keep))


@lru_cache(maxsize=len(_ROWS_AT_ONCE))
def _insertion(rows: int) -> str:
    """Return SQLite's statement for so many rows, whose values follow one another."""
    row = f"({', '.join('?' * len(_WRITTEN))})"
    return f"INSERT INTO {schema.call.name} ({', '.join(_WRITTEN)}) VALUES {', '.join([row] * rows)}"  # noqa: S608  (names of our own)


def _json_text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _as_it_is(value: Any) -> Any:
    return value


def _row(host: str, record: CallRecord, json: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return the values of `_WRITTEN`; `json` makes what the columns of JSON are given."""
    usage = record.usage
    return (
        record.time.timestamp(),
        plain_text(record.user, _MAX_TEXT),
        json([plain_text(role, _MAX_TEXT) for role in record.roles]),
        plain_text(record.track_id, 16),
        plain_text(record.action, _MAX_TEXT),
        record.allowed,
        plain_text(record.outcome, _MAX_TEXT),
        record.duration,
        *((None,) * 4 if usage is None else (usage.cpu, usage.memory_peak, usage.wall, usage.processes_peak)),
        plain_text(record.request_id, _MAX_TEXT),
        plain_text(record.originator, _MAX_TEXT),
        plain_text(record.peer, _MAX_TEXT),
        host,
        plain_text(record.task, _MAX_TEXT),
        json(None if record.access is None else asdict(record.access)),
        plain_text(record.user_uuid, _MAX_TEXT),
        json([[given.name, _value(given.value)] for given in record.arguments] or None),
    )


def _value(value: str | None) -> str | None:
    return None if value is None else plain_text(value, _MAX_TEXT)


def _stored(row: Row[Any]) -> StoredCall:
    record = CallRecord(
        time=datetime.fromtimestamp(row.time, UTC),
        user=row.user_name,
        roles=tuple(row.roles),
        track_id=row.track_id,
        action=row.action,
        allowed=row.allowed,
        outcome=row.outcome,
        duration=row.duration,
        usage=None if row.wall is None else Usage(row.cpu, row.memory_peak, row.wall, row.processes_peak or 0),
        request_id=row.request_id,
        originator=row.originator,
        peer=row.peer,
        task=row.task,
        access=None if row.access is None else _access(row.access),
        user_uuid=row.user_uuid,
        arguments=tuple(Argument(*given) for given in row.arguments or ()),
    )
    return StoredCall(row.id, row.host, record)


def _access(kept: dict[str, Any]) -> GivenAccess:
    names = {name: tuple(kept[name]) for name in ("environment", "secrets")}
    return GivenAccess(**{**kept, **names})
