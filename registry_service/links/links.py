"""Links, as they are made, switched and removed, and what becomes of them when the resources directory changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from graft_common import roles
from graft_common.declarations.access import Grant
from graft_common.errors import GraftError, service_unavailable, value_not_supported
from registry_service.catalog.catalog import Catalog, VersionKey
from registry_service.catalog.catalog import Reading as TreeReading
from registry_service.grants.giving import GRANT, give
from registry_service.grants.rules import AccessSpec, check_specs
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.values import LoginRecord, Request, Session
from registry_service.library import publishing
from registry_service.links.auto_linking import Refusal, auto_link, touched_by
from registry_service.links.bundling import publish
from registry_service.links.following import catch_up
from registry_service.links.ground import Ground, LinkSpec, spec_of
from registry_service.links.keeping import forget_unlinked, prepare, stand_ins, without_stand_ins
from registry_service.links.last_good import FORMAT, keep
from registry_service.links.rules import Check, check_creation, check_removal, check_switch, explain, problem_of
from registry_service.resources import ExtensionVersion, LastGood, Link
from registry_service.store.change import Change
from registry_service.store.reading import Reading
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock
from registry_service.watch.values import Kind

CREATE = "link.create"
SWITCH = "link.switch"
REMOVE = "link.destroy"
MAX_CREATED = 1000
"""Links that one request makes."""
_STRETCH = 50
"""Links that are looked at before other calls have a turn."""
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
        self._ground = Ground.of(Catalog({}, {}, {}, TreeReading("")))
        self._revision = _NONE
        self._has_read = False
        self._awake = asyncio.Event()
        self._refused: Mapping[str, Refusal] = {}
        self._due: set[str] | None = None
        """Extensions that may want or get other links since they were looked at last; None for all."""

    def stop(self) -> None:
        """Refuse the calls that wait for a first reading, and those that come while there has been none."""
        self._awake.set()

    async def ground(self) -> Ground:
        """Return the newest state; waits for the first reading of the directory.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the registry stops before.
        """
        await self.first_reading()
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
            is_same = self._has_read and self._ground.catalog.reading == catalog.reading and not self._ground.unsettled
            if settle is no_settling and is_same:
                return self._revision
            kept, unlinked = await self._prepare(catalog)
            async with self._store.change() as change:
                before = await self._refresh(change)
                if not self._has_read:
                    stored = await change.every_resource(Kind.EXTENSION_VERSION)
                    known = [item for item in stored if isinstance(item, ExtensionVersion)]
                    differences = publishing.from_stored(known, catalog)
                else:
                    differences = publishing.from_catalog(before.catalog, catalog)
                await change.delete_resources(differences.deleted)
                await change.put_resources(differences.put)
                await change.put_last_good([item for item in kept if item.key in before.index.by_extension])
                await change.drop_last_good([key for key in unlinked if key not in before.index.by_extension])
                ground = await self._take_over(change, before, catalog)
                settled = list(settle(before, ground))
                for link in settled:
                    ground = await self._switch(change, ground, link)
                linked = await self._link_by_themselves(change, ground, self._due_on(before, ground, settled))
                ground = await publish(change, before, linked.ground)
                revision = change.revision if change.has_changed else change.revision - 1
            self._ground, self._revision = ground, revision
            self._note(linked)
            self._has_read = True
            self._awake.set()
            return revision

    async def create(
        self, caller: Session, specs: Sequence[LinkSpec], request: Request, access: Sequence[AccessSpec] = ()
    ) -> tuple[list[Link], list[Grant], int]:
        """Make links, each after those before it, and grant access with them; all or nothing. Needs pool-admin.

        Returns the links, the grants, and the revision.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; VALUE_NOT_SUPPORTED if there are too many; a code of `rules.CREATION`,
                or of `grants.rules.check_specs` and `check_asked`.
        """
        granting = Action(GRANT, request, self._tuning.now)

        async def make(change: Change, ground: Ground) -> tuple[Ground, tuple[list[Link], list[Grant]], Sequence[Link]]:
            with_those_before = ground
            for number, spec in enumerate(specs, 1):
                check_creation(with_those_before, spec)
                if number < len(specs):
                    with_those_before = with_those_before.with_link(self._unstored(spec, -number))
                if number % _STRETCH == 0:
                    await asyncio.sleep(0)
            ground, made = await self._add(change, ground, specs)
            grants = await give(change, ground, caller, access, self._tuning.now())
            for _ in grants:
                await change.record(granting.record(caller, "OK"))
            return ground, (made, grants), made

        def check() -> None:
            if not 1 <= len(specs) <= MAX_CREATED:
                raise value_not_supported("links", str(len(specs)), f"a request makes 1 to {MAX_CREATED} links")
            check_specs(access)

        (made, grants), revision = await self._write(CREATE, caller, request, make, check)
        return made, grants, revision

    async def switch(
        self, caller: Session, link_id: int, name: str, version: str, request: Request
    ) -> tuple[Link, int]:
        """Let a link lead to another version of its extension; return it with the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; a code of `rules.check_switch`.
        """

        async def change_version(change: Change, ground: Ground) -> tuple[Ground, Link, Sequence[Link]]:
            link = check_switch(ground, link_id, name, version)
            if link.extension_version == version:
                return ground, link, ()
            switched = replace(link, extension_version=version, problem="")
            return await self._switch(change, ground, switched), switched, (switched,)

        return await self._write(SWITCH, caller, request, change_version)

    async def remove(self, caller: Session, link_id: int, request: Request) -> int:
        """Remove a link; return the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; a code of `rules.check_removal`.
        """

        async def delete(change: Change, ground: Ground) -> tuple[Ground, Link, Sequence[Link]]:
            link = check_removal(ground, link_id)
            await change.remove_link(link)
            ground = await forget_unlinked(change, ground.without_link(link), [spec_of(link).extension])
            return ground, link, (link,)

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
        act: Callable[[Change, Ground], Awaitable[tuple[Ground, T, Sequence[Link]]]],
        check: Callable[[], None] = lambda: None,
    ) -> tuple[T, int]:
        """Change links, of which `act` tells the last, and let extensions link themselves anew."""

        async def act_and_link(change: Change, ground: Ground) -> tuple[Ground, tuple[T, _Linked]]:
            ground, result, touched = await act(change, ground)
            due = None if self._due is None else self._due | touched_by(ground, touched, self._refused)
            linked = await self._link_by_themselves(change, ground, due)
            return linked.ground, (result, linked)

        (result, linked), revision = await self.write(name, caller, roles.POOL_ADMIN, request, act_and_link, check)
        self._note(linked)
        return result, revision

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
            await self.first_reading()
            async with self._writing:
                async with self._store.change() as change:
                    before = await self._refresh(change)
                    ground, result = await act(change, before)
                    ground = await publish(change, before, ground)
                    await change.record(describe("OK"))
                    revision = change.revision if change.has_changed else change.revision - 1
                self._ground, self._revision = ground, revision
        except GraftError as error:
            await self._store.record(describe(error.code))
            raise
        _log.info(name, by=caller.user, track_id=caller.track_id)
        return result, revision

    async def first_reading(self) -> None:
        """Wait until the directory has been read, so that nothing is answered of a tree that nobody has seen yet.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the registry stops before.
        """
        await self._awake.wait()
        if not self._has_read:
            raise service_unavailable("registry", "it is shutting down")

    async def _prepare(self, catalog: Catalog) -> tuple[list[LastGood], list[VersionKey]]:
        """Return the last valid states that are to be kept, and those that may not be needed any more."""
        if self._has_read:
            return await prepare(catalog, self._ground, None), []
        async with self._store.read() as view:
            before = await self._refresh(view)
            digests = await view.last_good_digests(FORMAT)
        return await prepare(catalog, before, digests), [key for key in digests if not before.of_extension(key)]

    async def _take_over(self, change: Change, before: Ground, catalog: Catalog) -> Ground:
        """Find what is in force on another catalog, and tell the links of it that are concerned."""
        linked = before.index.by_extension
        looked_at = set(linked) if not self._has_read else linked.keys() & catalog.changed(before.catalog)
        found = await stand_ins(change, catalog, before, looked_at)
        now = replace(before, catalog=catalog, in_force=found.in_force, lost=found.lost)
        stacks = before.catalog.stacks.keys() ^ catalog.stacks.keys()
        concerned = {link.id: link for key in looked_at for link in before.of_extension(key)}
        concerned |= {link.id: link for stack in stacks for link in before.of_stack(stack).by_version.values()}
        told = [replace(link, problem=problem_of(now, link)) for link in concerned.values()]
        await change.put_resources([link for link in told if link != concerned[link.id]])
        return before.on(catalog, found.in_force, found.lost, told)

    def _unstored(self, spec: LinkSpec, number: int) -> Link:
        return Link(number, *spec.stack, *spec.extension, self._tuning.now())

    async def _add(self, change: Change, ground: Ground, specs: Sequence[LinkSpec]) -> tuple[Ground, list[Link]]:
        if not specs:
            return ground, []
        await self._keep(change, ground, {spec.extension for spec in specs})
        links = await change.add_links([self._unstored(spec, 0) for spec in specs])
        return ground.with_links(links), links

    async def _switch(self, change: Change, ground: Ground, link: Link) -> Ground:
        """Store what a link has become."""
        old = ground.index.by_id[link.id]
        await self._keep(change, ground, {spec_of(link).extension})
        await change.switch_link(link)
        return await forget_unlinked(change, ground.with_link(link), [spec_of(old).extension])

    async def _keep(self, change: Change, ground: Ground, keys: Iterable[VersionKey]) -> None:
        """Keep what extension versions are like that are about to be linked, of those that are not linked already."""
        new = [ground.catalog.extension(*key) for key in keys if not ground.of_extension(key)]
        for start in range(0, len(new), _STRETCH):
            some = new[start : start + _STRETCH]
            await change.put_last_good([keep(found) for found in some if found is not None and found.valid])

    def _due_on(self, before: Ground, ground: Ground, settled: Sequence[Link]) -> set[str] | None:
        """Name the extensions that may want or get other links on another catalog; None for all."""
        if self._due is None or before.catalog.stacks is not ground.catalog.stacks:
            return None
        changed = {name for name, _ in ground.catalog.changed(before.catalog)}
        return self._due | changed | self._refused.keys() | {link.extension_name for link in settled}

    async def _link_by_themselves(self, change: Change, ground: Ground, due: set[str] | None) -> _Linked:
        found = auto_link(ground, self._unstored, due)
        ground, made = await self._add(change, ground, found.specs)
        refused = {name: refusal for name, refusal in self._refused.items() if due is not None and name not in due}
        refused |= found.refused
        return _Linked(ground, made, refused, touched_by(ground, made, refused))

    def _note(self, linked: _Linked) -> None:
        """Remember what has become of the extensions that link themselves; it is committed."""
        for link in linked.made:
            _log.info("link.made_by_itself", link=link.id, spec=str(spec_of(link)))
        for name, refusal in linked.refused.items():
            if self._refused.get(name) != refusal:
                _log.warning("link.not_made_by_itself", extension=name, reason=refusal.reason)
        self._refused, self._due = linked.refused, linked.due

    async def _refresh(self, view: Reading) -> Ground:
        """Add to the state that is held what other replicas have committed, and return it."""
        ground, at = self._ground, await view.revisions()
        if at.current == self._revision:
            return ground
        found = await catch_up(view, ground, self._revision, at)
        ground, touched = found.ground, found.touched
        if found.is_anew:
            self._due = None
        if self._has_read and touched:
            ground = await self._in_force_too(view, ground, touched)
        if self._due is not None:
            self._due |= touched_by(ground, touched, self._refused)
        self._ground, self._revision = ground, at.current
        return ground

    async def _in_force_too(self, view: Reading, ground: Ground, links: Iterable[Link]) -> Ground:
        """See to what is in force of the extension versions whose links another replica has changed."""
        keys = {spec_of(link).extension for link in links}
        ground = without_stand_ins(ground, [key for key in keys if not ground.of_extension(key)])
        found = await stand_ins(view, ground.catalog, ground, [key for key in keys if ground.of_extension(key)])
        new = found.in_force.keys() - ground.in_force.keys()
        return ground.on(
            ground.catalog, found.in_force, found.lost, [link for key in new for link in ground.of_extension(key)]
        )


@dataclass(frozen=True, slots=True)
class _Linked:
    """What has become of the extensions that link themselves, once it is committed."""

    ground: Ground
    made: Sequence[Link]
    refused: Mapping[str, Refusal]
    due: set[str]
    """Those that may get a link by what was made."""
