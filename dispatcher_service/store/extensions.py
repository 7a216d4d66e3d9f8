"""Which extensions each host has, as the hosts themselves say."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Column, Exists, delete, exists, insert, select

from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.schema import plain_text, store_now

_columns = schema.extension.c
_MAX_NAME = 256
_BATCH = 500


class ExtensionTable:
    """Keeps the names of extensions by host."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def say(self, host: str, names: Iterable[str]) -> None:
        """Let a host have these, and no others."""
        wanted = {plain_text(name, _MAX_NAME) for name in names}
        async with self._access.writing() as connection:
            there = set((await connection.scalars(select(_columns.name).where(_columns.host == host))).all())
            gone, new = sorted(there - wanted), sorted(wanted - there)
            for start in range(0, len(gone), _BATCH):
                some = _columns.name.in_(gone[start : start + _BATCH])
                await connection.execute(delete(schema.extension).where(_columns.host == host, some))
            if new:
                await connection.execute(insert(schema.extension), [{"host": host, "name": name} for name in new])

    async def has(self, host: str, name: str) -> bool:
        """Tell whether a host has said that it has an extension."""
        async with self._access.reading() as connection:
            return (await connection.scalar(select(_said(name, host)))) is True

    async def all_others_have(self, host: str, name: str) -> bool:
        """Tell whether all hosts but this whose lease is in force have an extension."""
        other = schema.host.c
        lacking = exists().where(
            other.live, other.lease_until >= store_now(), other.uuid != host, ~_said(name, other.uuid)
        )
        async with self._access.reading() as connection:
            return (await connection.scalar(select(~lacking))) is True


def _said(name: str, host: str | Column[str]) -> Exists:
    return exists().where(_columns.host == host, _columns.name == plain_text(name, _MAX_NAME))
