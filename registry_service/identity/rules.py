"""The rules of identity, on plain values: what is accepted, what expires, who is evicted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from graft_common import roles as all_roles
from graft_common.errors import GraftError, value_not_supported
from graft_common.roles import BUILT_IN, RoleBook
from registry_service.identity.values import Session, SessionUse, Touch, User

MAX_NAME = 255
MAX_PASSWORD = 1024
MAX_TOUCHES = 10_000
MAX_KEYS = 64
MAX_NOTED = 16 << 10
LOCAL_SUPERUSER = "LOCAL_SUPERUSER"
"""The name of whoever comes by the local socket, as in xapi's audit (rbac_audit.ml); no user can have it."""
LOCAL_UUID = "00000000-0000-0000-0000-000000000000"
LOCAL = "local:"
"""Begins the subject of a session of the local superuser."""
TOUCH_STEP = timedelta(seconds=600)
"""A session's last use is kept no more exactly than this (xapi, threshold_last_active)."""

_VOUCHED_FOR = ("oidc:", "certificate:")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PORT = re.compile(r":[0-9]+\Z")
_SHOWN = 64


def is_user_name(name: str) -> bool:
    """Tell whether a user could have the name: 1 to 255 printable characters."""
    return 1 <= len(name) <= MAX_NAME and name.isprintable()


def is_own_name(name: str) -> bool:
    """Tell whether a user of the registry's own may go by the name; former releases knew of no names of others."""
    return is_user_name(name) and not name.startswith(_VOUCHED_FOR) and name != LOCAL_SUPERUSER


def is_digest(text: str) -> bool:
    """Tell whether the text is a SHA-256 in lower-case hex."""
    return _DIGEST.fullmatch(text) is not None


def check_name(name: str) -> None:
    """Raise VALUE_NOT_SUPPORTED if nobody could have the name, here or elsewhere."""
    if not is_user_name(name):
        raise value_not_supported("name", name[:_SHOWN], f"a name has 1 to {MAX_NAME} printable characters")


def check_user_name(name: str) -> None:
    """Raise VALUE_NOT_SUPPORTED if no new user could have the name."""
    check_name(name)
    if name.startswith(_VOUCHED_FOR):
        raise value_not_supported("name", name[:_SHOWN], "such names are of users whom somebody else vouches for")
    if name == LOCAL_SUPERUSER:
        raise value_not_supported("name", name, "it stands for whoever comes by the local socket")


def check_password(password: str) -> None:
    """Raise VALUE_NOT_SUPPORTED, without the password, if it is empty or too long."""
    if not 1 <= len(password) <= MAX_PASSWORD:
        raise value_not_supported("password", "", f"a password has 1 to {MAX_PASSWORD} characters")


def check_new_password(password: str) -> None:
    """Raise CHANGE_PASSWORD_REJECTED, without the password, if nobody could have it."""
    try:
        check_password(password)
    except GraftError as error:
        raise GraftError("CHANGE_PASSWORD_REJECTED", error.params[-1]) from None


def check_originator(originator: str) -> None:
    """Raise VALUE_NOT_SUPPORTED if the text cannot be kept as an originator; it may be empty."""
    if len(originator) > MAX_NAME or not originator.isprintable():
        raise value_not_supported(
            "originator", originator[:_SHOWN], f"an originator has at most {MAX_NAME} printable characters"
        )


def check_roles(names: Iterable[str], book: RoleBook = BUILT_IN) -> tuple[str, ...]:
    """Return each role once, the most powerful first.

    Args:
        names: of the roles.
        book: the roles that there are.

    Raises:
        GraftError: ROLE_NOT_FOUND [role]; VALUE_NOT_SUPPORTED if there is none.
    """
    wanted = set(names)
    for name in sorted(wanted):
        if book.get(name) is None:
            raise GraftError("ROLE_NOT_FOUND", name[:_SHOWN])
    if not wanted:
        raise value_not_supported("roles", "", "a user has at least one role")
    return tuple(role.name for role in book.roles if role.name in wanted)


def check_removal(name: str, users: Sequence[User]) -> None:
    """Raise VALUE_NOT_SUPPORTED if nobody were left to administrate without that user, or with other roles of it."""
    if not any(all_roles.POOL_ADMIN in user.roles for user in users if user.name != name):
        raise value_not_supported("name", name, f"it is the last user with the role {all_roles.POOL_ADMIN}")


def is_local_superuser(session: Session) -> bool:
    """Tell whether a session is of a local administrator, of whom clients ask no subject (xapi, session_check.ml)."""
    return session.subject.startswith(LOCAL) or (session.is_own_user and all_roles.POOL_ADMIN in session.roles)


def noted(
    before: tuple[tuple[str, str], ...], put: Mapping[str, str], remove: Iterable[str], *, replace_all: bool
) -> tuple[tuple[str, str], ...]:
    """Return what is noted with a session after a change.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED [other_config, key, reason].
    """
    after = {} if replace_all else dict(before)
    for key in remove:
        after.pop(key, None)
    after.update(put)
    for key in put:
        if not is_user_name(key):
            reason = f"a key has 1 to {MAX_NAME} printable characters"
            raise value_not_supported("other_config", printable(key)[:_SHOWN], reason)
    if len(after) > MAX_KEYS or sum(len(key) + len(value) for key, value in after.items()) > MAX_NOTED:
        reason = f"a session keeps at most {MAX_KEYS} keys, and {MAX_NOTED} characters in all"
        raise value_not_supported("other_config", next(iter(put), "")[:_SHOWN], reason)
    return tuple(sorted(after.items()))


def printable(text: str) -> str:
    """Make a text of the client's fit for a record: bounded, and without control characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:MAX_NAME])


def host_of(peer: str) -> str:
    """Return a client's address without its port, which is another one for each connection."""
    return _PORT.sub("", peer)


def refusal_delay(failures: int, first: float, most: float) -> float:
    """Return the seconds for which a refusal is held back: twice as long for each failure, up to `most`."""
    return min(first * 2 ** min(failures - 1, 32), most) if failures > 0 else 0.0


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
