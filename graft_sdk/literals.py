"""Literals of declarations, with the types that JSON lacks also inside of records."""

from __future__ import annotations

from graft_common.declarations.literals import read_literal
from graft_common.declarations.scalars import float_of_text, int_of_text
from graft_common.declarations.types import MapType, OptionType, RecordType, Scalar, SetType, Type
from graft_common.values import DateTime, Value
from graft_sdk.view import ApiView


def read(text: str, kind: Type, api: ApiView) -> Value:
    """Read a default, or a value of an example; an option is a list of none or one.

    Raises:
        LiteralError: the text is no literal of that type.
    """
    return _typed(read_literal(text, kind), kind, api)


def _typed(value: Value, kind: Type, api: ApiView) -> Value:
    match kind, value:
        case Scalar(name="datetime"), str():
            return DateTime(value)
        case Scalar(name="float"), str():
            number = float_of_text(value)
            return value if number is None else number
        case Scalar(name="float"), int():
            return float(value)
        case Scalar(name="int"), str():
            integer = int_of_text(value)
            return value if integer is None else integer
        case SetType() | OptionType(), list():
            return [_typed(item, kind.of, api) for item in value]
        case MapType(), dict():
            return {key: _typed(item, kind.value, api) for key, item in value.items()}
        case RecordType(), dict():
            kinds = {field.name: field.type for field in api.record(kind.name).fields}
            return {name: _typed(item, kinds[name], api) for name, item in value.items() if name in kinds}
    return value
