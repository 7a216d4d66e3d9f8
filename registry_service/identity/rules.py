"""The rules of identity, on plain values: what is accepted, what expires, who is evicted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from graft_common import roles as all_roles
from graft_common.errors import GraftError, value_not_supported
from registry_service.identity.values import SessionUse, Touch, User

MAX_NAME = 255
MAX_PASSWORD = 1024
MAX_TOUCHES = 10_000
TOUCH_STEP = timedelta(seconds=600)
"""A session's last use is kept no more exactly than this (xapi, threshold_last_active)."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN = 64


def is_user_name(name: str) -> bool:
    """Tell whether a user could have the name: 1 to 255 printable characters."""
    return 1 <= len(name) <= MAX_NAME and name.isprintable()


def is_digest(text: str) -> bool:
    """Tell whether the text is a SHA-256 in lower-case hex."""
    return _DIGEST.fullmatch(text) is not None


def check_user_name(name: str) -> None:
    """Raise VALUE_NOT_SUPPORTED if no user could have the name."""
    if not is_user_name(name):
        raise value_not_supported("name", name[:_SHOWN], f"a name has 1 to {MAX_NAME} printable characters")


def check_password(password: str) -> None:
    """Raise VALUE_NOT_SUPPORTED, without the password, if it is empty or too long."""
    if not 1 <= len(password) <= MAX_PASSWORD:
        raise value_not_supported("password", "", f"a password has 1 to {MAX_PASSWORD} characters")


def check_originator(originator: str) -> None:
    """Raise VALUE_NOT_SUPPORTED if the text cannot be kept as an originator; it may be empty."""
    if len(originator) > MAX_NAME or not originator.isprintable():
        raise value_not_supported(
            "originator", originator[:_SHOWN], f"an originator has at most {MAX_NAME} printable characters"
        )


def check_roles(names: Iterable[str]) -> tuple[str, ...]:
    """Return each role once, the most powerful first.

    Raises:
        GraftError: ROLE_NOT_FOUND [role]; VALUE_NOT_SUPPORTED if there is none.
    """
    wanted = set(names)
    for name in sorted(wanted):
        if not all_roles.exists(name):
            raise GraftError("ROLE_NOT_FOUND", name[:_SHOWN])
    if not wanted:
        raise value_not_supported("roles", "", "a user has at least one role")
    return tuple(role.name for role in all_roles.ROLES if role.name in wanted)


def check_removal(name: str, users: Sequence[User]) -> None:
    """Raise VALUE_NOT_SUPPORTED if nobody would be left to administrate."""
    if not any(all_roles.POOL_ADMIN in user.roles for user in users if user.name != name):
        raise value_not_supported("name", name, f"it is the last user with the role {all_roles.POOL_ADMIN}")


def printable(text: str) -> str:
    """Make a text of the client's fit for a record: bounded, and without control characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:MAX_NAME])


def touch_step(idle: timedelta) -> timedelta:
    """Return how far a session's last use must have moved to be stored; small where sessions are short."""
    return min(TOUCH_STEP, idle / 10)


def touched(use: SessionUse, touch: Touch, now: datetime, *, step: timedelta, lease: timedelta) -> SessionUse:
    """Return the use after a report of it; the same where nothing has moved enough to be stored.

    A reporter's clock that runs ahead is not believed. A session stays busy for `lease` after the last report that it
    is, so that it is spared no longer when a host dies.
    """
    last_active = min(touch.last_active, now)
    if last_active - use.last_active < step:
        last_active = use.last_active
    renewed = touch.busy and use.busy_until - now < lease / 2
    return replace(use, last_active=last_active, busy_until=now + lease if renewed else use.busy_until)


def to_evict(sessions: Sequence[SessionUse], limit: int, now: datetime) -> list[str]:
    """Name the sessions that make room for one more within `limit`: the oldest unused ones, never a busy one.

    Where too many are busy fewer are named, and the limit is passed: a login never fails for it (xapi, db_gc_util.ml).
    """
    surplus = len(sessions) + 1 - limit
    if surplus <= 0:
        return []
    spare = sorted((use for use in sessions if use.busy_until <= now), key=lambda use: (use.last_active, use.created))
    return [use.digest for use in spare[:surplus]]
