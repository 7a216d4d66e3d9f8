"""Values as Go writes them, from outside of the package."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

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
from graft_sdk.languages.go.slots import TypeNames, field_slot
from graft_sdk.view import boxed

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def string(text: str) -> str:
    """Write a string."""
    return f'"{"".join(_character(char) for char in text)}"'


def _character(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def literal(value: Value, kind: Type, names: TypeNames) -> str:  # noqa: C901 - one case for each type
    """Write a value of a type."""
    match kind, value:
        case Scalar(name="datetime"), DateTime(text=text):
            return _time(text)
        case Scalar(name="float"), float() | int():
            return _float(float(value))
        case EnumType(), str():
            return names.enum_value(kind.name, value) or f"{names.type(kind)}({string(value)})"
        case RecordType(), dict():
            return f"{names.type(kind)}{{{', '.join(_fields(value, kind, names))}}}"
        case OptionType(), list() if not boxed(kind):
            return pointer(value[0], kind.of, names) if value else "nil"
        case SetType() | OptionType(), list():
            return f"{names.type(kind)}{{{', '.join(_inner(item, kind.of, names) for item in value)}}}"
        case MapType(), dict():
            pairs = (f"{_key(key, kind.key, names)}: {_inner(item, kind.value, names)}" for key, item in value.items())
            return f"{names.type(kind)}{{{', '.join(pairs)}}}"
        case DescribedType(), _:
            return _anything(value)
        case _, str():
            return string(value)
        case _, bool():
            return "true" if value else "false"
    return str(value)


def _inner(value: Value, kind: Type, names: TypeNames) -> str:
    """Write an item of a slice or map, which tells its type already."""
    shown = literal(value, kind, names)
    composite = isinstance(kind, RecordType | SetType | MapType) or (isinstance(kind, OptionType) and boxed(kind))
    return shown.removeprefix(names.type(kind)) if composite else shown


def pointer(value: Value, kind: Type, names: TypeNames) -> str:
    """Write a pointer to a value."""
    shown = literal(value, kind, names)
    needed = shown == "nil" or (isinstance(kind, Scalar) and kind.name in ("int", "float")) or isinstance(kind, RefType)
    return f"{names.prefix}Ptr{f'[{names.type(kind)}]' if needed else ''}({shown})"


def imports(value: Value, kind: Type, names: TypeNames) -> Iterator[str]:
    """Tell which packages a literal needs."""
    shown = literal(value, kind, names)
    # Both only stand before a text that no string literal of an example holds unescaped: a bracket follows.
    if "math.NaN()" in shown or "math.Inf(" in shown:
        yield "math"
    if "time.Date(" in shown:
        yield "time"


def _fields(value: dict[str, Value], kind: RecordType, names: TypeNames) -> Iterator[str]:
    for field in names.api.record(kind.name).fields:
        if field.name not in value:
            continue
        item = _lifted(value[field.name], field.type)
        slot = field_slot(field, kind.name, names)
        shown = pointer(item, field.type, names) if slot.points else literal(item, field.type, names)
        yield f"{field.ident}: {shown}"


def _lifted(value: Value, kind: Type) -> Value:
    """Give a record's member what literals of records leave to the reader: the types that JSON lacks."""
    if isinstance(kind, Scalar) and kind.name == "datetime" and isinstance(value, str):
        return DateTime(value)
    if isinstance(kind, Scalar) and kind.name == "float" and isinstance(value, str | int):
        return float(value)
    return value


def _key(text: str, kind: Type, names: TypeNames) -> str:
    match kind:
        case Scalar(name="int" | "bool"):
            return text
        case Scalar(name="float"):
            return _float(float(text))
        case Scalar(name="datetime"):
            return _time(text)
    return literal(text, kind, names)


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "math.NaN()" if math.isnan(value) else f"math.Inf({'1' if value > 0 else '-1'})"


def _time(text: str) -> str:
    found = utc_time(text)
    if found is None:
        return "time.Time{}"
    whole, _, fraction = found.rstrip("Z").partition(".")
    parts = datetime.strptime(whole, "%Y%m%dT%H:%M:%S")  # noqa: DTZ007 - it is UTC, and so is what is written
    shown = f"{parts.year}, {parts.month}, {parts.day}, {parts.hour}, {parts.minute}, {parts.second}"
    return f"time.Date({shown}, {int(fraction.ljust(9, '0')) if fraction else 0}, time.UTC)"


def _anything(value: Value) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            return string(value)
        case float():
            return _float(value)
        case DateTime(text=text):
            return _time(text)
        case list():
            return f"[]any{{{', '.join(_anything(item) for item in value)}}}"
        case dict():
            return f"map[string]any{{{', '.join(f'{string(key)}: {_anything(item)}' for key, item in value.items())}}}"
    return str(value)
