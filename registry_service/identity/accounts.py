"""Users: the first administrator, adding, removing, listing, roles and passwords."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace

import structlog

from graft_common import roles as all_roles
from graft_common.audit import Argument
from graft_common.errors import GraftError
from graft_common.roles import RoleBook
from registry_service.identity import rules
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.failed_logins import FailedLogins
from registry_service.identity.passwords import Passwords
from registry_service.identity.sessions import CHUNK
from registry_service.identity.values import Account, Request, Session, User
from registry_service.store.change import Change
from registry_service.store.store import Store
from registry_service.tuning import Tuning

CREATE = "user.create"
DESTROY = "user.destroy"
LIST = "user.get_all"
LOGOUT_SUBJECT = "session.logout_subject_identifier"
SET_ROLES = "user.set_roles"
CHANGE_OF_OTHERS = "user.set_password"
CHANGE_OF_OWN = "session.change_password"

_log = structlog.get_logger("graft.registry")


class Accounts:
    """Keeps the users."""

    def __init__(self, store: Store, passwords: Passwords, failures: FailedLogins, tuning: Tuning) -> None:
        self._store = store
        self._passwords = passwords
        self._failures = failures
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
        told = [Argument("name", name), Argument("roles", " ".join(roles))]
        action = Action(CREATE, request, self._tuning.now, told)

        async with action.recorded(self._store, caller):
            require_role(caller, CREATE, all_roles.POOL_ADMIN)
            account = await self._new_account(name, password, roles)
            async with self._store.change() as change:
                if await change.find_account(name) is not None:
                    raise GraftError("USER_EXISTS", name)
                await change.add_account(account)
                await change.record(action.record(caller, "OK"))
            _log.info("user.created", user=name, roles=account.user.roles, by=caller.user, track_id=caller.track_id)
            return account.user, change.revision

    async def set_roles(self, caller: Session, name: str, roles: Sequence[str], request: Request) -> tuple[User, int]:
        """Give a user other roles, from the next login on; return it and the revision at which followers know.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; USER_NOT_FOUND [name]; ROLE_NOT_FOUND [role]; VALUE_NOT_SUPPORTED for
                the last administrator.
        """
        told = [Argument("name", name), Argument("roles", " ".join(roles))]
        action = Action(SET_ROLES, request, self._tuning.now, told)

        async with action.recorded(self._store, caller):
            require_role(caller, SET_ROLES, all_roles.POOL_ADMIN)
            wanted = rules.check_roles(roles, await self._book())
            async with self._store.change() as change:
                account = await self._account(change, name)
                if all_roles.POOL_ADMIN not in wanted:
                    rules.check_removal(name, await change.users())
                user = replace(account.user, roles=wanted)
                await change.replace_account(replace(account, user=user))
                await change.record(action.record(caller, "OK"))
            _log.info("user.roles_set", user=name, roles=wanted, by=caller.user, track_id=caller.track_id)
            return user, change.revision

    async def change_password(self, caller: Session, name: str, old: str, new: str, request: Request) -> int:
        """Give a user another password, and close the user's other sessions; return the revision that says so.

        One's own password takes the old one: a session that somebody else got hold of is not enough. That of others
        needs pool-admin.

        Args:
            caller: who asks.
            name: the user; empty for the caller.
            old: the caller's password; not looked at for others.
            new: the user's password to be.
            request: where it comes from.

        Raises:
            GraftError: SESSION_AUTHENTICATION_FAILED [user, reason]; CHANGE_PASSWORD_REJECTED [reason];
                RBAC_PERMISSION_DENIED; USER_NOT_FOUND [name]; SERVER_BUSY.
        """
        own = caller.is_own_user and name in {"", caller.user}
        told = [Argument("name", caller.user if own else name)]
        action = Action(CHANGE_OF_OWN if own else CHANGE_OF_OTHERS, request, self._tuning.now, told)

        async with action.recorded(self._store, caller):
            if not own and not name:
                raise GraftError("CHANGE_PASSWORD_REJECTED", "the user of this session has no password here")
            if not own:
                require_role(caller, CHANGE_OF_OTHERS, all_roles.POOL_ADMIN)
            user = caller.user if own else name
            rules.check_new_password(new)
            before = await self._prove(caller, old, request) if own else None
            hashed = await self._passwords.hash(new)
            async with self._store.change() as change:
                account = await self._account(change, user)
                if before is not None and account != before:
                    # It was changed while the old password was checked.
                    raise _wrong_password(user)
                await change.replace_account(replace(account, password_hash=hashed))
                uses = await change.session_uses(user=user)
                others = [use.digest for use in uses if use.digest != caller.digest]
                await change.delete_sessions(others)
                await change.record(action.record(caller, "OK"))
            by = {"by": caller.user, "track_id": caller.track_id}
            _log.info("user.password_changed", user=user, sessions_closed=len(others), **by)
            return change.revision

    async def _prove(self, caller: Session, password: str, request: Request) -> Account:
        """Return the caller's account if the password is the caller's; a wrong one counts as a failed login."""
        async with self._store.read() as view:
            account = await view.find_account(caller.user)
        # By session: the address of who has one is only told, and must not have tries count against another's.
        request = replace(request, peer=f"session {caller.track_id}")
        with self._failures.attempt(caller.user, request):
            if account is not None and await self._passwords.matches(account.password_hash, password, request.peer):
                self._failures.succeeded(caller.user, request)
                return account
            await self._failures.failed(caller.user, caller.user, caller.originator, request)
        raise _wrong_password(caller.user)

    async def _account(self, change: Change, name: str) -> Account:
        account = await change.find_account(name) if rules.is_user_name(name) else None
        if account is None:
            raise GraftError("USER_NOT_FOUND", rules.printable(name))
        return account

    async def remove(self, caller: Session, name: str, request: Request) -> int:
        """Remove a user and close its sessions; return the revision at which followers know. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; USER_NOT_FOUND [name]; VALUE_NOT_SUPPORTED for the last administrator.
        """
        action = Action(DESTROY, request, self._tuning.now, [Argument("name", name)])

        async with action.recorded(self._store, caller):
            require_role(caller, DESTROY, all_roles.POOL_ADMIN)
            rules.check_name(name)
            async with self._store.change() as change:
                await self._account(change, name)
                rules.check_removal(name, await change.users())
                closed = await change.remove_account(name)
                await change.record(action.record(caller, "OK"))
            _log.info("user.removed", user=name, by=caller.user, track_id=caller.track_id, sessions_closed=closed)
            return change.revision

    async def log_out(self, caller: Session, identifier: str, request: Request) -> tuple[int, int]:
        """Close all sessions of somebody but the caller's own. Needs pool-operator.

        Returns:
            How many were closed, and the revision at which followers know.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED.
        """
        told = [Argument("subject_identifier", identifier)]
        action = Action(LOGOUT_SUBJECT, request, self._tuning.now, told)

        async with action.recorded(self._store, caller):
            require_role(caller, LOGOUT_SUBJECT, all_roles.POOL_OPERATOR)
            async with self._store.change() as change:
                # Whoever has come by the local socket has no identifier, as in xapi.
                exists = rules.is_user_name(identifier) and identifier != rules.LOCAL_UUID
                known = await change.sessions_of_subject(identifier) if exists else []
                others = [digest for digest in known if digest != caller.digest]
                for start in range(0, len(others), CHUNK):
                    await change.delete_sessions(others[start : start + CHUNK])
                await change.record(action.record(caller, "OK"))
            for digest in others:
                _log.info("session.closed", track_id=digest[:16], reason="logged out", by=caller.track_id)
            return len(others), change.known_revision

    async def users(self) -> list[User]:
        """Return the users by name."""
        async with self._store.read() as view:
            return await view.users()

    async def _book(self) -> RoleBook:
        async with self._store.read() as view:
            return RoleBook(await view.roles())

    async def _new_account(self, name: str, password: str, roles: Sequence[str]) -> Account:
        rules.check_user_name(name)
        rules.check_password(password)
        user = User(name, str(uuid.uuid4()), rules.check_roles(roles, await self._book()), self._tuning.now())
        return Account(user, await self._passwords.hash(password))


def _wrong_password(user: str) -> GraftError:
    return GraftError("SESSION_AUTHENTICATION_FAILED", user, "Authentication failed")
