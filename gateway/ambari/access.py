"""Who asks: from credentials to a session of the registry, and back out of it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.ambari.credentials import clear_cookie, session_cookie, set_cookie
from gateway.ambari.errors import BAD_CREDENTIALS, MISSING_CREDENTIALS, AmbariError
from gateway.ambari.incoming import Incoming
from gateway.backends import Backends, Caller
from gateway.credentials import Credentials, bearer_credential, request_credentials
from gateway.logins import NOBODY, Login, Logins, open_session
from graft_common.errors import GraftError


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A request's session, and the headers that tell the client of it."""

    login: Login
    by_password: bool
    """Whether another session can be opened if this one has ended."""
    headers: tuple[tuple[str, str], ...]


class Access:
    """Authenticates requests.

    Args:
        backends: how the registry is reached.
        logins: the sessions of those who send a password.
    """

    def __init__(self, backends: Backends, logins: Logins) -> None:
        self._backends = backends
        self._logins = logins

    async def authenticate(self, head: Incoming, caller: Caller) -> Authenticated:
        """Find or open the session of a request. What the header Authorization says counts before a cookie.

        Raises:
            AmbariError: 403, there are no credentials, or wrong ones.
            GraftError: the registry does not answer.
        """
        credentials, cookie = _credentials(head, caller), session_cookie(head.headers)
        if credentials is not None:
            login = await self._by_password(credentials, caller)
            cookies = () if cookie == login.ref else (("set-cookie", set_cookie(login.ref, secure=head.is_secure)),)
            return Authenticated(login, True, (*_user_header(login), *cookies))
        bearer = bearer_credential(head.headers.get("authorization", ""))
        if bearer is not None:
            login = await self._by_bearer(bearer, caller)
            return Authenticated(login, False, _user_header(login))
        if not cookie:
            raise AmbariError(403, MISSING_CREDENTIALS, container=True)
        login = self._logins.used(cookie) or await self._by_reference(cookie, caller)
        return Authenticated(login, False, _user_header(login))

    def ended(self, session: Authenticated) -> None:
        """Note that the registry knows a session no more."""
        self._logins.forget(session.login.ref)

    async def open_own(self, head: Incoming, caller: Caller) -> tuple[tuple[str, str], ...]:
        """Open a session for this client alone, and return the header with its cookie; none without a password.

        Raises:
            GraftError: the registry does not answer, or the password has changed meanwhile.
        """
        credentials = _credentials(head, caller)
        if credentials is None:
            return ()
        login = await open_session(self._backends, credentials, caller)
        return (("set-cookie", set_cookie(login.ref, secure=head.is_secure)),)

    async def log_out(self, head: Incoming) -> tuple[tuple[str, str], ...]:
        """Close the session of the cookie, and return the header that takes the cookie away.

        Raises:
            GraftError: the registry does not answer.
        """
        cookie = session_cookie(head.headers)
        if not cookie:
            return ()
        self._logins.forget(cookie)
        try:
            await self._backends.log_out(cookie, NOBODY)
        except GraftError as error:
            if error.code != "SESSION_INVALID":
                raise
        return (("set-cookie", clear_cookie()),)

    async def _by_password(self, credentials: Credentials, caller: Caller) -> Login:
        try:
            return await self._logins.session(credentials, caller)
        except GraftError as error:
            if error.code != "SESSION_AUTHENTICATION_FAILED":
                raise
            raise AmbariError(403, BAD_CREDENTIALS, container=True) from None

    async def _by_bearer(self, credential: str, caller: Caller) -> Login:
        """Find the session of a reference, or of a token of an issuer."""
        try:
            return Login(credential, (await self._backends.who_am_i(credential, caller)).user)
        except GraftError as error:
            if error.code not in {"SESSION_INVALID", "SESSION_AUTHENTICATION_FAILED"}:
                raise
            raise AmbariError(403, BAD_CREDENTIALS, container=True) from None

    async def _by_reference(self, ref: str, caller: Caller) -> Login:
        try:
            session = await self._backends.who_am_i(ref, caller)
        except GraftError as error:
            if error.code != "SESSION_INVALID":
                raise
            raise AmbariError(403, MISSING_CREDENTIALS, container=True, set_cookie=clear_cookie()) from None
        return Login(ref, session.user)


def _credentials(head: Incoming, caller: Caller) -> Credentials | None:
    return request_credentials(head.headers.get("authorization", ""), caller.certificate)


def _user_header(login: Login) -> tuple[tuple[str, str], ...]:
    """Name the user (AmbariUserAuthorizationFilter.java), if that can stand in a header."""
    return (("user", login.user),) if login.user.isascii() and login.user.isprintable() else ()
