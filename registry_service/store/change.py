"""Writes: every change of a resource together with the event that tells followers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from graft_common.declarations.access import Asker, Grant
from graft_common.method_bundles import CHUNK
from registry_service.identity.values import Account, Group, LoginRecord, Session, SessionUse
from registry_service.resources import Cluster, InstalledService, LastGood, Link
from registry_service.store import bodies, tables
from registry_service.store.reading import Reading
from registry_service.watch.values import CatalogResource, Kind, Resource

_MICROSECOND = timedelta(microseconds=1)
_NEVER = datetime.fromtimestamp(0, UTC)
_DELETE_RESOURCE = sa.delete(tables.resources).where(
    tables.resources.c.kind == sa.bindparam("of_kind"), tables.resources.c.position == sa.bindparam("at")
)
_ADD_LINKS = sa.insert(tables.links).returning(tables.links.c.id, sort_by_parameter_order=True)
_DROP_LAST_GOOD = sa.delete(tables.last_good).where(
    tables.last_good.c.extension_name == sa.bindparam("of_name"),
    tables.last_good.c.extension_version == sa.bindparam("of_version"),
)
_DELETE_GRANT = sa.delete(tables.grants).where(
    tables.grants.c.method == sa.bindparam("of_method"),
    tables.grants.c.extension_name == sa.bindparam("of_name"),
    tables.grants.c.extension_version == sa.bindparam("of_version"),
)
_MAX_ROWS = 500
"""In one statement."""


class Change(Reading):
    """One transaction that writes; what it changes all happens at `revision`."""

    def __init__(self, connection: AsyncConnection, revision: int, now: datetime) -> None:
        super().__init__(connection)
        self.revision = revision
        self._now = now
        self._events: list[dict[str, Any]] = []

    async def add_account(self, account: Account) -> None:
        """Add a user."""
        user = account.user
        row = asdict(user) | {"roles": " ".join(user.roles), "password_hash": account.password_hash}
        await self._connection.execute(sa.insert(tables.users).values(row))
        self._put(Kind.USER, user.name, user)

    async def replace_account(self, account: Account) -> None:
        """Store the roles and the password of a user who is there."""
        user = account.user
        of_user = sa.update(tables.users).where(tables.users.c.name == user.name)
        row = {"roles": " ".join(user.roles), "password_hash": account.password_hash}
        await self._connection.execute(of_user.values(row))
        self._put(Kind.USER, user.name, user)

    async def put_group(self, group: Group) -> None:
        """Add a group, or replace that of its name; followers are not told, for roles count from the next login."""
        await self.remove_group(group.name)
        row = {"name": group.name, "description": group.description, "created": group.created}
        await self._connection.execute(sa.insert(tables.groups).values(row | {"roles": " ".join(group.roles)}))
        if group.members:
            rows = [{"group_name": group.name, "user_name": name} for name in group.members]
            await self._connection.execute(sa.insert(tables.group_members), rows)

    async def remove_group(self, name: str) -> None:
        """Remove a group, if it is there."""
        members = tables.group_members
        await self._connection.execute(sa.delete(members).where(members.c.group_name == name))
        await self._connection.execute(sa.delete(tables.groups).where(tables.groups.c.name == name))

    async def remove_account(self, name: str) -> int:
        """Remove a user and its sessions; return how many sessions there were."""
        uses = await self.session_uses(user=name)
        await self.delete_sessions([use.digest for use in uses])
        members = tables.group_members
        await self._connection.execute(sa.delete(members).where(members.c.user_name == name))
        await self._connection.execute(sa.delete(tables.users).where(tables.users.c.name == name))
        self._delete(Kind.USER, name)
        return len(uses)

    async def add_session(self, session: Session) -> None:
        """Add a session."""
        row = asdict(session) | {
            "user_name": session.user,
            "roles": " ".join(session.roles),
            "busy_until": _NEVER,
            "other_config": bodies.write_pairs(session.other_config),
        }
        del row["user"]
        await self._connection.execute(sa.insert(tables.sessions).values(row))
        self._put(Kind.SESSION, session.digest, session)

    async def replace_other_config(self, session: Session) -> None:
        """Store what clients have noted with a session, which is there."""
        of_session = sa.update(tables.sessions).where(tables.sessions.c.digest == session.digest)
        await self._connection.execute(of_session.values(other_config=bodies.write_pairs(session.other_config)))
        self._put(Kind.SESSION, session.digest, session)

    async def use_sessions(self, uses: Sequence[SessionUse]) -> None:
        """Store how sessions were used; followers are told of a later last use, not of a session being busy."""
        before = {session.digest: session for session in await self.find_sessions([use.digest for use in uses])}
        known = [use for use in uses if use.digest in before]
        if not known:
            return
        columns = tables.sessions.c
        update = (
            sa.update(tables.sessions)
            .where(columns.digest == sa.bindparam("of"))
            .values(last_active=sa.bindparam("used"), busy_until=sa.bindparam("busy"))
        )
        rows = [{"of": use.digest, "used": use.last_active, "busy": use.busy_until} for use in known]
        await self._connection.execute(update, rows)
        for use in known:
            if use.last_active != before[use.digest].last_active:
                self._put(Kind.SESSION, use.digest, replace(before[use.digest], last_active=use.last_active))

    async def delete_sessions(self, digests: Sequence[str]) -> int:
        """Remove sessions; return how many there were."""
        existing = [session.digest for session in await self.find_sessions(digests)] if digests else []
        if existing:
            await self._connection.execute(sa.delete(tables.sessions).where(tables.sessions.c.digest.in_(existing)))
        for digest in existing:
            self._delete(Kind.SESSION, digest)
        return len(existing)

    async def add_links(self, links: Sequence[Link]) -> list[Link]:
        """Add links; return them with their ids, each higher than any before."""
        if not links:
            return []
        rows = [_link_row(link) for link in links]
        ids = list(await self._connection.scalars(_ADD_LINKS, rows))
        stored = [replace(link, id=number) for link, number in zip(links, ids, strict=True)]
        await self.put_resources(stored)
        return stored

    async def switch_link(self, link: Link) -> None:
        """Store what a link has become."""
        update = sa.update(tables.links).where(tables.links.c.id == link.id).values(_link_row(link))
        await self._connection.execute(update)
        await self.put_resources([link])

    async def remove_link(self, link: Link) -> None:
        """Remove a link."""
        await self._connection.execute(sa.delete(tables.links).where(tables.links.c.id == link.id))
        await self.delete_resources([link])

    async def put_last_good(self, kept: Sequence[LastGood]) -> None:
        """Keep the last valid states of extension versions, in place of what was kept of them before."""
        await self.drop_last_good([item.key for item in kept])
        for start in range(0, len(kept), _MAX_ROWS):
            rows = [
                {
                    "extension_name": item.name,
                    "extension_version": item.version,
                    "format": item.format,
                    "digest": item.digest,
                    "body": item.body,
                }
                for item in kept[start : start + _MAX_ROWS]
            ]
            await self._connection.execute(sa.insert(tables.last_good), rows)

    async def drop_last_good(self, keys: Sequence[tuple[str, str]]) -> None:
        """Keep the last valid states of some extension versions no longer, of those for which one is kept."""
        if keys:
            rows = [{"of_name": name, "of_version": version} for name, version in keys]
            await self._connection.execute(_DROP_LAST_GOOD, rows)

    async def keep_bundle(self, digest: str, content: bytes) -> None:
        """Keep the bytes of a bundle that is named from now on, unless they are there."""
        named = sa.update(tables.bundles).where(tables.bundles.c.digest == digest).values(unused_since=None)
        if (await self._connection.execute(named)).rowcount:
            return
        await self._connection.execute(sa.insert(tables.bundles).values(digest=digest))
        for number, start in enumerate(range(0, len(content), CHUNK)):
            part = {"digest": digest, "number": number, "body": content[start : start + CHUNK]}
            await self._connection.execute(sa.insert(tables.bundle_parts).values(part))

    async def release_bundles(self, digests: Collection[str]) -> None:
        """Note that nothing names some bundles any more; they are kept a while for those who fetch them now."""
        if digests:
            columns = tables.bundles.c
            unused = sa.update(tables.bundles).where(columns.digest.in_(digests)).values(unused_since=self._now)
            await self._connection.execute(unused)

    async def put_grants(self, grants: Sequence[Grant]) -> None:
        """Add grants, or replace those to the same methods."""
        if not grants:
            return
        await self._connection.execute(_DELETE_GRANT, [_asker_row(grant.asker) for grant in grants])
        rows = [
            {
                "method": grant.asker.method,
                "extension_name": grant.asker.extension,
                "extension_version": grant.asker.version,
                "request": bodies.write_access(grant.request),
                "digest": grant.digest,
                "granted_by": grant.granted_by,
                "granted_at": grant.granted_at,
            }
            for grant in grants
        ]
        await self._connection.execute(sa.insert(tables.grants), rows)
        await self.put_resources(grants)

    async def remove_grant(self, grant: Grant) -> None:
        """Remove a grant, which is there."""
        await self._connection.execute(_DELETE_GRANT, [_asker_row(grant.asker)])
        await self.delete_resources([grant])

    async def add_cluster(self, cluster: Cluster) -> Cluster:
        """Add a cluster, which has no services yet; return it with its id, which is higher than any before."""
        row = {
            "name": cluster.name,
            "stack_name": cluster.stack_name,
            "stack_version": cluster.stack_version,
            "created": cluster.created,
        }
        added = await self._connection.execute(sa.insert(tables.clusters).values(row))
        key = added.inserted_primary_key
        stored = replace(cluster, id=int(key[0]) if key is not None else 0)
        await self.put_resources([stored])
        return stored

    async def remove_cluster(self, cluster: Cluster) -> None:
        """Remove a cluster with its services."""
        columns = tables.cluster_services.c
        await self._connection.execute(sa.delete(tables.cluster_services).where(columns.cluster_id == cluster.id))
        await self._connection.execute(sa.delete(tables.clusters).where(tables.clusters.c.id == cluster.id))
        await self.delete_resources([cluster])

    async def add_services(self, cluster: Cluster, services: Sequence[InstalledService]) -> Cluster:
        """Add services to a cluster; return what it has become."""
        rows = [asdict(service) | {"cluster_id": cluster.id} for service in services]
        await self._connection.execute(sa.insert(tables.cluster_services), rows)
        return await self._put_services(cluster, (*cluster.services, *services))

    async def remove_service(self, cluster: Cluster, name: str) -> Cluster:
        """Remove a service from a cluster; return what it has become."""
        columns = tables.cluster_services.c
        gone = sa.delete(tables.cluster_services).where(columns.cluster_id == cluster.id, columns.name == name)
        await self._connection.execute(gone)
        return await self._put_services(cluster, [service for service in cluster.services if service.name != name])

    async def _put_services(self, cluster: Cluster, services: Sequence[InstalledService]) -> Cluster:
        changed = replace(cluster, services=tuple(sorted(services, key=lambda service: service.name)))
        await self.put_resources([changed])
        return changed

    async def put_resources(self, resources: Sequence[CatalogResource]) -> None:
        """Add resources of the catalog, or replace those of their keys."""
        if not resources:
            return
        await self._connection.execute(_DELETE_RESOURCE, [_place(resource) for resource in resources])
        rows = []
        for resource in resources:
            kind, key, position = bodies.place(resource)
            body = bodies.write(resource)
            rows.append({"kind": kind.value, "position": position, "key": key, "body": body, "revision": self.revision})
            self._put(kind, key, resource)
        await self._connection.execute(sa.insert(tables.resources), rows)

    async def delete_resources(self, resources: Sequence[CatalogResource]) -> None:
        """Remove resources of the catalog, which are there."""
        if not resources:
            return
        await self._connection.execute(_DELETE_RESOURCE, [_place(resource) for resource in resources])
        for resource in resources:
            kind, key, _ = bodies.place(resource)
            self._delete(kind, key)

    async def record(self, record: LoginRecord) -> None:
        """Add a line to the login audit."""
        await self._connection.execute(
            sa.insert(tables.login_records).values(
                time=record.time,
                user_name=record.user,
                roles=" ".join(record.roles),
                track_id=record.track_id,
                action=record.action,
                denied=record.denied,
                outcome=record.outcome,
                duration_us=record.duration // _MICROSECOND,
                request_id=record.request.request_id,
                originator=record.originator,
                peer=record.request.peer,
                user_uuid=record.user_uuid,
                arguments=bodies.write_arguments(record.arguments),
            )
        )

    @property
    def known_revision(self) -> int:
        """The revision at which followers know all that was changed, also where nothing was."""
        return self.revision if self._events else self.revision - 1

    @property
    def has_changed(self) -> bool:
        """Whether followers will be told anything."""
        return bool(self._events)

    async def flush(self) -> bool:
        """Write the events and the revision; tell whether there were any. The store calls it, last of all."""
        if not self._events:
            return False
        await self._connection.execute(sa.insert(tables.events), self._events)
        await self._connection.execute(sa.update(tables.meta).values(revision=self.revision))
        return True

    def _put(self, kind: Kind, key: str, resource: Resource) -> None:
        self._event(kind, key, "put", bodies.write(resource))

    def _delete(self, kind: Kind, key: str) -> None:
        self._event(kind, key, "delete", None)

    def _event(self, kind: Kind, key: str, op: str, body: str | None) -> None:
        self._events.append(
            {
                "revision": self.revision,
                "position": len(self._events),
                "time": self._now,
                "kind": kind.value,
                "key": key,
                "op": op,
                "body": body,
            }
        )


def _place(resource: CatalogResource) -> dict[str, str]:
    kind, _, position = bodies.place(resource)
    return {"of_kind": kind.value, "at": position}


def _asker_row(asker: Asker) -> dict[str, str]:
    return {"of_method": asker.method, "of_name": asker.extension, "of_version": asker.version}


def _link_row(link: Link) -> dict[str, Any]:
    return {
        "stack_name": link.stack_name,
        "stack_version": link.stack_version,
        "extension_name": link.extension_name,
        "extension_version": link.extension_version,
        "created": link.created,
    }
