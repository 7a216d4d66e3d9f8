"""Values to show how a method is called: those of its first example, or made-up ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from graft_common.declarations.literals import LiteralError, read_literal
from graft_common.declarations.model import Method, Param, Types
from graft_common.declarations.types import (
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
from graft_sdk.samples import REF

_MAX_DEPTH: Final = 4
_SCALARS: Final[dict[str, Value]] = {
    "int": 1,
    "float": 0.5,
    "bool": True,
    "datetime": DateTime("2026-01-01T00:00:00Z"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A value for a parameter."""

    param: Param
    value: Value


def sample_arguments(method: Method, types: Types) -> tuple[Sample, ...]:
    """Return a value for each parameter up to the last that is given, in their order."""
    given = _of_example(method)
    wanted = [number for number, param in enumerate(method.params) if param.required or param.name in given]
    samples = []
    for param in method.params[: wanted[-1] + 1 if wanted else 0]:
        value = given.get(param.name, _MISSING)
        if isinstance(value, _Missing):
            value = _default(param)
        samples.append(Sample(param, made_up(param.name, param.type, types) if isinstance(value, _Missing) else value))
    return tuple(samples)


def made_up(name: str, kind: Type, types: Types, depth: int = 0) -> Value:
    """Make up a value of a type for something of that name."""
    if isinstance(kind, SetType | MapType | RecordType):
        return _made_up_of_many(name, kind, types, depth + 1)
    match kind:
        case Scalar(name="string"):
            return name
        case Scalar(name=scalar):
            return _SCALARS[scalar]
        case EnumType(name=enum):
            declared = types.enums.get(enum)
            return declared.values[0].name if declared and declared.values else name
        case RefType():
            return REF
        case OptionType():
            return []
        case _:
            return name


def _made_up_of_many(name: str, kind: SetType | MapType | RecordType, types: Types, depth: int) -> Value:
    if depth > _MAX_DEPTH:
        return [] if isinstance(kind, SetType) else {}
    match kind:
        case SetType(of=inner):
            return [made_up(name, inner, types, depth)]
        case MapType(key=key, value=inner):
            return {_key(made_up("key", key, types, depth)): made_up("value", inner, types, depth)}
        case RecordType(name=record):
            fields = types.records[record].fields if record in types.records else ()
            return {
                field.name: made_up(field.name, field.type, types, depth)
                for field in fields
                if field.default is None and not isinstance(field.type, OptionType)
            }


class _Missing:
    pass


_MISSING: Final = _Missing()


def _of_example(method: Method) -> dict[str, Value]:
    """Return the arguments of the first example that goes well and gives all that must be given."""
    kinds = {param.name: param.type for param in method.params}
    needed = {param.name for param in method.params if param.required}
    for example in method.examples:
        if example.error or not needed <= {argument.name for argument in example.arguments}:
            continue
        try:
            return {
                argument.name: read_literal(argument.value, kinds[argument.name])
                for argument in example.arguments
                if argument.name in kinds
            }
        except LiteralError:
            continue
    return {}


def _default(param: Param) -> Value | _Missing:
    if param.default is None:
        return _MISSING
    try:
        return read_literal(param.default, param.type)
    except LiteralError:
        return _MISSING


def _key(value: Value) -> str:
    match value:
        case DateTime(text=text):
            return text
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
