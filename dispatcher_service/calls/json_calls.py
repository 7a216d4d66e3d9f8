"""Calls whose arguments come as JSON, and results that leave as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dispatcher_service.calls.result import CallResult
from graft_common.declarations.json_arguments import MethodJson, undeclared_arguments
from graft_common.declarations.json_form import write_untyped
from graft_common.declarations.json_text import dump, parse
from graft_common.declarations.model import Method, Types
from graft_common.errors import internal_error
from graft_common.values import Value

if TYPE_CHECKING:
    # It needs the tasks, which need this.
    from dispatcher_service.calls.request import Arguments

_MAX_FORMS = 4096
_forms: dict[int, tuple[Method, Types, MethodJson]] = {}


def arguments_of(name: str, data: bytes) -> Arguments:
    """Return what reads the arguments of a call, by name or by place, into their places."""

    def read(method: Method | None, types: Types) -> list[Value]:
        given = parse(data)
        return undeclared_arguments(name, given) if method is None else _form(method, types).arguments(given)

    return read


def result_json(name: str, result: CallResult) -> bytes:
    """Write the result of a call by the declaration that the call was checked by.

    Raises:
        GraftError: INTERNAL_ERROR, when it cannot be sent.
    """
    try:
        if result.declared is None:
            return dump(write_untyped(result.value))
        return dump(_form(*result.declared).result(result.value))
    except ValueError as error:
        raise internal_error(name, f"its value cannot be sent: {error}") from error


def _form(method: Method, types: Types) -> MethodJson:
    """Return what reads and writes JSON for a declaration; kept, for it is made of many functions."""
    kept = _forms.get(id(method))
    if kept is not None and kept[0] is method and kept[1] is types:
        return kept[2]
    if len(_forms) >= _MAX_FORMS:
        _forms.clear()
    form = MethodJson(method, types)
    _forms[id(method)] = method, types, form
    return form
