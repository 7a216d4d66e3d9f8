"""From the header `Authorization` to the session that a request is served with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.backends import Caller
from gateway.credentials import bearer_credential, request_credentials
from gateway.logins import Logins
from graft_common.errors import GraftError, is_refused_session

T = TypeVar("T")

_NOT_TAKEN = frozenset({"SESSION_AUTHENTICATION_FAILED", "RBAC_PERMISSION_DENIED"})


class Access:
    """Serves requests of those who name a session, and of those who send a name and a password."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    async def serve(self, authorization: str, caller: Caller, work: Callable[[str], Awaitable[T]]) -> T:
        """Do something with the request's session: its reference, or nothing where it has no credentials.

        A session that was opened for a password may have ended since; then another is opened, and the work done with
        that. It is never done twice: only a service that refuses a session before anything else says so.

        Raises:
            GraftError: SESSION_AUTHENTICATION_FAILED; what the work raises.
        """
        credentials = request_credentials(authorization, caller.certificate)
        if credentials is None:
            return await work(_session_of(authorization))
        try:
            login = await self._logins.session(credentials, caller)
        except GraftError as refusal:
            if not credentials.certificate or refusal.code not in _NOT_TAKEN:
                raise
            return await _without_session(work, refusal)
        try:
            return await work(login.ref)
        except GraftError as error:
            if not is_refused_session(error):
                raise
        self.ended(login.ref)
        return await work((await self._logins.session(credentials, caller)).ref)

    def ended(self, session: str) -> None:
        """Note that a session has ended, so that nobody is served with it any more."""
        self._logins.forget(session)


async def _without_session(work: Callable[[str], Awaitable[T]], refusal: GraftError) -> T:
    """Serve somebody whose certificate opens no session: there may be no need of one, as for a login by password."""
    try:
        return await work("")
    except GraftError as error:
        if is_refused_session(error):
            raise refusal from None
        raise


def _session_of(authorization: str) -> str:
    if not authorization.strip():
        return ""
    session = bearer_credential(authorization)
    if session is None:
        reason = "the header Authorization must be `Basic …`, or `Bearer` with a session's reference"
        raise GraftError("SESSION_AUTHENTICATION_FAILED", "", reason)
    return session
