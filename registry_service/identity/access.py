"""Who is calling, and whether it may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields

from graft_common.errors import GraftError, permission_denied
from graft_common.roles import BUILT_IN, RoleBook
from graft_common.service_token import is_service
from registry_service.identity.sessions import Sessions
from registry_service.identity.values import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(Session):
    """A session that asks for something, with what its roles may at that moment."""

    book: RoleBook


class Access:
    """Turns credentials into sessions, or into refusals."""

    def __init__(self, sessions: Sessions, book: Callable[[], Awaitable[RoleBook]], token: str) -> None:
        """Prepare.

        Args:
            sessions: finds sessions.
            book: tells what roles may now.
            token: the services' credential.
        """
        self.book = book
        self._sessions = sessions
        self._token = token

    def is_service(self, credential: str) -> bool:
        """Tell whether the credential is the service token."""
        return is_service(credential, self._token)

    def need_service(self, credential: str) -> None:
        """Raise SERVICE_TOKEN_INVALID unless the credential is the service token."""
        if not self.is_service(credential):
            raise GraftError("SERVICE_TOKEN_INVALID", "this call is for Graft's own services; it needs their token")

    async def need_session(self, credential: str) -> Caller:
        """Return the caller's session, and note that it was used.

        Raises:
            GraftError: SESSION_INVALID [reference].
        """
        session = await self._sessions.use(credential)
        return Caller(**{name: getattr(session, name) for name in _FIELDS}, book=await self.book())

    async def need_role(self, credential: str, permission: str, role: str) -> Caller:
        """Return the caller's session if it holds the role or one above, or was granted the permission.

        Raises:
            GraftError: SESSION_INVALID; RBAC_PERMISSION_DENIED [permission, text].
        """
        session = await self.need_session(credential)
        require_role(session, permission, role)
        return session


def require_role(session: Session, permission: str, role: str) -> None:
    """Raise RBAC_PERMISSION_DENIED unless the session holds the role or one above, or was granted the permission.

    What is granted is known of callers only.
    """
    book = session.book if isinstance(session, Caller) else BUILT_IN
    if not book.permits(session.roles, permission, role):
        raise permission_denied(permission, book.holders(permission, role))


_FIELDS = tuple(field.name for field in fields(Session))
