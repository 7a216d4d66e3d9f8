"""Queries: one consistent view of the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from graft_common.declarations.access import Asker, Grant
from graft_common.roles import Role
from registry_service.identity.values import Account, Group, LoginRecord, Request, Session, SessionUse, User
from registry_service.resources import LastGood
from registry_service.store import bodies, tables
from registry_service.watch.values import Batch, CatalogResource, Change, Kind, Resource, Revisions

_CATALOG_KINDS = frozenset(
    {Kind.EXTENSION_VERSION, Kind.LINK, Kind.DECLARATION, Kind.CLUSTER, Kind.METHOD_BUNDLE, Kind.GRANT, Kind.ROLE}
)


_MAX_KEYS = 200
"""In one query."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A resource of a list, and the position after which the next page begins."""

    position: str
    resource: Resource
    revision: int


class Reading:
    """What can be asked within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def revisions(self) -> Revisions:
        """Return the newest revision, and the newest that is compacted."""
        row = (await self._connection.execute(sa.select(tables.meta))).one()
        return Revisions(row.revision, row.compacted)

    async def find_account(self, name: str) -> Account | None:
        """Return the user of that name, with its password's hash."""
        query = sa.select(tables.users).where(tables.users.c.name == name)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Account(_user(row), row.password_hash)

    async def users(self) -> list[User]:
        """Return the users by name."""
        rows = await self._connection.execute(sa.select(tables.users).order_by(tables.users.c.name))
        return [_user(row) for row in rows]

    async def groups(self) -> list[Group]:
        """Return the groups by name."""
        columns = tables.group_members.c
        members: dict[str, list[str]] = {}
        for group, user in await self._connection.execute(sa.select(tables.group_members).order_by(columns.user_name)):
            members.setdefault(group, []).append(user)
        rows = await self._connection.execute(sa.select(tables.groups).order_by(tables.groups.c.name))
        return [_group(row, members.get(row.name, ())) for row in rows]

    async def find_group(self, name: str) -> Group | None:
        """Return the group of that name."""
        query = sa.select(tables.groups).where(tables.groups.c.name == name)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        columns = tables.group_members.c
        of_group = sa.select(columns.user_name).where(columns.group_name == name).order_by(columns.user_name)
        return _group(row, list(await self._connection.scalars(of_group)))

    async def group_roles(self, user: str) -> frozenset[str]:
        """Return the roles of all groups that a user is in."""
        columns = tables.group_members.c
        joined = tables.groups.join(tables.group_members, columns.group_name == tables.groups.c.name)
        query = sa.select(tables.groups.c.roles).select_from(joined).where(columns.user_name == user)
        return frozenset(role for roles in await self._connection.scalars(query) for role in roles.split())

    async def find_session(self, digest: str) -> Session | None:
        """Return the session of that digest, expired or not."""
        query = sa.select(tables.sessions).where(tables.sessions.c.digest == digest)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _session(row)

    async def find_sessions(self, digests: Iterable[str]) -> list[Session]:
        """Return those sessions that exist."""
        query = sa.select(tables.sessions).where(tables.sessions.c.digest.in_(list(digests)))
        return [_session(row) for row in await self._connection.execute(query)]

    async def sessions_of_subject(self, user_uuid: str) -> list[str]:
        """Return the digests of the sessions of whoever has the UUID."""
        columns = tables.sessions.c
        query = sa.select(columns.digest).where(columns.user_uuid == user_uuid)
        return list(await self._connection.scalars(query))

    async def session_subjects(self) -> list[str]:
        """Return the UUIDs of all who have a session, in order."""
        column = tables.sessions.c.user_uuid
        return list(await self._connection.scalars(sa.select(column).distinct().order_by(column)))

    async def count_sessions(self, *, user: str | None = None, originator: str | None = None) -> int:
        """Count all sessions, or those of a user or an originator."""
        query = sa.select(sa.func.count()).select_from(tables.sessions)
        return int(await self._connection.scalar(_of_group(query, user=user, originator=originator)) or 0)

    async def session_uses(
        self, *, user: str | None = None, originator: str | None = None, digests: Sequence[str] | None = None
    ) -> list[SessionUse]:
        """Return how the sessions of a user, of an originator, or of the digests were used."""
        columns = tables.sessions.c
        query = sa.select(columns.digest, columns.created, columns.last_active, columns.busy_until)
        if digests is not None:
            query = query.where(columns.digest.in_(digests))
        rows = await self._connection.execute(_of_group(query, user=user, originator=originator))
        return [SessionUse(*row) for row in rows]

    async def expired_sessions(self, until: datetime, now: datetime, limit: int) -> list[Session]:
        """Return at most `limit` sessions that were last used at `until` or before, or have to end by `now`."""
        columns = tables.sessions.c
        over = sa.or_(columns.last_active <= until, columns.ends <= now)
        query = sa.select(tables.sessions).where(over).order_by(columns.last_active)
        return [_session(row) for row in await self._connection.execute(query.limit(limit))]

    async def login_records(
        self, *, beyond: int | None, since: datetime | None, limit: int, oldest_first: bool = False
    ) -> list[LoginRecord]:
        """Return at most `limit` records beyond an id, the newest first unless asked otherwise."""
        columns = tables.login_records.c
        order = columns.id.asc() if oldest_first else columns.id.desc()
        query = sa.select(tables.login_records).order_by(order).limit(limit)
        if beyond is not None:
            query = query.where(columns.id > beyond if oldest_first else columns.id < beyond)
        if since is not None:
            query = query.where(columns.time >= since)
        return [_login_record(row) for row in await self._connection.execute(query)]

    async def resources(self, kind: Kind, *, after: str, limit: int) -> list[Listed]:
        """Return at most `limit` resources of a catalog kind, in order, beyond the position `after`."""
        columns = tables.resources.c
        query = (
            sa.select(tables.resources)
            .where(columns.kind == kind.value, columns.position > after)
            .order_by(columns.position)
            .limit(limit)
        )
        rows = await self._connection.execute(query)
        return [Listed(row.position, bodies.read(kind, row.body), row.revision) for row in rows]

    async def every_resource(self, kind: Kind) -> list[CatalogResource]:
        """Return all resources of a catalog kind, in order."""
        columns = tables.resources.c
        query = sa.select(columns.body).where(columns.kind == kind.value).order_by(columns.position)
        rows = await self._connection.scalars(query)
        return [cast("CatalogResource", bodies.read(kind, body)) for body in rows]

    async def roles(self) -> list[Role]:
        """Return what administrators have made of roles, by name; a built-in one only if anything was granted to it."""
        return [role for role in await self.every_resource(Kind.ROLE) if isinstance(role, Role)]

    async def last_good_digests(self, of_format: str) -> dict[tuple[str, str], str]:
        """Return the digests of the last valid states that are kept, or "" for those of another format, by version."""
        columns = tables.last_good.c
        query = sa.select(columns.extension_name, columns.extension_version, columns.format, columns.digest)
        rows = await self._connection.execute(query)
        return {(name, version): digest if kept == of_format else "" for name, version, kept, digest in rows}

    async def last_good(self, keys: Sequence[tuple[str, str]]) -> list[LastGood]:
        """Return the last valid states of extension versions, of those for which one is kept."""
        columns = tables.last_good.c
        found: list[LastGood] = []
        for start in range(0, len(keys), _MAX_KEYS):
            some = sa.tuple_(columns.extension_name, columns.extension_version).in_(keys[start : start + _MAX_KEYS])
            found += [LastGood(*row) for row in await self._connection.execute(sa.select(tables.last_good).where(some))]
        return found

    async def find_grants(self, askers: Iterable[Asker]) -> list[Grant]:
        """Return what is granted to some methods, of those to which anything is."""
        columns = tables.grants.c
        keys = [(asker.method, asker.extension, asker.version) for asker in askers]
        found: list[Grant] = []
        for start in range(0, len(keys), _MAX_KEYS):
            key = sa.tuple_(columns.method, columns.extension_name, columns.extension_version)
            query = sa.select(tables.grants).where(key.in_(keys[start : start + _MAX_KEYS]))
            found += [_grant(row) for row in await self._connection.execute(query)]
        return found

    async def bundle_part(self, digest: str, number: int) -> bytes | None:
        """Return a piece of a bundle's bytes, counted from 0; None behind the last, or of one that is not there."""
        columns = tables.bundle_parts.c
        query = sa.select(columns.body).where(columns.digest == digest, columns.number == number)
        body: bytes | None = await self._connection.scalar(query)
        return body

    async def snapshot(self, kinds: frozenset[Kind]) -> list[Change]:
        """Return everything that exists of these kinds, as changes; of roles only what administrators have made."""
        revision = (await self.revisions()).current
        changes: list[Change] = []
        if Kind.USER in kinds:
            changes += [Change(revision, Kind.USER, user.name, user) for user in await self.users()]
        if Kind.SESSION in kinds:
            rows = await self._connection.execute(sa.select(tables.sessions).order_by(tables.sessions.c.created))
            sessions = [_session(row) for row in rows]
            changes += [Change(revision, Kind.SESSION, session.digest, session) for session in sessions]
        if catalog := kinds & _CATALOG_KINDS:
            columns = tables.resources.c
            query = sa.select(tables.resources).where(columns.kind.in_([kind.value for kind in catalog]))
            rows = await self._connection.execute(query.order_by(columns.kind, columns.position))
            changes += [
                Change(row.revision, Kind(row.kind), row.key, bodies.read(Kind(row.kind), row.body)) for row in rows
            ]
        return changes

    async def changes(self, after: int, kinds: frozenset[Kind], limit: int) -> Batch:
        """Return about `limit` changes of these kinds beyond the revision `after`, no revision in part."""
        newest = (await self.revisions()).current
        columns = tables.events.c
        query = (
            sa.select(tables.events)
            .where(columns.revision > after, columns.kind.in_([kind.value for kind in kinds]))
            .order_by(columns.revision, columns.position)
        )
        changes = [_change(row) for row in await self._connection.execute(query.limit(limit + 1))]
        if len(changes) <= limit:
            return Batch(newest, changes, more=False)
        cut = changes[-1].revision
        whole = [change for change in changes if change.revision < cut]
        if not whole:
            rows = await self._connection.execute(query.where(columns.revision == cut))
            whole = [_change(row) for row in rows]
        return Batch(whole[-1].revision, whole, more=True)


def _of_group(query: sa.Select[Any], *, user: str | None, originator: str | None) -> sa.Select[Any]:
    if user is not None:
        query = query.where(tables.sessions.c.user_name == user)
    if originator is not None:
        query = query.where(tables.sessions.c.originator == originator)
    return query


def _user(row: sa.Row[Any]) -> User:
    return User(row.name, row.uuid, tuple(row.roles.split()), row.created)


def _group(row: sa.Row[Any], members: Sequence[str]) -> Group:
    return Group(row.name, row.description, tuple(row.roles.split()), tuple(members), row.created)


def _session(row: sa.Row[Any]) -> Session:
    return Session(
        digest=row.digest,
        uuid=row.uuid,
        user=row.user_name,
        user_uuid=row.user_uuid,
        roles=tuple(row.roles.split()),
        originator=row.originator,
        created=row.created,
        last_active=row.last_active,
        subject=row.subject,
        ends=row.ends,
        other_config=bodies.read_pairs(row.other_config),
    )


def _grant(row: sa.Row[Any]) -> Grant:
    asker = Asker(row.method, row.extension_name, row.extension_version)
    return Grant(asker, bodies.read_access(row.request), row.digest, row.granted_by, row.granted_at)


def _change(row: sa.Row[Any]) -> Change:
    kind = Kind(row.kind)
    return Change(row.revision, kind, row.key, None if row.body is None else bodies.read(kind, row.body))


def _login_record(row: sa.Row[Any]) -> LoginRecord:
    return LoginRecord(
        id=row.id,
        time=row.time,
        user=row.user_name,
        roles=tuple(row.roles.split()),
        track_id=row.track_id,
        action=row.action,
        denied=row.denied,
        outcome=row.outcome,
        duration=timedelta(microseconds=row.duration_us),
        request=Request(row.peer, row.request_id),
        originator=row.originator,
        user_uuid=row.user_uuid,
        arguments=bodies.read_arguments(row.arguments),
    )
