"""The declarations of the built-in methods say what the services serve, no less and no more."""

from typing import Any, cast

import pytest

from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.builtins.catalog import catalog_builtins
from dispatcher_service.builtins.events import event_builtins
from dispatcher_service.builtins.extensions import extension_builtins
from dispatcher_service.builtins.hosts import host_builtins
from dispatcher_service.builtins.sessions import session_builtins
from dispatcher_service.builtins.system import system_builtins
from dispatcher_service.builtins.tasks import task_builtins
from dispatcher_service.builtins.users import role_builtins, user_builtins
from gateway.sessions import SESSION_METHODS
from graft_common.declarations.model import ANYONE, Types
from graft_common.declarations.platform import FILE, platform_document
from graft_common.declarations.reader import read_document
from graft_common.declarations.rules import faults
from graft_common.declarations.types import MapType, SetType, Type
from graft_common.declarations.writer import write_document

METHODS = {method.name: method for method in platform_document().methods}


class Nobody:
    def __getattr__(self, name: str) -> None:
        return None


def builtins() -> BuiltinTable:
    nobody = cast("Any", Nobody())
    tables = (
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
    # What ends in a colon stands for all names that begin so, and cannot be declared.
    return {name: builtin for table in tables for name, builtin in table.items() if not name.endswith(":")}


def test_the_file_is_a_good_declaration() -> None:
    assert read_document(FILE.read_bytes(), "platform.xml").methods


def test_the_readers_keep_the_rules_too() -> None:
    assert list(faults(platform_document(), Types())) == []
    assert read_document(write_document(platform_document()), "platform.xml") == platform_document()


def test_every_method_is_declared_once() -> None:
    assert len(METHODS) == len(platform_document().methods)
    assert METHODS.keys() == builtins().keys() | SESSION_METHODS.keys()


def _container(of: Type) -> str:
    return {MapType: "map", SetType: "set"}.get(type(of), "string")


@pytest.mark.parametrize("name", sorted(builtins()))
def test_what_is_served_is_what_is_declared(name: str) -> None:
    method, builtin = METHODS[name], builtins()[name]
    assert [param.name for param in method.params] == [param.name for param in builtin.params]
    assert sum(param.required for param in method.params) == builtin.required
    assert method.role == (builtin.role or ANYONE)
    assert method.session == (builtin.role is not None)
    for param, served in zip(method.params, builtin.params, strict=True):
        words = {"int", "float", "bool", "datetime"} & {str(param.type)} or {_container(param.type)}
        assert served.type.value in {*words, "any"}
