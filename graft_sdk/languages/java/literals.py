"""Values in Java's words, in ASCII: javac reads sources in whatever encoding the machine has."""

from __future__ import annotations

import math
from collections.abc import Iterator

from graft_common.declarations.scalars import utc_time
from graft_common.declarations.types import EnumType, MapType, OptionType, RecordType, RefType, Scalar, SetType, Type
from graft_common.values import DateTime, Value
from graft_sdk.view import ApiView, boxed

_MAX_PAIRS = 10
"""Of `Map.of`."""


def given(value: Value, kind: Type, api: ApiView) -> str:
    """Write a value as a caller gives it: of an option the value, or null."""
    if isinstance(kind, OptionType) and not boxed(kind) and isinstance(value, list):
        return literal(value[0], kind.of, api) if value else "null"
    return literal(value, kind, api)


def literal(  # noqa: C901, PLR0912 - one case for each type
    value: Value, kind: Type, api: ApiView
) -> str:
    """Write a value of a type."""
    match kind, value:
        case Scalar(name="datetime"), DateTime(text=text):
            return _datetime(text)
        case Scalar(name="float"), int() | float():
            return _float(float(value))
        case Scalar(name="int"), int():
            return f"{value}L"
        case EnumType(), str():
            enum = api.enum(kind.name)
            ident = next((item.ident for item in enum.values if item.name == value), None)
            return f"{enum.ident}.{ident}" if ident else f"{enum.ident}.of({string(value)})"
        case RefType(), str():
            return f"{api.ref(kind.class_name).ident}.of({string(value)})"
        case RecordType(), dict():
            record = api.record(kind.name)
            fields = (
                f".{field.ident}({given(_lifted(value[field.name], field.type), field.type, api)})"
                for field in record.fields
                if field.name in value
            )
            return f"{record.ident}.builder(){''.join(fields)}.build()"
        case OptionType(), list() if not boxed(kind):
            return f"Optional.of({literal(value[0], kind.of, api)})" if value else "Optional.empty()"
        case SetType() | OptionType(), list():
            return f"List.of({', '.join(literal(item, kind.of, api) for item in value)})"
        case MapType(), dict():
            return _map(value, kind, api)
        case _, None:
            return "null"
        case _, bool():
            return "true" if value else "false"
        case _, int():
            return f"{value}L"
        case _, float():
            return _float(value)
        case _, str():
            return string(value)
        case _, list():
            return f"java.util.Arrays.asList({', '.join(literal(item, kind, api) for item in value)})"
        case _, dict():
            return _map(value, MapType(Scalar("string"), kind), api)
        case _:
            return string(str(value))


def _map(value: dict[str, Value], kind: MapType, api: ApiView) -> str:
    pairs = [(_key(key, kind.key, api), literal(item, kind.value, api)) for key, item in value.items()]
    if len(pairs) <= _MAX_PAIRS:
        return f"Map.of({', '.join(f'{key}, {item}' for key, item in pairs)})"
    return f"Map.ofEntries({', '.join(f'Map.entry({key}, {item})' for key, item in pairs)})"


def _lifted(value: Value, kind: Type) -> Value:
    """Give a record's member what literals of records leave to the reader: the types that JSON lacks."""
    if isinstance(kind, Scalar) and kind.name == "datetime" and isinstance(value, str):
        return DateTime(value)
    if isinstance(kind, Scalar) and kind.name == "float" and isinstance(value, str | int):
        return float(value)
    return value


def _key(text: str, kind: Type, api: ApiView) -> str:
    match kind:
        case Scalar(name="int"):
            return f"{int(text)}L"
        case Scalar(name="float"):
            return _float(float(text))
        case Scalar(name="bool"):
            return text
        case Scalar(name="datetime"):
            return _datetime(text)
        case _:
            return literal(text, kind, api)


def _float(value: float) -> str:
    if math.isnan(value):
        return "Double.NaN"
    if math.isinf(value):
        return "Double.POSITIVE_INFINITY" if value > 0 else "Double.NEGATIVE_INFINITY"
    return repr(value)


def _datetime(text: str) -> str:
    time = utc_time(text) or text
    return f'Instant.parse("{time[:4]}-{time[4:6]}-{time[6:11]}{time[11:]}")'


def string(text: str) -> str:
    """Write a string, in ASCII."""
    written = "".join(_character(c) for c in text)
    return f'"{written}"'


def _character(c: str) -> str:
    if c in '"\\':
        return f"\\{c}"
    if " " <= c <= "~":
        return c
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c)
    # An escape with u is read before strings are, so that one for a line's end would end the line.
    return named or "".join(f"\\u{unit:04x}" for unit in _units(c))


def _units(c: str) -> Iterator[int]:
    data = c.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
