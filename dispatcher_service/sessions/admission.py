"""Who may ask the services that only read, and those of tasks: one look at the credential for all of them."""

from __future__ import annotations

from typing import Protocol

from dispatcher_service.sessions.session import Session
from graft_common.errors import permission_denied
from graft_common.roles import READ_ONLY
from graft_common.rpc.context import MIN_REVISION, CallContext, bearer, metadata_value


class SessionSource(Protocol):
    """Finds the session that a credential opens."""

    async def session_of(self, ref: str, min_revision: int = 0) -> Session:
        """Return the session.

        Raises:
            GraftError: SESSION_INVALID [reference]; SERVICE_UNAVAILABLE; SERVER_BUSY.
        """


async def admit(sessions: SessionSource, context: CallContext, permission: str, role: str = READ_ONLY) -> Session:
    """Return the caller's session.

    Args:
        sessions: where sessions are found.
        context: the RPC.
        permission: what the caller asks for, in XenAPI's words: `task.cancel`.
        role: the least role that has it by its rank.

    Raises:
        GraftError: as `SessionSource.session_of`; RBAC_PERMISSION_DENIED.
    """
    seen = metadata_value(context, MIN_REVISION)
    session = await sessions.session_of(bearer(context), int(seen) if seen.isdecimal() and len(seen) < 19 else 0)
    if not session.permits(permission, role):
        raise permission_denied(permission, session.holders(permission, role))
    return session
