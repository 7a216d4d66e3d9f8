"""Groups of users, whose roles they have besides their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from graft_common.audit import Argument
from graft_common.errors import GraftError, value_not_supported
from graft_common.roles import POOL_ADMIN, RoleBook
from registry_service.identity import role_rules, rules
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.values import Group, Request, Session
from registry_service.store.change import Change
from registry_service.store.store import Store
from registry_service.tuning import Tuning

LIST = "group.get_all"
CREATE = "group.create"
UPDATE = "group.update"
MEMBERS = "group.change_members"
DESTROY = "group.destroy"

MAX_GROUPS = 200
MAX_MEMBERS = 1000
"""Of one group."""

_log = structlog.get_logger("graft.registry")


class Groups:
    """Keeps groups. To change them needs pool-admin by rank, as to change roles of users does."""

    def __init__(self, store: Store, tuning: Tuning) -> None:
        self._store = store
        self._tuning = tuning

    async def groups(self) -> list[Group]:
        """Return the groups by name."""
        async with self._store.read() as view:
            return await view.groups()

    async def create(
        self,
        caller: Session,
        name: str,
        description: str,
        roles: Sequence[str],
        members: Sequence[str],
        request: Request,
    ) -> Group:
        """Add a group.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; GROUP_EXISTS; ROLE_NOT_FOUND; USER_NOT_FOUND; VALUE_NOT_SUPPORTED.
        """

        async def make(change: Change) -> Group:
            rules.check_user_name(name)
            if await change.find_group(name) is not None:
                raise GraftError("GROUP_EXISTS", name)
            role_rules.check_description(description)
            if len(await change.groups()) >= MAX_GROUPS:
                raise value_not_supported("name", name, f"there are {MAX_GROUPS} groups, which is as many as can be")
            wanted = rules.check_roles(roles, RoleBook(await change.roles()))
            return await _with_members(change, Group(name, description, wanted, (), self._tuning.now()), members, ())

        told = [Argument("roles", " ".join(roles)), Argument("members", ", ".join(members))]
        return await self._put(CREATE, caller, name, request, make, told)

    async def update(
        self, caller: Session, name: str, description: str | None, roles: Sequence[str], request: Request
    ) -> Group:
        """Change what a group is for, or its roles; None and no roles leave them as they are.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; GROUP_NOT_FOUND; ROLE_NOT_FOUND; VALUE_NOT_SUPPORTED.
        """

        async def make(change: Change) -> Group:
            group = await _group(change, name)
            if description is not None:
                role_rules.check_description(description)
                group = replace(group, description=description)
            if roles:
                group = replace(group, roles=rules.check_roles(roles, RoleBook(await change.roles())))
            return group

        return await self._put(UPDATE, caller, name, request, make, [Argument("roles", " ".join(roles))])

    async def change_members(
        self, caller: Session, name: str, add: Sequence[str], remove: Sequence[str], request: Request
    ) -> Group:
        """Add users to a group and remove others.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; GROUP_NOT_FOUND; USER_NOT_FOUND; VALUE_NOT_SUPPORTED.
        """

        async def make(change: Change) -> Group:
            return await _with_members(change, await _group(change, name), add, remove)

        told = [Argument("add", ", ".join(add)), Argument("remove", ", ".join(remove))]
        return await self._put(MEMBERS, caller, name, request, make, told)

    async def remove(self, caller: Session, name: str, request: Request) -> None:
        """Remove a group; its members stay users.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; GROUP_NOT_FOUND.
        """

        async def remove(change: Change) -> Group:
            group = await _group(change, name)
            await change.remove_group(name)
            return group

        await self._change(DESTROY, caller, name, request, remove, ())

    async def _put(
        self,
        action: str,
        caller: Session,
        name: str,
        request: Request,
        make: Callable[[Change], Awaitable[Group]],
        told: Sequence[Argument],
    ) -> Group:
        async def put(change: Change) -> Group:
            group = await make(change)
            await change.put_group(group)
            return group

        return await self._change(action, caller, name, request, put, told)

    async def _change(
        self,
        name: str,
        caller: Session,
        group: str,
        request: Request,
        make: Callable[[Change], Awaitable[Group]],
        told: Sequence[Argument],
    ) -> Group:
        """Do something to a group in one transaction, together with its record; a failure is recorded on its own."""
        action = Action(name, request, self._tuning.now, [Argument("name", group), *told])
        async with action.recorded(self._store, caller):
            require_role(caller, name, POOL_ADMIN)
            async with self._store.change() as change:
                made = await make(change)
                await change.record(action.record(caller, "OK"))
        _log.info(name, group=made.name, roles=made.roles, members=len(made.members), by=caller.user)
        return made


async def _group(change: Change, name: str) -> Group:
    group = await change.find_group(name) if rules.is_user_name(name) else None
    if group is None:
        raise GraftError("GROUP_NOT_FOUND", rules.printable(name))
    return group


async def _with_members(change: Change, group: Group, add: Iterable[str], remove: Iterable[str]) -> Group:
    after = (set(add) | set(group.members)) - set(remove)
    if len(after) > MAX_MEMBERS:
        reason = f"a group has at most {MAX_MEMBERS} users"
        raise value_not_supported("members", str(len(after)), reason)
    for name in sorted(after.difference(group.members)):
        if not rules.is_user_name(name) or await change.find_account(name) is None:
            raise GraftError("USER_NOT_FOUND", rules.printable(name))
    return replace(group, members=tuple(sorted(after)))
