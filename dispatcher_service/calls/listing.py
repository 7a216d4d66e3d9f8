"""The methods that can be called now."""

from __future__ import annotations

from dataclasses import dataclass

from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.declarations.in_force import InForce
from graft_common.declarations.api import Source
from graft_common.declarations.model import State
from graft_common.declarations.texts import first_sentence


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """A method as lists show it."""

    name: str
    source: Source
    role: str
    """The least role that may call it, `anyone` for whoever has a session; empty where no session is needed."""
    doc: str = ""
    """One sentence."""
    declared: bool = False
    origin: str = ""
    deprecated: bool = False


def list_methods(builtins: BuiltinTable, in_force: InForce) -> list[MethodInfo]:
    """List the methods by name; what is declared but not there, or served elsewhere, is left out."""
    found = []
    # Names ending in a colon stand for all that begin so.
    for name in sorted({name for name in builtins if not name.endswith(":")} | in_force.candidates.keys()):
        builtin = builtins.get(name)
        target = in_force.target(name)
        if (
            target is None
            or not target.origin.available
            or (builtin is None) == (target.origin.source is Source.BUILT_IN)
        ):
            continue
        method = target.method
        found.append(
            MethodInfo(
                name,
                target.origin.source,
                target.role if builtin is None else builtin.role or "",
                first_sentence(method.doc) if method is not None else builtin.doc if builtin is not None else "",
                method is not None,
                target.origin.place,
                method is not None and method.lifecycle.state is State.DEPRECATED,
            )
        )
    return found
