"""This host among the others: it registers, renews its lease, and ends the leases and tasks of those that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import structlog
from prometheus_client import Gauge

from dispatcher_service.background import repeat
from dispatcher_service.hosts.host import Host, HostFacts, Pool, coordinator
from dispatcher_service.hosts.labels import Change, Labels
from dispatcher_service.references import ref_of, uuid_of
from dispatcher_service.store.labels import Labelled
from dispatcher_service.store.store import DispatcherStore
from dispatcher_service.tasks.manager import log_lost
from graft_common.errors import GraftError, handle_invalid

_log = structlog.get_logger("graft.hosts")

HOSTS_LIVE = Gauge("graft_hosts_live", "Hosts whose lease is in force.")


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How leases run, in seconds."""

    lease: float = 20.0
    """A host that has not renewed its lease for so long counts as lost."""
    heartbeat: float = 5.0
    """Between two renewals, and two looks for lost hosts."""
    forget: float = 86400.0
    """A host that has been lost for so long is forgotten, once no task names it."""


class Membership:
    """The lease of this host. `on_lost` is called when others have given this host up, before it registers anew."""

    def __init__(self, store: DispatcherStore, facts: HostFacts, times: LeaseTimes, pool_name: str) -> None:
        self._store = store
        self._facts = facts
        self._times = times
        self._pool_name = pool_name
        self._pool_uuid, self._pool_labels = "", Labels()
        self._hosts: Sequence[Host] = ()
        self._epoch = 0
        self._heartbeat: asyncio.Task[None] | None = None
        self.on_lost: Callable[[], Awaitable[None]] | None = None

    @classmethod
    async def join(
        cls, store: DispatcherStore, facts: HostFacts, times: LeaseTimes | None = None, pool_name: str = "Graft"
    ) -> Self:
        """Register, end what an earlier life of this host has left pending, and keep the lease from now on.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer.
        """
        member = cls(store, facts, times or LeaseTimes(), pool_name)
        await member._register()
        await member.reap()
        member._heartbeat = repeat("host heartbeat", member.beat, member._times.heartbeat)
        return member

    @property
    def host_uuid(self) -> str:
        """This host."""
        return self._facts.uuid

    @property
    def host_ref(self) -> str:
        """The reference of this host."""
        return ref_of(self._facts.uuid)

    @property
    def coordinator(self) -> str:
        """The reference of the host that clients should take as the coordinator, as it was last seen."""
        return coordinator(self._hosts)

    @property
    def epoch(self) -> int:
        """The lease under which this host accepts tasks."""
        return self._epoch

    async def beat(self) -> None:
        """Renew the lease, or register anew when it is lost; then look after the others."""
        if not await self._store.hosts.renew(self.host_uuid, self._epoch, self._times.lease):
            _log.error("host.lost", host=self.host_uuid, epoch=self._epoch, itself=True)
            if self.on_lost is not None:
                await self.on_lost()
            await self._register()
        await self.reap()

    async def reap(self) -> None:
        """End the leases that have run out, and every pending task whose host has no lease for it."""
        for host in await self._store.hosts.end_expired():
            _log.warning("host.lost", host=host.facts.uuid, name=host.facts.name_label, epoch=host.epoch)
        log_lost(await self._store.tasks.fail_orphans())
        await self._store.hosts.forget_lost(self._times.forget)
        await self.list()

    async def list(self) -> Sequence[Host]:
        """List the hosts by name, as they were last seen where the store does not answer."""
        try:
            self._hosts = await self._store.hosts.list()
        except GraftError:
            if not self._hosts:
                raise
        HOSTS_LIVE.set(sum(host.live for host in self._hosts))
        return self._hosts

    async def pool(self) -> Pool:
        """Return the pool, as it was last seen where the store does not answer."""
        hosts = await self.list()
        with suppress(GraftError):
            self._pool_uuid, self._pool_labels = await self._store.hosts.pool()
        return Pool(self._pool_uuid, self._pool_labels, coordinator(hosts))

    async def relabel_pool(self, ref: str, change: Change) -> None:
        """Change what is said of the pool.

        Raises:
            GraftError: HANDLE_INVALID ["pool", reference]; SERVICE_UNAVAILABLE; what the change raises.
        """
        await self._relabel("pool", ref, change)

    async def relabel_host(self, ref: str, change: Change) -> None:
        """Change what is said of a host.

        Raises:
            GraftError: HANDLE_INVALID ["host", reference]; SERVICE_UNAVAILABLE; what the change raises.
        """
        await self._relabel("host", ref, change)

    async def leave(self) -> None:
        """Give the lease back, so that nobody waits for this host."""
        await self.stop()
        with suppress(GraftError):
            await self._store.hosts.release(self.host_uuid, self._epoch)
            log_lost(await self._store.tasks.fail_orphans())

    async def stop(self) -> None:
        """Renew the lease no longer."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await self._heartbeat

    async def _relabel(self, kind: Labelled, ref: str, change: Change) -> None:
        uuid = uuid_of(ref)
        if ref != ref_of(uuid) or not await self._store.labels.change(kind, uuid, change):
            raise handle_invalid(kind, ref)

    async def _register(self) -> None:
        self._epoch = await self._store.hosts.register(self._facts, self._times.lease)
        self._pool_uuid, self._pool_labels = await self._store.hosts.join_pool(self._pool_name)
        _log.info("host.registered", host=self.host_uuid, epoch=self._epoch, address=self._facts.address)
