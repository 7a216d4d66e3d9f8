"""Values in C#'s words, in ASCII."""

from __future__ import annotations

import math

from graft_common.declarations.scalars import utc_time
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
from graft_sdk.languages.csharp.types import property_names, type_of
from graft_sdk.view import ApiView, boxed


def literal(  # noqa: C901, PLR0912 - one case for each type
    value: Value, kind: Type, api: ApiView, prefix: str = ""
) -> str:
    """Write a value of a type; the prefix stands before names of types (`types.qualifier`)."""
    match kind, value:
        case Scalar(name="datetime"), DateTime(text=text):
            return _datetime(text)
        case Scalar(name="float"), int() | float():
            return _float(float(value))
        case Scalar(name="int"), int():
            return _int(value)
        case EnumType(), str():
            enum = api.enum(kind.name)
            ident = next((item.ident for item in enum.values if item.name == value), None)
            return f"{prefix}{enum.ident}.{ident}" if ident else f"new {enum.ident}({string(value)})"
        case RefType(), str():
            return f"new {api.ref(kind.class_name).ident}({string(value)})"
        case RecordType(), dict():
            record = api.record(kind.name)
            names = property_names(record)
            fields = (
                f"{names[field.ident]} = {literal(_lifted(value[field.name], field.type), field.type, api, prefix)}"
                for field in record.fields
                if field.name in value
            )
            return f"new {record.ident} {{ {', '.join(fields)} }}"
        case OptionType(), list() if not boxed(kind):
            return literal(value[0], kind.of, api, prefix) if value else "null"
        case SetType() | OptionType(), list():
            items = ", ".join(literal(item, kind.of, api, prefix) for item in value)
            return f"new {type_of(kind, api)} {{ {items} }}" if value else f"new {type_of(kind, api)}()"
        case MapType(), dict():
            pairs = (
                f"{{ {_key(key, kind.key, api, prefix)}, {literal(item, kind.value, api, prefix)} }}"
                for key, item in value.items()
            )
            return f"new {type_of(kind, api)} {{ {', '.join(pairs)} }}" if value else f"new {type_of(kind, api)}()"
        case _, None:
            return "null"
        case _, bool():
            return "true" if value else "false"
        case _, int():
            return _int(value)
        case _, float():
            return _float(value)
        case _, str():
            return string(value)
        case _, list():
            return literal(value, SetType(DescribedType("anything")), api, prefix)
        case _, dict():
            return literal(value, MapType(Scalar("string"), DescribedType("anything")), api, prefix)
        case _:
            return string(str(value))


def _lifted(value: Value, kind: Type) -> Value:
    """Give a record's member what literals of records leave to the reader: the types that JSON lacks."""
    if isinstance(kind, Scalar) and kind.name == "datetime" and isinstance(value, str):
        return DateTime(value)
    if isinstance(kind, Scalar) and kind.name == "float" and isinstance(value, str | int):
        return float(value)
    return value


def _key(text: str, kind: Type, api: ApiView, prefix: str) -> str:
    match kind:
        case Scalar(name="int"):
            return _int(int(text))
        case Scalar(name="float"):
            return _float(float(text))
        case Scalar(name="bool"):
            return text
        case Scalar(name="datetime"):
            return _datetime(text)
        case _:
            return literal(text, kind, api, prefix)


def _int(value: int) -> str:
    return "long.MinValue" if value == -(2**63) else f"{value}L"


def _float(value: float) -> str:
    if math.isnan(value):
        return "double.NaN"
    if math.isinf(value):
        return "double.PositiveInfinity" if value > 0 else "double.NegativeInfinity"
    return repr(value)


def _datetime(text: str) -> str:
    time = utc_time(text) or text
    return f'Moment.Parse("{time[:4]}-{time[4:6]}-{time[6:11]}{time[11:]}")'


def string(text: str) -> str:
    """Write a string."""
    return '"' + "".join(_character(c) for c in text) + '"'


def _character(c: str) -> str:
    if c in '"\\':
        return f"\\{c}"
    if " " <= c <= "~":
        return c
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"
