"""Users: the first administrator, adding, removing, listing."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from graft_common import roles as all_roles
from graft_common.errors import GraftError
from registry_service.identity import rules
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.passwords import Passwords
from registry_service.identity.values import Account, LoginRecord, Request, Session, User
from registry_service.store.store import Store
from registry_service.tuning import Tuning

CREATE = "user.create"
DESTROY = "user.destroy"
LIST = "user.get_all"

T = TypeVar("T")

_log = structlog.get_logger("graft.registry")


class Accounts:
    """Keeps the users."""

    def __init__(self, store: Store, passwords: Passwords, tuning: Tuning) -> None:
        self._store = store
        self._passwords = passwords
        self._tuning = tuning

    async def ensure_administrator(self, name: str, password: str | None) -> str | None:
        """Add the first administrator where there is no user at all; return its password if it had to be generated.

        A user who is there already keeps its password, whatever the settings say; a difference is logged.

        Raises:
            GraftError: VALUE_NOT_SUPPORTED if the name or the password cannot be taken.
        """
        async with self._store.read() as view:
            users = await view.users()
            account = await view.find_account(name) if rules.is_user_name(name) else None
        if users:
            await self._compare_administrator(name, account, password)
            return None
        given = secrets.token_urlsafe(18) if password is None else password
        account = await self._new_account(name, given, [all_roles.POOL_ADMIN])
        async with self._store.change() as change:
            # Another replica may have been first.
            if await change.users():
                return None
            await change.add_account(account)
        _log.info("user.created", user=name, roles=account.user.roles, by="first start")
        return given if password is None else None

    async def _compare_administrator(self, name: str, account: Account | None, password: str | None) -> None:
        if account is None:
            _log.warning("administrator.missing", user=rules.printable(name), kept="the users that exist")
        elif password is not None and not await self._passwords.matches(account.password_hash, password):
            _log.warning("administrator.password_differs", user=name, kept="the stored password")

    async def create(
        self, caller: Session, name: str, password: str, roles: Sequence[str], request: Request
    ) -> tuple[User, int]:
        """Add a user; return it and the revision at which followers know. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; USER_EXISTS [name]; ROLE_NOT_FOUND [role]; VALUE_NOT_SUPPORTED.
        """
        action = Action(CREATE, request, self._tuning.now)

        async def create() -> tuple[User, int]:
            require_role(caller, CREATE, all_roles.POOL_ADMIN)
            account = await self._new_account(name, password, roles)
            async with self._store.change() as change:
                if await change.find_account(name) is not None:
                    raise GraftError("USER_EXISTS", name)
                await change.add_account(account)
                await change.record(action.record(caller, "OK"))
            _log.info("user.created", user=name, roles=account.user.roles, by=caller.user, track_id=caller.track_id)
            return account.user, change.revision

        return await self._recorded(create, lambda outcome: action.record(caller, outcome))

    async def remove(self, caller: Session, name: str, request: Request) -> int:
        """Remove a user and close its sessions; return the revision at which followers know. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; USER_NOT_FOUND [name]; VALUE_NOT_SUPPORTED for the last administrator.
        """
        action = Action(DESTROY, request, self._tuning.now)

        async def remove() -> int:
            require_role(caller, DESTROY, all_roles.POOL_ADMIN)
            rules.check_user_name(name)
            async with self._store.change() as change:
                if await change.find_account(name) is None:
                    raise GraftError("USER_NOT_FOUND", name)
                rules.check_removal(name, await change.users())
                closed = await change.remove_account(name)
                await change.record(action.record(caller, "OK"))
            _log.info("user.removed", user=name, by=caller.user, track_id=caller.track_id, sessions_closed=closed)
            return change.revision

        return await self._recorded(remove, lambda outcome: action.record(caller, outcome))

    async def users(self) -> list[User]:
        """Return the users by name."""
        async with self._store.read() as view:
            return await view.users()

    async def _new_account(self, name: str, password: str, roles: Sequence[str]) -> Account:
        rules.check_user_name(name)
        rules.check_password(password)
        user = User(name, str(uuid.uuid4()), rules.check_roles(roles), self._tuning.now())
        return Account(user, await self._passwords.hash(password))

    async def _recorded(self, act: Callable[[], Awaitable[T]], describe: Callable[[str], LoginRecord]) -> T:
        """Act, and record a failure; success is recorded together with the change itself."""
        try:
            return await act()
        except GraftError as error:
            await self._store.record(describe(error.code))
            raise
