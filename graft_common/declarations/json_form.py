"""Values in JSON by their declared types.

| type | JSON |
|---|---|
| string, enum, ref | a string |
| int | a number of 64 bits; read from a string as well |
| float | a number, or `"NaN"`, `"Infinity"`, `"-Infinity"` |
| bool | `true`, `false` |
| datetime | a string: `"2026-01-01T00:00:00Z"` (RFC 3339), fractions kept |
| set | an array |
| map | an object; keys as text, as in XML-RPC |
| record | an object; missing fields get their defaults |
| option | `null` or the value; of an option or of a type told in words `[]` or `[x]` |
| told in words, or undeclared | anything; binary as base64 text, dates as RFC 3339 text |
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import TypeAlias

from graft_common.declarations.conversion import Convert, Converters
from graft_common.declarations.model import Record, Types
from graft_common.declarations.scalars import utc_time
from graft_common.declarations.types import (
    INT,
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

Write: TypeAlias = Callable[[Value], object]

_EXACT = 2**53
"""Up to here, each integer is a double as well."""


def read(data: Value, kind: Type, types: Types) -> Value:
    """Read a value of a type; for many, keep the function that `JsonReaders` makes.

    Raises:
        MisfitError: it is none of that type.
        UnknownTypeError, LiteralError: the type, or a record in it, names what is not declared.
    """
    return JsonReaders(types).of(kind)(data)


def write(value: Value, kind: Type, types: Types) -> object:
    """Write a value of a type as what `dump` takes; for many, keep the function that `JsonWriters` makes."""
    return JsonWriters(types).of(kind)(value)


def write_untyped(value: Value) -> object:
    """Write a value of which nothing is declared."""
    match value:
        case float():
            return _write_float(value)
        case bytes():
            return base64.b64encode(value).decode()
        case DateTime():
            return rfc3339(value)
        case list():
            return [write_untyped(item) for item in value]
        case dict():
            return {key: write_untyped(item) for key, item in value.items()}
        case _:
            return value


def rfc3339(time: DateTime) -> str:
    """Write a point in time as RFC 3339 has it, in UTC; as it is where it cannot be read."""
    text = utc_time(time.text)
    return time.text if text is None else f"{text[:4]}-{text[4:6]}-{text[6:]}"


class JsonReaders(Converters):
    """Makes the functions that read values of types from JSON, with all coercions of `Converters`."""

    def __init__(self, types: Types) -> None:
        super().__init__(types)
        self._literals = Converters(types)

    def of(self, kind: Type) -> Convert:
        """Return the function for a type; see `Converters.of`."""
        if kind == INT:
            return _read_int
        if isinstance(kind, OptionType) and not _is_boxed(kind):
            return _read_option(self.of(kind.of))
        return super().of(kind)

    def default(self, literal: str, kind: Type) -> Value:
        """Return a default, which stands in declarations otherwise than in JSON; see `Converters.default`."""
        return self._literals.default(literal, kind)


class JsonWriters:
    """Makes the functions that write values of types as JSON, each record's once.

    They expect values as checks leave them. What does not fit is written as if it were undeclared.
    """

    def __init__(self, types: Types) -> None:
        self._types = types
        self._records: dict[str, Write] = {}

    def of(self, kind: Type) -> Write:
        """Return the function for a type."""
        match kind:
            case SetType():
                return _write_items(self.of(kind.of))
            case OptionType():
                return _write_items(self.of(kind.of)) if _is_boxed(kind) else _write_option(self.of(kind.of))
            case MapType():
                return _write_map(self.of(kind.value))
            case RecordType():
                return self._record(kind.name)
            case Scalar() | EnumType() | RefType() | DescribedType():
                return write_untyped

    def _record(self, name: str) -> Write:
        declared = self._types.records.get(name)
        if declared is None:
            return write_untyped

        def record(value: Value) -> object:
            # Made when first used: a record may hold itself.
            if name not in self._records:
                self._records[name] = self._made(declared)
            return self._records[name](value)

        return self._records.get(name, record)

    def _made(self, declared: Record) -> Write:
        writes = {field.name: self.of(field.type) for field in declared.fields}

        def record(value: Value) -> object:
            if not isinstance(value, dict):
                return write_untyped(value)
            return {name: writes.get(name, write_untyped)(item) for name, item in value.items()}

        return record


def _is_boxed(kind: OptionType) -> bool:
    """Tell whether `null` alone would leave open which option is empty, or whether a value that is null is there."""
    return isinstance(kind.of, OptionType | DescribedType)


def _read_int(value: Value) -> Value:
    # To JSON Schema, and to some encoders, 5.0 is an integer.
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return _plain_int(value)


_plain_int = Converters(Types()).of(INT)


def _read_option(of: Convert) -> Convert:
    def option(value: Value) -> Value:
        return [] if value is None else [of(value)]

    return option


def _write_float(value: float) -> object:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _write_items(of: Write) -> Write:
    def items(value: Value) -> object:
        return [of(item) for item in value] if isinstance(value, list) else write_untyped(value)

    return items


def _write_option(of: Write) -> Write:
    def option(value: Value) -> object:
        if not isinstance(value, list) or len(value) > 1:
            return write_untyped(value)
        return of(value[0]) if value else None

    return option


def _write_map(of: Write) -> Write:
    def pairs(value: Value) -> object:
        if not isinstance(value, dict):
            return write_untyped(value)
        return {key: of(item) for key, item in value.items()}

    return pairs
