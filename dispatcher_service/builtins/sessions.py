"""The readers of `session.*`: who is logged in, as XenAPI shows it. The registry opens and closes sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.builtins.records import ObjectClass, date_time, readers
from dispatcher_service.calls.permissions import Permissions
from dispatcher_service.references import NULL_REF
from dispatcher_service.sessions.session import Session
from dispatcher_service.sessions.view import RegistryView
from graft_common.declarations.model import ANYONE
from graft_common.errors import handle_invalid
from graft_common.roles import POOL_ADMIN
from graft_common.rpc.context import digest
from graft_common.values import Value

_LOCAL = "local:"
_CERTIFICATE = "certificate:"
"""How the registry's names for those begin whom something else than a password vouches for."""


def session_class(
    view: Callable[[], RegistryView], permissions: Permissions, this_host: Callable[[], str]
) -> ObjectClass[Session]:
    """Make the class of sessions: everybody sees those of the same user, and whoever may list sessions sees all.

    Their references open nothing; the one that was given out at login names its session as well.

    Args:
        view: what the registry has told.
        permissions: what there is to be allowed.
        this_host: returns the reference of the host that clients should take as the one they are connected to.
    """
    fields: Mapping[str, Callable[[Session], Value]] = {
        "uuid": lambda session: session.uuid,
        "this_host": lambda _: this_host(),
        "this_user": lambda _: NULL_REF,
        "last_active": lambda session: date_time(session.last_active),
        "pool": lambda _: False,
        "other_config": lambda session: dict(session.other_config),
        "is_local_superuser": lambda session: session.is_local_superuser,
        "subject": lambda _: NULL_REF,
        "validation_time": lambda session: date_time(session.created),
        "auth_user_sid": lambda session: "" if session.subject.startswith(_LOCAL) else session.user_uuid,
        "auth_user_name": lambda session: session.user,
        "rbac_permissions": lambda session: [held.name for held in permissions.held(session.book, session.roles)],
        "tasks": lambda _: [],
        "parent": lambda _: NULL_REF,
        "originator": lambda session: session.originator,
        "client_certificate": lambda session: session.subject.startswith(_CERTIFICATE),
    }

    async def get(session: Session, ref: str) -> Session:
        if ref == session.ref or digest(ref) == session.digest:
            return session
        for found in view().sessions.values():
            if found.ref == ref and _sees(session, found):
                return found
        raise handle_invalid("session", ref)

    async def every(session: Session) -> Sequence[Session]:
        known = view().sessions
        seen = [found for found in known.values() if _sees(session, found)]
        return seen if session.digest in known else [*seen, session]

    return ObjectClass("session", fields, get, every, has_name=False, unlisted=frozenset({"rbac_permissions"}))


def session_builtins(
    view: Callable[[], RegistryView], permissions: Permissions, this_host: Callable[[], str]
) -> BuiltinTable:
    """Make the readers of sessions, which whoever has one may call."""
    return readers(session_class(view, permissions, this_host), role=ANYONE)


def _sees(session: Session, other: Session) -> bool:
    return other.user == session.user or session.permits("session.get_all", POOL_ADMIN)
