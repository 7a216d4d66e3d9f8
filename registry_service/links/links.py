"""Links, as they are made, switched and removed, and what becomes of them when the resources directory changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from graft_common import roles
from graft_common.errors import GraftError, value_not_supported
from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.catalog import Reading as TreeReading
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.values import LoginRecord, Request, Session
from registry_service.library import publishing
from registry_service.links.auto_linking import auto_link
from registry_service.links.ground import Ground, LinkSpec, spec_of
from registry_service.links.rules import Check, check_creation, check_removal, check_switch, explain, problem_of
from registry_service.resources import Cluster, ExtensionVersion, Link
from registry_service.store.change import Change
from registry_service.store.reading import Reading
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock
from registry_service.watch.values import Change as ResourceChange
from registry_service.watch.values import Kind

CREATE = "link.create"
SWITCH = "link.switch"
REMOVE = "link.destroy"
MAX_CREATED = 1000
"""Links that one request makes."""
_MAX_CHANGES = 1000
_FOLLOWED = frozenset({Kind.LINK, Kind.CLUSTER})
_NONE = -1

T = TypeVar("T")
Settle = Callable[[Ground, Ground], Iterable[Link]]
"""Looks at the states before and after a change of the directory, and returns the links to switch with it."""

_log = structlog.get_logger("graft.registry")


def no_settling(_before: Ground, _after: Ground) -> Iterable[Link]:
    """Switch nothing, and refuse nothing."""
    return ()


class Links:
    """Holds the newest state of catalog and links; every change of it is committed first.

    Each process reads the directory itself; links that other replicas make are learnt from the table of changes.
    """

    def __init__(self, store: Store, clock: RevisionClock, tuning: Tuning) -> None:
        self._store = store
        self._clock = clock
        self._tuning = tuning
        self._writing = asyncio.Lock()
        self._ground = Ground.of(Catalog({}, {}, {}, TreeReading("")), {})
        self._revision = _NONE
        self._read_once = asyncio.Event()
        self._refused: Mapping[str, str] = {}

    async def ground(self) -> Ground:
        """Return the newest state; waits for the first reading of the directory."""
        await self._read_once.wait()
        if self._clock.revision != self._revision:
            async with self._writing, self._store.read() as view:
                await self._refresh(view)
        return self._ground

    async def adopt(self, catalog: Catalog, settle: Settle = no_settling) -> int:
        """Take over a state of the directory; return the revision at which followers know.

        Extension versions are published, links are told what has become of them, and extensions link themselves.

        Args:
            catalog: the state.
            settle: is given the states before and after, and returns the links that are switched with it; what it
                raises leaves everything as it was.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the database does not answer; what `settle` raises.
        """
        async with self._writing:
            if settle is no_settling and self._read_once.is_set() and self._ground.catalog.reading == catalog.reading:
                return self._revision
            async with self._store.change() as change:
                before = await self._refresh(change)
                if not self._read_once.is_set():
                    stored = await change.every_resource(Kind.EXTENSION_VERSION)
                    known = [item for item in stored if isinstance(item, ExtensionVersion)]
                    differences = publishing.from_stored(known, catalog)
                else:
                    differences = publishing.from_catalog(before.catalog, catalog)
                await change.delete_resources(differences.deleted)
                await change.put_resources(differences.put)
                ground = Ground.of(catalog, before.links, _last_good(catalog, before), before.clusters)
                told = [replace(link, problem=problem_of(ground, link)) for link in ground.all_links()]
                await change.put_resources([link for link in told if link != ground.find(link.id)])
                ground = Ground.of(catalog, _by_stack(told), ground.in_force, ground.clusters)
                for link in settle(before, ground):
                    await change.switch_link(link)
                    ground = ground.with_link(link)
                ground = await self._link_by_themselves(change, ground)
                revision = change.revision if change.has_changed else change.revision - 1
            self._ground, self._revision = ground, revision
            self._read_once.set()
            return revision

    async def create(self, caller: Session, specs: Sequence[LinkSpec], request: Request) -> tuple[list[Link], int]:
        """Make links, all or none, each after those before it; return them with the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; VALUE_NOT_SUPPORTED if there are too many; a code of `rules.CREATION`.
        """

        async def make(change: Change, ground: Ground) -> tuple[Ground, list[Link]]:
            made = []
            for spec in specs:
                check_creation(ground, spec)
                ground, link = await self._add(change, ground, spec)
                made.append(link)
            return ground, made

        def check() -> None:
            if not 1 <= len(specs) <= MAX_CREATED:
                raise value_not_supported("links", str(len(specs)), f"a request makes 1 to {MAX_CREATED} links")

        return await self._write(CREATE, caller, request, make, check)

    async def switch(
        self, caller: Session, link_id: int, name: str, version: str, request: Request
    ) -> tuple[Link, int]:
        """Let a link lead to another version of its extension; return it with the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; a code of `rules.check_switch`.
        """

        async def change_version(change: Change, ground: Ground) -> tuple[Ground, Link]:
            link = check_switch(ground, link_id, name, version)
            if link.extension_version == version:
                return ground, link
            switched = replace(link, extension_version=version, problem="")
            await change.switch_link(switched)
            return _forget_unlinked(ground.with_link(switched), link), switched

        return await self._write(SWITCH, caller, request, change_version)

    async def remove(self, caller: Session, link_id: int, request: Request) -> int:
        """Remove a link; return the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; a code of `rules.check_removal`.
        """

        async def delete(change: Change, ground: Ground) -> tuple[Ground, Link]:
            link = check_removal(ground, link_id)
            await change.remove_link(link)
            return _forget_unlinked(ground.without_link(link), link), link

        _, revision = await self._write(REMOVE, caller, request, delete)
        return revision

    async def explain(self, spec: LinkSpec) -> list[Check]:
        """Tell for every rule of creation whether it holds."""
        return explain(await self.ground(), spec)

    async def _write(
        self,
        name: str,
        caller: Session,
        request: Request,
        act: Callable[[Change, Ground], Awaitable[tuple[Ground, T]]],
        check: Callable[[], None] = lambda: None,
    ) -> tuple[T, int]:
        """Change links, and let extensions link themselves anew."""

        async def act_and_link(change: Change, ground: Ground) -> tuple[Ground, T]:
            ground, result = await act(change, ground)
            return await self._link_by_themselves(change, ground), result

        return await self.write(name, caller, roles.POOL_ADMIN, request, act_and_link, check)

    async def write(
        self,
        name: str,
        caller: Session,
        role: str,
        request: Request,
        act: Callable[[Change, Ground], Awaitable[tuple[Ground, T]]],
        check: Callable[[], None] = lambda: None,
    ) -> tuple[T, int]:
        """Act within one transaction; success is recorded with it, a failure on its own.

        Nothing else changes links or clusters meanwhile, be it here or in another replica.

        Args:
            name: what the record calls the action.
            caller: who acts.
            role: the least role that may.
            request: where it comes from.
            act: is given the transaction and the newest state; returns what the state has become, and its result.
            check: raises what is wrong with the request itself.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, and whatever `check` and `act` raise.
        """
        action = Action(name, request, self._tuning.now)

        def describe(outcome: str) -> LoginRecord:
            return action.record(caller, outcome)

        try:
            require_role(caller, name, role)
            check()
            await self._read_once.wait()
            async with self._writing:
                async with self._store.change() as change:
                    before = await self._refresh(change)
                    ground, result = await act(change, before)
                    await change.record(describe("OK"))
                    revision = change.revision if change.has_changed else change.revision - 1
                self._ground, self._revision = ground, revision
        except GraftError as error:
            await self._store.record(describe(error.code))
            raise
        _log.info(f"{name}d" if name.endswith("e") else name, by=caller.user, track_id=caller.track_id)
        return result, revision

    async def _add(self, change: Change, ground: Ground, spec: LinkSpec) -> tuple[Ground, Link]:
        link = await change.add_link(Link(0, *spec.stack, *spec.extension, self._tuning.now()))
        return ground.with_link(link), link

    async def _link_by_themselves(self, change: Change, ground: Ground) -> Ground:
        now = self._tuning.now()
        found = auto_link(ground, lambda spec, number: Link(number, *spec.stack, *spec.extension, now))
        for spec in found.specs:
            ground, link = await self._add(change, ground, spec)
            _log.info("link.made_by_itself", link=link.id, spec=str(spec))
        for name, reason in found.refused.items():
            if self._refused.get(name) != reason:
                _log.warning("link.not_made_by_itself", extension=name, reason=reason)
        self._refused = found.refused
        return ground

    async def _refresh(self, view: Reading) -> Ground:
        """Add to the state that is held what other replicas have committed, and return it."""
        ground, at = self._ground, await view.revisions()
        if at.current == self._revision:
            return ground
        if at.compacted > self._revision or at.current < self._revision:
            links = _by_stack(await view.every_resource(Kind.LINK))
            clusters = _by_name(await view.every_resource(Kind.CLUSTER))
            ground = Ground.of(ground.catalog, links, ground.in_force, clusters)
        else:
            revision, more = self._revision, True
            while more:
                batch = await view.changes(revision, _FOLLOWED, _MAX_CHANGES)
                for item in batch.changes:
                    ground = _with_change(ground, item)
                revision, more = batch.revision, batch.more
        self._ground, self._revision = ground, at.current
        return ground


def _with_change(ground: Ground, change: ResourceChange) -> Ground:
    now = change.resource
    if change.kind is Kind.CLUSTER:
        return ground.with_cluster(now) if isinstance(now, Cluster) else ground.without_cluster(change.key)
    old = ground.find(int(change.key))
    if old is not None:
        ground = ground.without_link(old)
    return ground.with_link(now) if isinstance(now, Link) else ground


def _by_name(clusters: Iterable[object]) -> dict[str, Cluster]:
    return {cluster.name: cluster for cluster in clusters if isinstance(cluster, Cluster)}


def _by_stack(links: Iterable[object]) -> dict[VersionKey, dict[int, Link]]:
    found: dict[VersionKey, dict[int, Link]] = {}
    for link in links:
        if isinstance(link, Link):
            found.setdefault(spec_of(link).stack, {})[link.id] = link
    return found


def _last_good(catalog: Catalog, before: Ground) -> dict[VersionKey, ResolvedExtension]:
    """Find what stands in for linked extension versions that have become invalid: what was valid before."""
    found = {}
    for key in {spec_of(link).extension for link in before.all_links()}:
        on_disk, earlier = catalog.extension(*key), before.effective(key)
        if on_disk is not None and not on_disk.valid and earlier is not None and earlier.valid:
            found[key] = earlier
    return found


def _forget_unlinked(ground: Ground, link: Link) -> Ground:
    """Let the last valid state of an extension version go when no link needs it any more."""
    key = spec_of(link).extension
    if key not in ground.in_force or any(spec_of(other).extension == key for other in ground.all_links()):
        return ground
    in_force = {other: extension for other, extension in ground.in_force.items() if other != key}
    return Ground.of(ground.catalog, ground.links, in_force, ground.clusters)
