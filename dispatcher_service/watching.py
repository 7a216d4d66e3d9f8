"""The events of a dispatcher, put together: what there are events of, and who serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dispatcher_service.background import repeat
from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.builtins.events import event_builtins
from dispatcher_service.builtins.hosts import HOST_FIELDS, POOL_FIELDS
from dispatcher_service.builtins.tasks import task_records
from dispatcher_service.events.hub import KEPT_GONE, EventHub
from dispatcher_service.events.kinds import Kind, RegistryKind, StoredKind
from dispatcher_service.events.registered import MAX_AGE, MAX_KEPT, Registered
from dispatcher_service.events.service import EventServicer
from dispatcher_service.hosts.membership import Membership
from dispatcher_service.sessions.admission import SessionSource
from dispatcher_service.sessions.applying import differences
from dispatcher_service.sessions.follower import RegistryFollower
from dispatcher_service.sessions.objects import User
from dispatcher_service.sessions.session import Session
from dispatcher_service.sessions.view import RegistryView
from dispatcher_service.store.store import DispatcherStore
from dispatcher_service.tasks.task import owner_filter
from graft_common.roles import POOL_ADMIN
from graft_common.rpc.service import RpcService
from graft_common.values import Value

COLLECT = 60.0
"""Seconds between two collections of what is remembered for watchers."""

RecordOf = Callable[[Any], Value]


class Watching:
    """The hub of events with all that it is told of."""

    def __init__(
        self, store: DispatcherStore, hosts: Membership, follower: RegistryFollower, records: Mapping[str, RecordOf]
    ) -> None:
        """Begin to take notice of what changes.

        Args:
            store: the dispatchers' store.
            hosts: the hosts and the pool.
            follower: follows the registry.
            records: write the records of the registry's objects, by class.
        """
        self._store = store
        self.hub = EventHub(store.changes, follower, [*_stored(store, hosts), *_followed(records)])
        self._registered = Registered(self.hub, store.registrations)
        store.access.on_noted = self.hub.noted
        if follower.view.revision:
            self.hub.registry_moved(follower.view.revision, differences(RegistryView(), follower.view))
        follower.on_objects = self.hub.registry_moved
        self.hub.start()
        self._collecting = repeat("event collection", self._collect, COLLECT)

    def builtins(self) -> BuiltinTable:
        """Return `event.*`."""
        return event_builtins(self.hub, self._registered)

    def service(self, sessions: SessionSource) -> RpcService:
        """Return `EventService`."""
        return EventServicer(self.hub, sessions).service()

    async def close(self) -> None:
        """End all waits."""
        self._collecting.cancel()
        await self.hub.close()

    async def _collect(self) -> None:
        await self._store.changes.trim(KEPT_GONE)
        await self._store.registrations.trim(MAX_AGE, MAX_KEPT)


def _stored(store: DispatcherStore, hosts: Membership) -> list[Kind]:
    async def load_pool(refs: Sequence[str]) -> Mapping[str, Value]:
        pool = await hosts.pool()
        return {ref: {field: read(pool) for field, read in POOL_FIELDS.items()} for ref in refs if ref == pool.ref}

    async def load_hosts(refs: Sequence[str]) -> Mapping[str, Value]:
        found = {host.ref: host for host in await hosts.list()}
        return {ref: {field: read(found[ref]) for field, read in HOST_FIELDS.items()} for ref in refs if ref in found}

    return [
        StoredKind("task", task_records(store.tasks), lambda session: owner_filter(session) is None),
        StoredKind("pool", load_pool),
        StoredKind("host", load_hosts),
    ]


def _followed(records: Mapping[str, RecordOf]) -> list[Kind]:
    """Return the registry's classes; of sessions and users, each sees the own, and who may list them all sees all."""

    def user_of_session(found: Session) -> str:
        return found.user

    def user_itself(found: User) -> str:
        return found.name

    owners: Mapping[str, Callable[[Any], str]] = {"session": user_of_session, "user": user_itself}
    return [
        RegistryKind(name, record, _lists(name), owners[name]) if name in owners else RegistryKind(name, record)
        for name, record in records.items()
    ]


def _lists(name: str) -> Callable[[Session], bool]:
    return lambda session: session.permits(f"{name}.get_all", POOL_ADMIN)
