"""The six roles of XenAPI and their order (xapi, datamodel_roles.ml)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """A rank; whoever holds it may do what every lower rank may."""

    name: str
    rank: int
    description: str


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

_RANKS = {role.name: role.rank for role in ROLES}


def exists(name: str) -> bool:
    """Tell whether there is a role of that name."""
    return name in _RANKS


def at_least(name: str) -> list[str]:
    """Name the roles that may do what the named one may, the most powerful first."""
    return [role.name for role in ROLES if role.rank >= _RANKS[name]]


def allow(held: Iterable[str], needed: str) -> bool:
    """Tell whether one of the roles held is the needed one or above it; an unknown role holds nothing."""
    return any(_RANKS.get(name, -1) >= _RANKS[needed] for name in held)
