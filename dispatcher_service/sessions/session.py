"""A session as the dispatcher sees it: never with the reference that opens it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dispatcher_service.references import ref_of
from graft.registry.v1 import identity_pb2
from graft_common.roles import BUILT_IN, RoleBook


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
    subject: str = ""
    """Whom somebody else vouches for; empty for the registry's own users."""
    ends: float = math.inf
    """Seconds since the epoch when it ends however much it is used."""
    other_config: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What clients have noted with it."""
    is_local_superuser: bool = False
    """Whether it is of a local administrator."""
    book: RoleBook = field(default=BUILT_IN, repr=False, compare=False)
    """What roles may; that changes while the session is open."""

    @property
    def ref(self) -> str:
        """The reference by which others may name it: it opens nothing, the one that was given at login does."""
        return ref_of(self.uuid)

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
        return self.book.allow(self.roles, role)

    def permits(self, permission: str, role: str) -> bool:
        """Tell whether the session has a permission: it holds the role or one above it, or it was granted.

        Args:
            permission: in lower case.
            role: the least built-in role that has it.
        """
        return self.book.permits(self.roles, permission, role)

    def holders(self, permission: str, role: str) -> Sequence[str]:
        """Name the roles that have a permission, the most powerful first."""
        return self.book.holders(permission, role)


def read_session(message: identity_pb2.Session, book: RoleBook) -> Session:
    """Read a session from the registry's message; `book` tells what its roles may."""
    return Session(
        digest=message.digest,
        uuid=message.uuid,
        user=message.user,
        user_uuid=message.user_uuid,
        roles=tuple(message.roles),
        created=message.created.ToMicroseconds() / 1e6,
        last_active=message.last_active.ToMicroseconds() / 1e6,
        expires=message.expires.ToMicroseconds() / 1e6,
        originator=message.originator,
        subject=message.subject,
        ends=message.ends.ToMicroseconds() / 1e6 if message.HasField("ends") else math.inf,
        other_config=dict(message.other_config),
        is_local_superuser=message.is_local_superuser,
        book=book,
    )
