"""The methods that can be called now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.sessions.view import RegistryView
from graft_common.declarations.api import Api, Origin, Source


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """A method as lists show it."""

    name: str
    source: Source
    role: str
    """The least role that may call it; empty where no session is needed."""
    doc: str = ""


def list_methods(builtins: BuiltinTable, dropins: Iterable[str], view: RegistryView) -> list[MethodInfo]:
    """List the methods by name; a built-in hides a drop-in of its name."""
    found = {name: MethodInfo(name, Source.DROP_IN, view.role_of(name)) for name in dropins}
    for name, builtin in builtins.items():
        # Those ending in a colon stand for all names that begin so.
        if not name.endswith(":"):
            found[name] = MethodInfo(name, Source.BUILT_IN, builtin.role or "", builtin.doc)
    return [found[name] for name in sorted(found)]


def api_of(methods: Iterable[MethodInfo]) -> Api:
    """Return what a platform offers."""
    return Api(undeclared={method.name: Origin(method.source) for method in methods})
