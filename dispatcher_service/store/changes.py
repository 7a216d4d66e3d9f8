"""What has changed, and when: the revisions behind events.

Every transaction that changes an object that XenAPI shows raises one counter and notes which objects it has changed.
The counter's row stays locked until the commit, so that revisions become visible in their order, on all hosts alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatcher_service.store import schema
from dispatcher_service.store.access import NOTED, Access
from dispatcher_service.store.schema import plain_text

_columns = schema.change.c
_counter = schema.revision.c


@dataclass(frozen=True, slots=True)
class Changed:
    """An object that a transaction makes, changes, or removes."""

    kind: str
    """Its class in lower case: `task`."""
    ref: str
    gone: bool = False
    """Whether it is removed. Whether it is new is known without being told."""
    owner: str = ""
    """The user whose it is; only that user and those who may see everybody's are told of it. An object that has an
    owner once keeps it: later changes may leave it out. Empty for objects that everybody sees."""


@dataclass(frozen=True, slots=True)
class StoredChange:
    """The last change of an object."""

    kind: str
    ref: str
    revision: int
    added: int
    """The revision at which it came to be."""
    gone: bool
    owner: str


@dataclass(frozen=True, slots=True)
class Revisions:
    """How far the store is."""

    current: int
    forgotten: int
    """The newest revision at which something was removed that is no longer remembered."""


async def note_changes(connection: AsyncConnection, changes: Iterable[Changed]) -> None:
    """Note what a transaction changes, under one new revision.

    To be called at the end of the transaction (`Access.writing`), in the order in which things happen where an object
    is named twice: it holds up all other writers until the commit. Watchers are told after the commit; nothing of it
    is seen when the transaction is rolled back.
    """
    rows: dict[tuple[str, str], tuple[str, str, bool, str]] = {}
    for change in changes:
        key = (change.kind, plain_text(change.ref))
        owner = plain_text(change.owner) or (rows[key][3] if key in rows else "")
        rows[key] = (*key, change.gone, owner)
    if not rows:
        return
    raised = update(schema.revision).values(revision=_counter.revision + 1).returning(_counter.revision)
    revision = (await connection.execute(raised)).scalar_one()
    values = {"revision": revision, "rows": orjson.dumps(list(rows.values())).decode()}
    await connection.execute(_NOTE[connection.dialect.name], values)
    connection.info[NOTED] = True


class ChangeTable:
    """Reads what has changed."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def note(self, *changes: Changed) -> int:
        """Note changes in a transaction of their own, and return the revision after them."""
        async with self._access.writing() as connection:
            await note_changes(connection, changes)
            revision: int = (await connection.execute(select(_counter.revision))).scalar_one()
        return revision

    async def revisions(self) -> Revisions:
        """Tell how far the store is."""
        async with self._access.reading() as connection:
            row = (await connection.execute(select(_counter.revision, _counter.forgotten))).one()
        return Revisions(row.revision, row.forgotten)

    async def since(self, revision: int) -> tuple[Revisions, list[StoredChange]]:
        """Return the last change of each object that has changed after a revision, in their order.

        There are no more of them than objects and what `trim` leaves of those that are gone.
        """
        async with self._access.reading() as connection:
            # PostgreSQL shows each statement what is committed by then. What has changed again meanwhile is seen next
            # time; what was forgotten meanwhile is missing here, so that this is asked for last.
            current: int = (await connection.execute(select(_counter.revision))).scalar_one()
            newer = select(schema.change).where(_columns.revision > revision, _columns.revision <= current)
            rows = (
                await connection.execute(newer.order_by(_columns.revision, _columns.class_name, _columns.ref))
            ).all()
            forgotten: int = (await connection.execute(select(_counter.forgotten))).scalar_one()
        return Revisions(current, forgotten), [_change(found) for found in rows]

    async def trim(self, keep: int) -> None:
        """Forget all but about `keep` of the objects that are gone."""
        gone = select(_columns.revision).where(_columns.deleted).order_by(_columns.revision.desc())
        async with self._access.writing() as connection:
            last = (await connection.execute(gone.offset(keep).limit(1))).scalar_one_or_none()
            if last is None:
                return
            await connection.execute(delete(schema.change).where(_columns.deleted, _columns.revision <= last))
            await connection.execute(update(schema.revision).values(forgotten=last))


def _change(row: Row[Any]) -> StoredChange:
    return StoredChange(row.class_name, row.ref, row.revision, row.added, row.deleted, row.owner)


def _noting(rows: str) -> Any:
    """Return the statement that keeps the changes that `rows` reads out of one parameter."""
    return text(
        "INSERT INTO dispatcher_change (class_name, ref, revision, added, deleted, owner) "
        f"{rows} "
        "ON CONFLICT (class_name, ref) DO UPDATE SET revision = excluded.revision, deleted = excluded.deleted, "
        "added = CASE WHEN dispatcher_change.deleted THEN excluded.added ELSE dispatcher_change.added END, "
        "owner = CASE WHEN excluded.owner = '' THEN dispatcher_change.owner ELSE excluded.owner END"
    )


# One parameter for any number of rows, so that each dialect has one statement, prepared once. SQLite needs the
# condition to tell the conflict's ON from that of a join.
_NOTE = {
    "sqlite": _noting(
        "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), :revision, :revision, "
        "json_extract(value, '$[2]'), json_extract(value, '$[3]') FROM json_each(:rows) WHERE true"
    ),
    "postgresql": _noting(
        "SELECT value ->> 0, value ->> 1, CAST(:revision AS bigint), CAST(:revision AS bigint), "
        "CAST(value ->> 2 AS boolean), value ->> 3 FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS rows (value)"
    ),
}
