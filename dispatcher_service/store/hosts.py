"""The tables of hosts and of the pool, and the leases in them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, case, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatcher_service.hosts.host import Host, HostFacts
from dispatcher_service.hosts.labels import Labels
from dispatcher_service.references import ref_of
from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.changes import Changed, note_changes
from dispatcher_service.store.labels import labels_of
from dispatcher_service.store.schema import plain_text, store_now

_MAX_HOSTS = 10_000
_columns = schema.host.c


class HostTable:
    """Registers hosts, and keeps and ends their leases."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def register(self, facts: HostFacts, lease: float) -> int:
        """Give the host a lease of `lease` seconds, and return its epoch."""
        said = {
            "name_label": plain_text(facts.name_label),
            "address": plain_text(facts.address),
            "version": plain_text(facts.version),
            "engine": plain_text(facts.engine),
            "started": store_now(),
            "lease_until": store_now() + lease,
            "live": True,
        }
        async with self._access.writing() as connection:
            upsert = (
                _dialect(connection)
                .insert(schema.host)
                .values(uuid=facts.uuid, epoch=1, registered=store_now(), **said)
            )
            upsert = upsert.on_conflict_do_update(
                index_elements=[_columns.uuid], set_={**said, "epoch": _columns.epoch + 1}
            )
            epoch: int = (await connection.execute(upsert.returning(_columns.epoch))).scalar_one()
            # It says anew which extensions it has.
            await connection.execute(delete(schema.extension).where(schema.extension.c.host == facts.uuid))
            await _note(connection, [facts.uuid])
        return epoch

    async def renew(self, host: str, epoch: int, lease: float) -> bool:
        """Prolong a lease; False when it is no longer that host's."""
        async with self._access.writing() as connection:
            own = update(schema.host).where(_columns.uuid == host, _columns.epoch == epoch, _columns.live)
            return (await connection.execute(own.values(lease_until=store_now() + lease))).rowcount == 1

    async def release(self, host: str, epoch: int) -> None:
        """End the host's own lease."""
        async with self._access.writing() as connection:
            own = update(schema.host).where(_columns.uuid == host, _columns.epoch == epoch)
            ended = await connection.execute(own.values(live=False, lease_until=store_now()))
            await _note(connection, [host] if ended.rowcount else [])

    async def end_expired(self) -> list[Host]:
        """End the leases that were not prolonged in time; return the hosts that had them."""
        expired = select(schema.host).where(_columns.live, _columns.lease_until < store_now()).order_by(_columns.uuid)
        async with self._access.writing() as connection:
            rows = (await connection.execute(expired.with_for_update(skip_locked=True))).all()
            if rows:
                gone = update(schema.host).where(_columns.uuid.in_([row.uuid for row in rows]))
                await connection.execute(gone.values(live=False))
                await _note(connection, [row.uuid for row in rows])
        return [_host(row) for row in rows]

    async def forget_lost(self, age: float) -> None:
        """Delete the hosts that have had no lease for `age` seconds, once no task names them."""
        named = exists().where(schema.task.c.host == _columns.uuid)
        old = delete(schema.host).where(~_columns.live, _columns.lease_until < store_now() - age, ~named)
        async with self._access.writing() as connection:
            forgotten = (await connection.scalars(old.returning(_columns.uuid))).all()
            await connection.execute(delete(schema.extension).where(schema.extension.c.host.in_(forgotten)))
            await _note(connection, forgotten, gone=True)

    async def list(self) -> list[Host]:
        """List the hosts by name."""
        in_force = case((and_(_columns.live, _columns.lease_until >= store_now()), 1), else_=0)
        query = select(schema.host, in_force.label("in_force")).order_by(_columns.name_label, _columns.uuid)
        async with self._access.reading() as connection:
            rows = (await connection.execute(query.limit(_MAX_HOSTS))).all()
        found = [_host(row, live=bool(row.in_force)) for row in rows]
        return sorted(found, key=lambda host: (host.name_label, host.facts.uuid))

    async def join_pool(self, name: str) -> tuple[str, Labels]:
        """Return UUID and labels of the pool; whoever asks first makes it, with the name given."""
        async with self._access.writing() as connection:
            dialect = _dialect(connection)
            first = dialect.insert(schema.pool).values(id=1, uuid=str(uuid.uuid4()), name=plain_text(name))
            made = await connection.execute(first.on_conflict_do_nothing())
            row = (await connection.execute(select(schema.pool))).one()
            if made.rowcount:
                await note_changes(connection, [Changed("pool", ref_of(row.uuid))])
        return row.uuid, labels_of(row, "pool")

    async def pool(self) -> tuple[str, Labels]:
        """Return UUID and labels of the pool, which is there once a host has registered."""
        async with self._access.reading() as connection:
            row = (await connection.execute(select(schema.pool))).one()
        return row.uuid, labels_of(row, "pool")


async def _note(connection: AsyncConnection, hosts: Sequence[str], *, gone: bool = False) -> None:
    """Note what becomes of hosts; with them the pool may have another coordinator."""
    if hosts:
        pool = (await connection.scalars(select(schema.pool.c.uuid))).all()
        changes = [
            *(Changed("host", ref_of(host), gone) for host in hosts),
            *(Changed("pool", ref_of(p)) for p in pool),
        ]
        await note_changes(connection, changes)


def _dialect(connection: AsyncConnection) -> Any:
    """Return the module whose `insert` knows conflicts, which is the same in both."""
    return postgresql if connection.dialect.name == "postgresql" else sqlite


def _host(row: Row[Any], *, live: bool = False) -> Host:
    return Host(
        facts=HostFacts(row.uuid, row.name_label, row.address, row.version, row.engine),
        epoch=row.epoch,
        registered=row.registered,
        started=row.started,
        lease_until=row.lease_until,
        live=live,
        labels=labels_of(row, "host"),
    )
