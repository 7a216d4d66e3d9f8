"""A session as the dispatcher sees it: never with the reference that opens it."""

from __future__ import annotations

from dataclasses import dataclass

from graft_common.roles import allow


@dataclass(frozen=True, slots=True)
class Session:
    """What the registry says of a session."""

    digest: str
    """SHA-256 of the session reference in lower-case hex."""
    uuid: str
    user: str
    user_uuid: str
    roles: tuple[str, ...]
    created: float
    """Seconds since the epoch."""
    last_active: float
    """Seconds since the epoch, as far as the registry knows."""
    expires: float
    """Seconds since the epoch when it ends unless it is used."""
    originator: str = ""

    @property
    def track_id(self) -> str:
        """What logs and audit records show in place of the reference."""
        return self.digest[:16]

    @property
    def idle(self) -> float:
        """Seconds that it may stay unused."""
        return self.expires - self.last_active

    def may(self, role: str) -> bool:
        """Tell whether the session holds that role or one above it."""
        return allow(self.roles, role)
