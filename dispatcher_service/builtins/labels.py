"""The setters of what administrators say of objects: name, description, `other_config`, tags."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Handler, Param, ParamType
from dispatcher_service.hosts import labels
from dispatcher_service.hosts.labels import Change
from graft_common.roles import POOL_OPERATOR, VM_OPERATOR
from graft_common.values import Value

Relabel = Callable[[str, Change], Awaitable[None]]
"""Changes the labels of the object with a reference; raises HANDLE_INVALID [class, reference]."""

_SELF = Param("self")
_VALUE = Param("value")


def label_setters(kind: str, relabel: Relabel) -> BuiltinTable:
    """Make the setters of a class, by xapi's names (dm_api.ml, add_implicit_messages) and roles (datamodel_host.ml).

    Args:
        kind: the class.
        relabel: changes an object of it.
    """

    def setter(make: Callable[[Sequence[Value]], Change]) -> Handler:
        async def change(caller: CallerContext, params: Sequence[Value]) -> Value:
            caller.require_session()
            await relabel(str(params[0]), make(params))
            return ""

        return change

    def text(make: Callable[[str], Change]) -> Handler:
        return setter(lambda params: make(str(params[1])))

    def entry(params: Sequence[Value]) -> Change:
        return labels.with_entry(kind, str(params[0]), str(params[1]), str(params[2]))

    a_map, a_set = Param("value", ParamType.MAP), Param("value", ParamType.SET)
    key = Param("key")
    config = f"a {kind}'s other_config"
    made = {
        "set_name_label": Builtin(
            text(labels.with_name), POOL_OPERATOR, (_SELF, _VALUE), f"Set a {kind}'s name_label."
        ),
        "set_name_description": Builtin(
            text(labels.with_description), POOL_OPERATOR, (_SELF, _VALUE), f"Set a {kind}'s name_description."
        ),
        "set_other_config": Builtin(
            setter(lambda params: labels.with_other_config(cast("Mapping[str, Value]", params[1]))),
            POOL_OPERATOR,
            (_SELF, a_map),
            f"Set {config}.",
        ),
        "add_to_other_config": Builtin(setter(entry), POOL_OPERATOR, (_SELF, key, _VALUE), f"Add a key to {config}."),
        "remove_from_other_config": Builtin(
            text(labels.without_entry), POOL_OPERATOR, (_SELF, key), f"Remove a key from {config}, if it is there."
        ),
        "set_tags": Builtin(
            setter(lambda params: labels.with_tags(cast("Sequence[Value]", params[1]))),
            VM_OPERATOR,
            (_SELF, a_set),
            f"Set a {kind}'s tags.",
        ),
        "add_tags": Builtin(text(labels.with_tag), VM_OPERATOR, (_SELF, _VALUE), f"Add a tag to a {kind}."),
        "remove_tags": Builtin(
            text(labels.without_tag), VM_OPERATOR, (_SELF, _VALUE), f"Remove a tag from a {kind}, if it is there."
        ),
    }
    return {f"{kind}.{method}": builtin for method, builtin in made.items()}
