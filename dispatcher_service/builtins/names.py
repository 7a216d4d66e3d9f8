"""The names of the built-in methods, without a dispatcher that serves them."""

from __future__ import annotations

from typing import Any, cast

from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.builtins.catalog import catalog_builtins
from dispatcher_service.builtins.events import event_builtins
from dispatcher_service.builtins.extensions import extension_builtins
from dispatcher_service.builtins.hosts import host_builtins
from dispatcher_service.builtins.sessions import session_builtins
from dispatcher_service.builtins.system import system_builtins
from dispatcher_service.builtins.tasks import task_builtins
from dispatcher_service.builtins.users import role_builtins, user_builtins


class _Nobody:
    """Stands where the tables want what serves their methods, which only a call would use."""

    def __getattr__(self, name: str) -> None:
        return None


def builtin_names() -> frozenset[str]:
    """Name all built-in methods of a dispatcher, for `graft doctor`, which looks at a host where none may run."""
    nobody = cast("Any", _Nobody())
    tables: tuple[BuiltinTable, ...] = (
        host_builtins(nobody),
        task_builtins(nobody),
        session_builtins(nobody, nobody, nobody),
        user_builtins(nobody),
        role_builtins(nobody, nobody),
        catalog_builtins(nobody),
        event_builtins(nobody, nobody),
        extension_builtins(nobody, nobody, nobody),
        system_builtins(nobody),
    )
    return frozenset(name for table in tables for name in table)
