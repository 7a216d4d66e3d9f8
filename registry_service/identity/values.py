"""What identity is about, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from graft_common.audit import Argument


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in."""

    name: str
    uuid: str
    roles: tuple[str, ...]
    created: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Users who have its roles besides their own."""

    name: str
    description: str
    roles: tuple[str, ...]
    members: tuple[str, ...]
    """Names of users, sorted."""
    created: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """A user with what proves it; never leaves the registry."""

    user: User
    password_hash: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session; its reference is known to the client only, here stands the SHA-256 of it."""

    digest: str
    uuid: str
    user: str
    user_uuid: str
    roles: tuple[str, ...]
    originator: str
    created: datetime
    last_active: datetime
    subject: str = ""
    """Whom somebody else vouches for: `oidc:` with the issuer and its name of the user, `certificate:` with the
    certificate's issuer, subject and owner, or `local:` with the number of the machine's user who has come by the local
    socket; empty for users of the registry's own."""
    ends: datetime | None = None
    """When the session ends however much it is used: with the token or the certificate that has opened it."""
    other_config: tuple[tuple[str, str], ...] = ()
    """What clients have noted with it, by key."""

    @property
    def is_own_user(self) -> bool:
        """Whether it is of a user whom the registry knows itself, with a password."""
        return not self.subject

    @property
    def track_id(self) -> str:
        """What logs and audit records show of the session."""
        return self.digest[:16]

    def expires(self, idle: timedelta) -> datetime:
        """Tell when the session ends if it is not used."""
        unused = self.last_active + idle
        return unused if self.ends is None else min(unused, self.ends)


@dataclass(frozen=True, slots=True)
class SessionUse:
    """How long ago a session was used, and until when it counts as busy."""

    digest: str
    created: datetime
    last_active: datetime
    busy_until: datetime


@dataclass(frozen=True, slots=True)
class Touch:
    """A report that a session was used."""

    digest: str
    last_active: datetime
    busy: bool


@dataclass(frozen=True, slots=True)
class Request:
    """Where an action comes from, for its record."""

    peer: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """One line of the login audit; `id` is 0 until it is stored."""

    id: int
    time: datetime
    user: str
    roles: tuple[str, ...]
    track_id: str
    action: str
    denied: bool
    outcome: str
    duration: timedelta
    request: Request
    originator: str
    user_uuid: str = ""
    arguments: tuple[Argument, ...] = ()
