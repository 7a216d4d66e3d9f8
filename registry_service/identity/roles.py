"""Roles: what they may, and how administrators change that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from graft_common import roles as built_in
from graft_common.audit import Argument
from graft_common.errors import GraftError
from graft_common.roles import Role, RoleBook
from registry_service.identity import role_rules
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.values import Request, Session
from registry_service.store.change import Change
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock
from registry_service.watch.values import Kind

CREATE = "role.create"
UPDATE = "role.update"
DESTROY = "role.destroy"
GRANT = "role.grant"
REVOKE = "role.revoke"

_ROLE = frozenset({Kind.ROLE})
_NONE = -1

_log = structlog.get_logger("graft.registry")

Make = Callable[[Change], Awaitable[Role]]


class Roles:
    """Keeps roles. To change them needs pool-admin by rank; see `graft_common.roles.is_reserved`."""

    def __init__(self, store: Store, clock: RevisionClock, tuning: Tuning) -> None:
        self._store = store
        self._clock = clock
        self._tuning = tuning
        self._book = RoleBook()
        self._revision = _NONE
        self._following = asyncio.Lock()

    async def book(self) -> RoleBook:
        """Return what roles may, as of the newest revision that the clock knows of.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when there is news and the database does not answer.
        """
        if self._revision != self._clock.revision:
            async with self._following, self._store.read() as view:
                at = await view.revisions()
                known = at.compacted <= self._revision <= at.current
                if not known or (await view.changes(self._revision, _ROLE, 1)).changes:
                    self._book.replace(await view.roles())
                self._revision = at.current
        return self._book

    async def create(
        self, caller: Session, name: str, description: str, base: str, permissions: Sequence[str], request: Request
    ) -> tuple[Role, int]:
        """Add a role; return it and the revision at which followers know.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; ROLE_EXISTS; ROLE_NOT_FOUND; VALUE_NOT_SUPPORTED.
        """

        async def make(change: Change) -> Role:
            role_rules.check_new_name(name, await change.roles())
            return role_rules.granted(role_rules.made(name, description, base), permissions)

        return await self._put(CREATE, caller, name, request, make, base=base, permissions=permissions)

    async def update(
        self, caller: Session, name: str, description: str | None, base: str | None, request: Request
    ) -> tuple[Role, int]:
        """Change what a role of one's own is for or stands on; None leaves as it is. Return it and the revision.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; ROLE_NOT_FOUND; ROLE_BUILT_IN; VALUE_NOT_SUPPORTED.
        """

        async def make(change: Change) -> Role:
            role = await _role(change, name)
            role_rules.check_custom(role)
            made = role_rules.made(
                name, role.description if description is None else description, role.base if base is None else base
            )
            return replace(made, permissions=role.permissions)

        return await self._put(UPDATE, caller, name, request, make, base=base)

    async def grant(self, caller: Session, name: str, permissions: Sequence[str], request: Request) -> tuple[Role, int]:
        """Grant permissions to a role; return it and the revision.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; ROLE_NOT_FOUND; VALUE_NOT_SUPPORTED.
        """

        async def make(change: Change) -> Role:
            return role_rules.granted(await _role(change, name), permissions)

        return await self._put(GRANT, caller, name, request, make, permissions=permissions)

    async def revoke(
        self, caller: Session, name: str, permissions: Sequence[str], request: Request
    ) -> tuple[Role, int]:
        """Take permissions back from a role; return it and the revision.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; ROLE_NOT_FOUND; PERMISSION_NOT_GRANTED.
        """

        async def make(change: Change) -> Role:
            return role_rules.revoked(await _role(change, name), permissions)

        return await self._put(REVOKE, caller, name, request, make, permissions=permissions)

    async def remove(self, caller: Session, name: str, request: Request) -> int:
        """Remove a role of one's own; return the revision at which followers know.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; ROLE_NOT_FOUND; ROLE_BUILT_IN; ROLE_IN_USE.
        """

        async def remove(change: Change) -> Role:
            role = await _role(change, name)
            role_rules.check_custom(role)
            role_rules.check_unused(name, [*await change.users(), *await change.groups()])
            await change.delete_resources([role])
            return role

        _, revision = await self._change(DESTROY, caller, name, request, remove)
        return revision

    async def _put(
        self,
        action: str,
        caller: Session,
        name: str,
        request: Request,
        make: Make,
        *,
        base: str | None = None,
        permissions: Sequence[str] | None = None,
    ) -> tuple[Role, int]:
        async def put(change: Change) -> Role:
            role = await make(change)
            await change.put_resources([role])
            return role

        told = [] if base is None else [Argument("base", base)]
        if permissions is not None:
            told.append(Argument("permissions", " ".join(permissions)))
        return await self._change(action, caller, name, request, put, told)

    async def _change(
        self,
        name: str,
        caller: Session,
        role: str,
        request: Request,
        make: Make,
        told: Sequence[Argument] = (),
    ) -> tuple[Role, int]:
        """Do something to a role in one transaction, together with its record; a failure is recorded on its own."""
        action = Action(name, request, self._tuning.now, [Argument("name", role), *told])
        async with action.recorded(self._store, caller):
            require_role(caller, name, built_in.POOL_ADMIN)
            async with self._store.change() as change:
                made = await make(change)
                await change.record(action.record(caller, "OK"))
        _log.info(name, role=made.name, base=made.base, permissions=len(made.permissions), by=caller.user)
        return made, change.revision


async def _role(change: Change, name: str) -> Role:
    role = RoleBook(await change.roles()).get(name)
    if role is None:
        raise GraftError("ROLE_NOT_FOUND", name[:64])
    return role
