"""Arguments for the examples of a method: those of its declaration, or made up."""

from __future__ import annotations

from graft_common.declarations.literals import LiteralError
from graft_common.declarations.model import Example
from graft_common.declarations.types import (
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    Scalar,
    SetType,
    Type,
)
from graft_common.values import DateTime, Value
from graft_sdk import literals
from graft_sdk.view import ApiView, MethodView, ParamView

MAX_DEPTH = 3
"""Sets and maps deeper than this are empty in made-up values."""
REF = "OpaqueRef:6f3e2a70-53c1-4b8e-9d0c-2f4f1e7a9b51"
"""Stands for any reference."""

_SCALARS: dict[str, Value] = {
    "string": "text",
    "int": 1,
    "float": 1.5,
    "bool": True,
    "datetime": DateTime("2026-01-01T00:00:00Z"),
}


def arguments(api: ApiView, method: MethodView) -> list[tuple[ParamView, Value]]:
    """Return an argument for each parameter that an example gives, in the order of the parameters.

    The first example that answers with a result is taken, else made-up values for the required parameters. The value
    of a secret parameter is never that of the declaration.
    """
    example = taken_example(method)
    given = {argument.name: argument.value for argument in example.arguments} if example else {}
    taken: list[tuple[ParamView, Value]] = []
    for param in method.params:
        if param.name in given and not param.secret:
            taken.append((param, _read(given[param.name], param, api)))
        elif param.required or param.name in given:
            taken.append((param, sample(param.type, api, param.name)))
    return taken


def taken_example(method: MethodView) -> Example | None:
    """Return the example whose arguments `arguments` takes."""
    return next((example for example in method.examples if not example.error), None)


def sample(kind: Type, api: ApiView, name: str = "", depth: int = 0) -> Value:
    """Make a value of a type up; a string is called after what it is for."""
    match kind:
        case Scalar(name="string"):
            return name or "text"
        case Scalar():
            return _SCALARS[kind.name]
        case EnumType():
            values = api.enum(kind.name).values
            return values[0].name if values else ""
        case RefType():
            return REF
        case SetType():
            return [sample(kind.of, api, depth=depth + 1)] if depth < MAX_DEPTH else []
        case MapType():
            return {_key(kind.key, api): sample(kind.value, api, depth=depth + 1)} if depth < MAX_DEPTH else {}
        case OptionType():
            return []
        case RecordType():
            fields = api.record(kind.name).fields
            return {
                field.name: sample(field.type, api, field.name, depth + 1) for field in fields if not field.optional
            }
        case DescribedType():
            return "anything"


def _key(kind: Type, api: ApiView) -> str:
    value = sample(kind, api, "key")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, DateTime) else str(value)


def _read(literal: str, param: ParamView, api: ApiView) -> Value:
    try:
        return literals.read(literal, param.type, api)
    except LiteralError:
        # The declarations' reader refuses such an example; one that did not come from it may still have it.
        return sample(param.type, api, param.name)
