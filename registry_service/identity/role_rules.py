"""The rules of roles of one's own, and of what is granted to roles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from graft_common import roles
from graft_common.declarations.model import ANYONE
from graft_common.errors import GraftError, value_not_supported
from graft_common.roles import Role
from registry_service.identity.values import Group, User

MAX_ROLES = 200
"""Of one's own."""
MAX_PERMISSIONS = 1000
"""Of one role."""
MAX_DESCRIPTION = 1024

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")
_TAKEN = frozenset({ANYONE, "client-cert"})
"""Words that stand for something else: in declarations, and in xapi."""
_SHOWN = 64


def check_new_name(name: str, existing: Sequence[Role]) -> None:
    """Check that a role can be added.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED; ROLE_EXISTS [name].
    """
    if not _NAME.fullmatch(name) or name in _TAKEN:
        reason = "a role's name has 1 to 64 lower-case letters, digits, -, _ and ., the first of them a letter"
        raise value_not_supported("name", name[:_SHOWN], f"{name} has a meaning already" if name in _TAKEN else reason)
    if roles.exists(name) or any(role.name == name for role in existing):
        raise GraftError("ROLE_EXISTS", name)
    if sum(role.custom for role in existing) >= MAX_ROLES:
        raise value_not_supported(
            "name", name, f"there are {MAX_ROLES} roles already, which is as many as there can be"
        )


def made(name: str, description: str, base: str) -> Role:
    """Make a role to which nothing is granted.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED; ROLE_NOT_FOUND [base].
    """
    check_description(description)
    if base and not roles.exists(base):
        raise GraftError("ROLE_NOT_FOUND", base[:_SHOWN])
    return Role(name, roles.rank_of(base), description, base)


def check_description(description: str) -> None:
    """Raise VALUE_NOT_SUPPORTED if a text cannot be kept as what something is for."""
    if len(description) > MAX_DESCRIPTION or not description.isprintable():
        reason = f"a description has at most {MAX_DESCRIPTION} printable characters"
        raise value_not_supported("description", description[:_SHOWN], reason)


def granted(role: Role, permissions: Iterable[str]) -> Role:
    """Return a role with permissions besides those that it has.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED.
    """
    after = {*role.permissions, *map(_checked, permissions)}
    if len(after) > MAX_PERMISSIONS:
        reason = f"a role is granted at most {MAX_PERMISSIONS} permissions; one * stands for many"
        raise value_not_supported("permissions", str(len(after)), reason)
    return replace(role, permissions=tuple(sorted(after)))


def revoked(role: Role, permissions: Iterable[str]) -> Role:
    """Return a role without some of its permissions.

    Raises:
        GraftError: PERMISSION_NOT_GRANTED [role, permission].
    """
    gone = {text.lower() for text in permissions}
    for text in sorted(gone.difference(role.permissions)):
        raise GraftError("PERMISSION_NOT_GRANTED", role.name, text[: roles.MAX_PATTERN])
    return replace(role, permissions=tuple(text for text in role.permissions if text not in gone))


def check_custom(role: Role) -> None:
    """Raise ROLE_BUILT_IN [role] unless an administrator has made it."""
    if not role.custom:
        raise GraftError("ROLE_BUILT_IN", role.name)


def check_unused(name: str, holders: Iterable[User | Group]) -> None:
    """Raise ROLE_IN_USE [role, user or group] if somebody has it."""
    for holder in holders:
        if name in holder.roles:
            raise GraftError("ROLE_IN_USE", name, holder.name)


def _checked(text: str) -> str:
    try:
        return roles.check_pattern(text)
    except ValueError as error:
        raise value_not_supported("permissions", text[:_SHOWN], str(error)) from None
