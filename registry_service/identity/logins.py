"""Logins of users whom the registry knows itself, and of whoever comes by the local socket."""

from __future__ import annotations

from dataclasses import replace

import structlog

from graft_common.errors import GraftError, value_not_supported
from graft_common.roles import POOL_ADMIN
from registry_service import metrics
from registry_service.identity import rules
from registry_service.identity.audit import Action
from registry_service.identity.failed_logins import FailedLogins
from registry_service.identity.passwords import Passwords
from registry_service.identity.sessions import Opened, Sessions
from registry_service.identity.values import Account, Request, User
from registry_service.store.change import Change
from registry_service.store.store import Store
from registry_service.tuning import Tuning

LOGIN = "session.login_with_password"
MAX_UID = 2**32 - 1

_log = structlog.get_logger("graft.registry")


class Logins:
    """Opens sessions for a password, or for none where a gateway has met the machine's administrator."""

    def __init__(
        self, store: Store, sessions: Sessions, passwords: Passwords, failures: FailedLogins, tuning: Tuning
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._passwords = passwords
        self._failures = failures
        self._tuning = tuning

    async def login(self, name: str, password: str, originator: str, request: Request) -> Opened:
        """Open a session.

        Raises:
            GraftError: SESSION_AUTHENTICATION_FAILED [user, reason], held back the longer the more logins have failed;
                VALUE_NOT_SUPPORTED; SERVER_BUSY.
        """
        try:
            rules.check_originator(originator)
            with self._failures.attempt(name, request):
                opened = await self._login(name, password, originator, request)
        except GraftError as error:
            metrics.LOGINS.labels(error.code).inc()
            raise
        metrics.LOGINS.labels("OK").inc()
        return opened

    async def login_local(self, uid: int, originator: str, request: Request) -> Opened:
        """Open a session of the local superuser, of whom nothing is asked (xapi, xapi_session.ml).

        Raises:
            GraftError: VALUE_NOT_SUPPORTED.
        """
        rules.check_originator(originator)
        if not 0 <= uid <= MAX_UID:
            raise value_not_supported("uid", str(uid), "it is no number of a user")
        superuser = User(rules.LOCAL_SUPERUSER, rules.LOCAL_UUID, (POOL_ADMIN,), self._tuning.now())
        action = Action(LOGIN, request, self._tuning.now)
        opened = await self._sessions.open_for(superuser, originator, action, subject=f"{rules.LOCAL}{uid}")
        metrics.LOGINS.labels("OK").inc()
        return opened

    async def _login(self, name: str, password: str, originator: str, request: Request) -> Opened:
        action = Action(LOGIN, request, self._tuning.now)
        account, group_roles = await self._find_account(name)
        hashed = account.password_hash if account else None
        right = await self._passwords.matches(hashed, password, rules.host_of(request.peer))
        opened = await self._open(account, group_roles, originator, action) if account is not None and right else None
        if opened is not None:
            self._failures.succeeded(name, request)
            return opened
        # A name that nobody has may be a password in the wrong field: the record leaves it out.
        user = account.user.name if account else ""
        await self._store.record(action.record(None, "SESSION_AUTHENTICATION_FAILED", user=user, originator=originator))
        _log.warning("login.failed", user=user, peer=rules.printable(request.peer))
        await self._failures.failed(name, user, originator, request)
        raise GraftError("SESSION_AUTHENTICATION_FAILED", name[: rules.MAX_NAME], "Authentication failed")

    async def _find_account(self, name: str) -> tuple[Account | None, frozenset[str]]:
        """Return a user, and the roles that its groups have."""
        if not rules.is_own_name(name):
            return None, frozenset()
        async with self._store.read() as view:
            return await view.find_account(name), await view.group_roles(name)

    async def _open(
        self, account: Account, group_roles: frozenset[str], originator: str, action: Action
    ) -> Opened | None:
        user = account.user

        async def is_still_there(change: Change) -> bool:
            # The user may have been removed, or have another password or other groups, since they were looked at.
            now = await change.find_account(user.name), await change.group_roles(user.name)
            return now == (account, group_roles)

        roles = tuple(dict.fromkeys((*user.roles, *sorted(group_roles))))
        return await self._sessions.open_if(is_still_there, replace(user, roles=roles), originator, action)
