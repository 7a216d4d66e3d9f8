"""The part of the registry's state that calls are checked against, as of one revision."""

from __future__ import annotations

from dataclasses import dataclass, field

from dispatcher_service.sessions.session import Session
from graft_common.roles import POOL_ADMIN, exists


@dataclass(slots=True)
class RegistryView:
    """What the registry has told so far. It only changes between two steps of the event loop, as a whole."""

    revision: int = 0
    """0 until a snapshot is complete."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """By digest."""
    declared_roles: dict[str, str] = field(default_factory=dict)
    """The least role of each declared method."""

    def role_of(self, method: str) -> str:
        """Name the least role that may call an executable; undeclared ones are for pool-admin (xapi, gen_server.ml)."""
        role = self.declared_roles.get(method, POOL_ADMIN)
        return role if exists(role) else POOL_ADMIN

    def is_declared(self, method: str) -> bool:
        """Tell whether the method has a declaration."""
        return method in self.declared_roles
