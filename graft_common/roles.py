"""The six roles of XenAPI and their order (xapi, datamodel_roles.ml), roles of one's own, and what each may.

A permission is a method's name in lower case, `volume.resize`, or the name of something else that can be asked for:
`host.call_extension`, `audit_log.get`. What a method needs is a rank; what a role holds is a rank, and besides it
patterns of permissions that were granted to it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody may; whoever holds a built-in role may do what every lower one may, and what is granted to that."""

    name: str
    rank: int
    """Of a role of one's own that of its base; 0 without one, which is below every role."""
    description: str
    base: str = ""
    """The built-in role that a role of one's own stands on; empty for none, and for built-in roles."""
    permissions: tuple[str, ...] = ()
    """What is granted to it beyond its rank: patterns, sorted; see `check_pattern`."""

    @property
    def custom(self) -> bool:
        """Whether an administrator has made it."""
        return self.name not in _RANKS

    @property
    def uuid(self) -> str:
        """The same for every role of that name, as xapi's roles have it (rbac_static)."""
        return str(uuid.uuid5(_UUIDS, self.name))


POOL_ADMIN = "pool-admin"
POOL_OPERATOR = "pool-operator"
VM_POWER_ADMIN = "vm-power-admin"
VM_ADMIN = "vm-admin"
VM_OPERATOR = "vm-operator"
READ_ONLY = "read-only"

ROLES: tuple[Role, ...] = (
    Role(POOL_ADMIN, 60, "Can do everything."),
    Role(POOL_OPERATOR, 50, "Manages pool-wide resources, and every user's tasks."),
    Role(VM_POWER_ADMIN, 40, "Creates and destroys, and changes what affects other users' performance."),
    Role(VM_ADMIN, 30, "Creates and destroys."),
    Role(VM_OPERATOR, 20, "Starts, stops and uses what exists."),
    Role(READ_ONLY, 10, "Looks, and changes nothing but the own tasks."),
)

MAX_PATTERN = 256
MAX_TOLD = 32
"""Roles that a denial names."""

_RANKS = {role.name: role.rank for role in ROLES}
_BUILT_IN = {role.name: role for role in ROLES}
_UUIDS = uuid.UUID("6d3f5c0e-0b51-5d0e-9a39-6f1f0f2c7f5a")
_PATTERN = re.compile(r"[a-z0-9_/:*-]+(\.[a-z0-9_/:*-]+)+")
_ABOUT_PEOPLE = frozenset({"role", "user", "group", "subject"})


def exists(name: str) -> bool:
    """Tell whether there is a built-in role of that name."""
    return name in _RANKS


def at_least(name: str) -> list[str]:
    """Name the built-in roles that may do what the named one may, the most powerful first."""
    return [role.name for role in ROLES if role.rank >= _RANKS[name]]


def allow(held: Iterable[str], needed: str) -> bool:
    """Tell whether one of the built-in roles held is the needed one or above it; an unknown role holds nothing."""
    return any(_RANKS.get(name, -1) >= _RANKS[needed] for name in held)


def rank_of(base: str) -> int:
    """Return the rank of a role of one's own that stands on a built-in one; an unknown base holds nothing."""
    return _RANKS.get(base, 0)


def is_reserved(permission: str) -> bool:
    """Tell whether a permission comes by rank only: whoever changes users and roles can become an administrator."""
    kind, _, verb = permission.partition(".")
    return kind in _ABOUT_PEOPLE and not verb.startswith("get")


def check_pattern(text: str) -> str:
    """Return a pattern of permissions in lower case: a name such as `volume.resize`, with at most one `*` in it.

    The `*` stands for any characters, also for none: `volume.*`, `volume.get_*`, `*.get_record`.

    Raises:
        ValueError: it is none, and why.
    """
    pattern = text.lower()
    if len(pattern) > MAX_PATTERN or not _PATTERN.fullmatch(pattern):
        reason = "a permission is a method's name, as in Volume.resize or Volume.*"
        raise ValueError(reason)
    if pattern.count("*") > 1:
        reason = "a permission has at most one *"
        raise ValueError(reason)
    if "*" not in pattern and is_reserved(pattern):
        reason = f"whoever changes users and roles can do everything; that needs the role {POOL_ADMIN}"
        raise ValueError(reason)
    return pattern


class RoleBook:
    """All roles that there are, and what each may; the ranks of roles are known here, and believed of nobody."""

    def __init__(self, roles: Iterable[Role] = ()) -> None:
        self._roles: dict[str, Role] = {}
        self._holdings: dict[str, Holding] | None = None
        self.replace(roles)

    @property
    def roles(self) -> Sequence[Role]:
        """All roles by falling rank, the built-in ones before others of their rank, and those by name."""
        return sorted(self._roles.values(), key=lambda role: (-role.rank, role.custom, role.name))

    def get(self, name: str) -> Role | None:
        """Return a role; None where there is none of that name."""
        return self._roles.get(name)

    def replace(self, roles: Iterable[Role]) -> None:
        """Take these in place of all others; the built-in ones are there in any case."""
        self._roles = dict(_BUILT_IN)
        self._roles.update((role.name, _trusted(role)) for role in roles)
        self._holdings = None

    def set(self, name: str, role: Role | None) -> None:
        """Say what a role is now; None where it is gone: a built-in one stays without what was granted to it."""
        built_in = _BUILT_IN.get(name)
        if role is not None:
            self._roles[name] = _trusted(role)
        elif built_in is not None:
            self._roles[name] = built_in
        else:
            self._roles.pop(name, None)
        self._holdings = None

    def permits(self, held: Iterable[str], permission: str, needed: str) -> bool:
        """Tell whether one of the roles held has a permission, by its rank or because it is granted.

        Args:
            held: names of roles; one that does not exist holds nothing.
            permission: in lower case.
            needed: the built-in role that has it by rank.
        """
        holdings = self._holdings or self._settled()
        for name in held:
            holding = holdings.get(name)
            if holding is not None and holding.permits(permission, needed):
                return True
        return False

    def together(self, held: Iterable[str]) -> Holding:
        """Return what several roles hold; those that do not exist hold nothing."""
        holdings = self._holdings or self._settled()
        found = [holdings[name] for name in held if name in holdings]
        rank = max((holding.rank for holding in found), default=0)
        return Holding.of(rank, (text for holding in found for text in holding.permissions))

    def allow(self, held: Iterable[str], needed: str) -> bool:
        """Tell whether one of the roles held is the built-in role or above it, by rank alone."""
        rank = _RANKS[needed]
        return any(self._roles[name].rank >= rank for name in held if name in self._roles)

    def holders(self, permission: str, needed: str) -> list[str]:
        """Name the roles that have a permission, the most powerful first, as many as a denial is to tell."""
        found = [role.name for role in self.roles if self.permits((role.name,), permission, needed)]
        return found if len(found) <= MAX_TOLD else [*found[:MAX_TOLD], f"and {len(found) - MAX_TOLD} more"]

    def _settled(self) -> dict[str, Holding]:
        """Say what each role holds: its own patterns, and those of the built-in roles that it stands on or above."""
        granted = [role for role in self._roles.values() if not role.custom and role.permissions]
        self._holdings = holdings = {
            role.name: Holding.of(
                role.rank,
                [
                    *role.permissions,
                    *(text for lower in granted if lower.rank <= role.rank for text in lower.permissions),
                ],
            )
            for role in self._roles.values()
        }
        return holdings


@dataclass(frozen=True, slots=True)
class Holding:
    """What somebody may: all that a rank has, and what is granted besides."""

    rank: int
    names: frozenset[str]
    """Permissions that are granted by name."""
    patterns: tuple[tuple[str, str], ...]
    """What stands before and behind the `*` of each."""

    @classmethod
    def of(cls, rank: int, texts: Iterable[str]) -> Holding:
        """Take patterns as they are granted."""
        every = set(texts)
        stars = sorted(text for text in every if "*" in text)
        split = [text.partition("*") for text in stars]
        return cls(rank, frozenset(every.difference(stars)), tuple((head, tail) for head, _, tail in split))

    @property
    def permissions(self) -> list[str]:
        """The patterns, as they are granted, sorted."""
        return sorted([*self.names, *(f"{head}*{tail}" for head, tail in self.patterns)])

    def permits(self, permission: str, needed: str) -> bool:
        """Tell whether it has a permission: by the rank of the built-in role that is needed, or as it is granted."""
        return self.rank >= _RANKS[needed] or self._grants(permission)

    def _grants(self, permission: str) -> bool:
        if is_reserved(permission):
            return False
        return permission in self.names or any(
            len(permission) >= len(head) + len(tail) and permission.startswith(head) and permission.endswith(tail)
            for head, tail in self.patterns
        )


def _trusted(role: Role) -> Role:
    built_in = _BUILT_IN.get(role.name)
    if built_in is not None:
        return replace(built_in, permissions=role.permissions)
    return replace(role, rank=rank_of(role.base))


BUILT_IN = RoleBook()
"""The built-in roles with nothing granted to them; not to be changed."""
