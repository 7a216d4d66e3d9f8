"""Who is calling, and whether it may."""

from __future__ import annotations

from graft_common import roles
from graft_common.errors import GraftError, permission_denied
from graft_common.service_token import is_service
from registry_service.identity.sessions import Sessions
from registry_service.identity.values import Session


class Access:
    """Turns credentials into sessions, or into refusals."""

    def __init__(self, sessions: Sessions, token: str) -> None:
        self._sessions = sessions
        self._token = token

    def is_service(self, credential: str) -> bool:
        """Tell whether the credential is the service token."""
        return is_service(credential, self._token)

    def need_service(self, credential: str) -> None:
        """Raise SERVICE_TOKEN_INVALID unless the credential is the service token."""
        if not self.is_service(credential):
            raise GraftError("SERVICE_TOKEN_INVALID", "this call is for Graft's own services; it needs their token")

    async def need_session(self, credential: str) -> Session:
        """Return the caller's session, and note that it was used.

        Raises:
            GraftError: SESSION_INVALID [reference].
        """
        return await self._sessions.use(credential)

    async def need_role(self, credential: str, permission: str, role: str) -> Session:
        """Return the caller's session if it holds the role or one above.

        Raises:
            GraftError: SESSION_INVALID; RBAC_PERMISSION_DENIED [permission, text].
        """
        session = await self.need_session(credential)
        require_role(session, permission, role)
        return session


def require_role(session: Session, permission: str, role: str) -> None:
    """Raise RBAC_PERMISSION_DENIED unless the session holds the role or one above."""
    if not roles.allow(session.roles, role):
        raise permission_denied(permission, roles.at_least(role))
