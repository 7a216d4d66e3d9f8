"""Calls whose arguments come as JSON, and results that leave as JSON."""

from __future__ import annotations

from functools import cache

from dispatcher_service.calls.result import CallResult
from graft_common.declarations.json_form import MethodJson, dump, parse, undeclared_arguments, write_untyped
from graft_common.declarations.model import Types
from graft_common.declarations.platform import platform_document
from graft_common.errors import internal_error
from graft_common.values import Value


def arguments_of(method: str, data: bytes) -> list[Value]:
    """Read the arguments of a call, by name or by place, into their places.

    Raises:
        GraftError: what is wrong with them.
    """
    form = _built_in().get(method)
    return undeclared_arguments(method, parse(data)) if form is None else form.arguments(parse(data))


def result_json(method: str, result: CallResult) -> bytes:
    """Write the result of a call.

    Raises:
        GraftError: INTERNAL_ERROR, when it cannot be sent.
    """
    form = _built_in().get(method)
    try:
        return dump(write_untyped(result.value) if form is None else form.result(result.value))
    except ValueError as error:
        raise internal_error(method, f"its value cannot be sent: {error}") from error


@cache
def _built_in() -> dict[str, MethodJson]:
    document = platform_document()
    types = Types.of(document)
    return {method.name: MethodJson(method, types) for method in document.methods}
