"""The audit log of calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select

from dispatcher_service.calls.record import CallRecord, GivenAccess
from dispatcher_service.engines.base import Usage
from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.schema import plain_text

_MAX_TEXT = 1024
_columns = schema.call.c


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
            await connection.execute(insert(schema.call), [_row(host, record) for record in records])

    async def page(self, limit: int, before: int | None = None, since: datetime | None = None) -> list[StoredCall]:
        """List records, the newest first.

        Args:
            limit: at most this many.
            before: only those with a smaller id.
            since: only those of this time or later.
        """
        query = select(schema.call).order_by(_columns.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_columns.id < before)
        if since is not None:
            query = query.where(_columns.time >= since.timestamp())
        async with self._access.reading() as connection:
            return [_stored(row) for row in (await connection.execute(query)).all()]

    async def trim(self, keep: int) -> None:
        """Delete all but the newest `keep` records."""
        newest = select(func.max(_columns.id)).scalar_subquery()
        async with self._access.writing() as connection:
            await connection.execute(delete(schema.call).where(_columns.id <= newest - keep))


def _row(host: str, record: CallRecord) -> dict[str, Any]:
    return {
        "time": record.time.timestamp(),
        "user_name": plain_text(record.user, _MAX_TEXT),
        "roles": [plain_text(role, _MAX_TEXT) for role in record.roles],
        "track_id": plain_text(record.track_id, 16),
        "action": plain_text(record.action, _MAX_TEXT),
        "allowed": record.allowed,
        "outcome": plain_text(record.outcome, _MAX_TEXT),
        "duration": record.duration,
        "cpu": record.usage.cpu if record.usage else None,
        "memory_peak": record.usage.memory_peak if record.usage else None,
        "wall": record.usage.wall if record.usage else None,
        "processes_peak": record.usage.processes_peak if record.usage else None,
        "request_id": plain_text(record.request_id, _MAX_TEXT),
        "originator": plain_text(record.originator, _MAX_TEXT),
        "peer": plain_text(record.peer, _MAX_TEXT),
        "host": host,
        "task": plain_text(record.task, _MAX_TEXT),
        "access": None if record.access is None else asdict(record.access),
    }


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
    )
    return StoredCall(row.id, row.host, record)


def _access(kept: dict[str, Any]) -> GivenAccess:
    names = {name: tuple(kept[name]) for name in ("environment", "secrets")}
    return GivenAccess(**{**kept, **names})
