"""`system.*`: what clients ask before they have a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Param, ParamType
from graft_common.values import Value


def system_builtins(names: Callable[[], Iterable[str]]) -> BuiltinTable:
    """Make the methods.

    Args:
        names: names every method that can be called now.
    """

    async def list_methods(_caller: CallerContext, _params: Sequence[Value]) -> Value:
        found: list[Value] = [*sorted(names())]
        return found

    async def is_alive(_caller: CallerContext, params: Sequence[Value]) -> Value:
        return params[0] if params else True

    echo = (Param("value", ParamType.ANY, optional=True),)
    return {
        "system.listMethods": Builtin(list_methods, None, (), "List the names of all methods."),
        "system.isAlive": Builtin(is_alive, None, echo, "Return the parameter, or true without one."),
        # xapi answers to any name that begins so (gen_server.ml).
        "system.isAlive:": Builtin(is_alive, None, echo, "Return the parameter, or true without one."),
    }
