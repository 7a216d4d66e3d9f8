"""What administrators say of the pool and of hosts, in the tables of both."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Row, Table, select, update

from dispatcher_service.hosts.labels import Change, Labels
from dispatcher_service.references import ref_of
from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.changes import Changed, note_changes
from dispatcher_service.store.schema import plain_text

Labelled = Literal["pool", "host"]
"""The classes whose objects have labels."""

_TABLES: dict[Labelled, Table] = {"pool": schema.pool, "host": schema.host}
_NAMES: dict[Labelled, str] = {"pool": "name", "host": "given_name"}


class LabelTable:
    """Changes labels."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def change(self, kind: Labelled, uuid: str, change: Change) -> bool:
        """Let labels become something else, in one transaction; tell whether there is such an object.

        Raises:
            GraftError: what `change` raises; SERVICE_UNAVAILABLE, when the store does not answer.
        """
        table = _TABLES[kind]
        async with self._access.writing() as connection:
            query = select(table).where(table.c.uuid == plain_text(uuid)).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return False
            before = labels_of(row, kind)
            after = change(before)
            if after != before:
                await connection.execute(update(table).where(table.c.uuid == uuid).values(_row(after, kind)))
                await note_changes(connection, [Changed(kind, ref_of(uuid))])
        return True


def labels_of(row: Row[Any], kind: Labelled) -> Labels:
    """Read the labels in a row of the pool's or the hosts' table."""
    found = row._mapping  # noqa: SLF001  (SQLAlchemy's public name for it)
    return Labels(found[_NAMES[kind]], found["description"], found["other_config"], tuple(found["tags"]))


def _row(labels: Labels, kind: Labelled) -> dict[str, object]:
    return {
        _NAMES[kind]: plain_text(labels.name),
        "description": plain_text(labels.description),
        "other_config": {plain_text(key): plain_text(value) for key, value in labels.other_config.items()},
        "tags": [plain_text(tag) for tag in labels.tags],
    }
