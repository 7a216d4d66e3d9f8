"""Values in JSON by their declared types, and arguments by their names.

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
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import orjson

from graft_common.declarations.checking import DECLARATION_FAULT, argument_fault
from graft_common.declarations.conversion import (
    NOTHING,
    Convert,
    Converters,
    MisfitError,
    UnknownTypeError,
    WrongTypeError,
    fresh,
)
from graft_common.declarations.literals import LiteralError
from graft_common.declarations.model import Method, Record, Types
from graft_common.declarations.scalars import utc_time
from graft_common.declarations.types import (
    FLOAT,
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
from graft_common.errors import (
    GraftError,
    field_type_error,
    internal_error,
    parameter_count_mismatch,
    value_not_supported,
)
from graft_common.values import INT64_MAX, INT64_MIN, MAX_DEPTH, DateTime, Value, type_name

Json: TypeAlias = Value
"""What `parse` returns: a value without binaries and dates."""
Write: TypeAlias = Callable[[Value], object]

ARGUMENTS = "arguments"
"""What errors call the whole of the arguments."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_EXACT = 2**53
"""Up to here, each integer is a double as well."""
_MAX_SHOWN = 40


def parse(data: bytes, what: str = ARGUMENTS) -> Json:
    """Read JSON strictly: no name twice, no NaN, no half of a surrogate pair; every integer is one of 64 bits.

    Args:
        data: the JSON as UTF-8.
        what: what it is called in errors.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED [place, value, reason].
    """
    try:
        value: Json = _decoder.decode(data.decode())
        if _SURROGATE.search(data):
            orjson.loads(data)
    except UnicodeDecodeError as error:
        raise value_not_supported(
            what, "", f"not JSON in UTF-8: the byte at {error.start} is no part of a text"
        ) from None
    except (ValueError, RecursionError) as error:
        raise value_not_supported(what, "", f"not JSON: {_reason(error)}") from None
    if not _fits(value, MAX_DEPTH):
        raise _unfit(value, what, MAX_DEPTH)
    return value


def dump(value: object) -> bytes:
    """Write what `write` and `write_untyped` return.

    Raises:
        ValueError: a text in it holds half a surrogate pair.
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"it cannot be written as JSON: {error}") from error


def read(data: Json, kind: Type, types: Types) -> Value:
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


def undeclared_arguments(method: str, data: Json) -> list[Value]:
    """Read the arguments of a method that is not declared: an array.

    Raises:
        GraftError: FIELD_TYPE_ERROR [arguments, array, got].
    """
    if not isinstance(data, list):
        details = {"message": f"{method} is not declared, so that its parameters have no names: send them as an array"}
        raise field_type_error(ARGUMENTS, "array", type_name(data), details)
    return data


class MethodJson:
    """JSON in and out of one method, made once and used for each call.

    Args:
        method: the declaration.
        types: all enums and records that it may name.

    Raises:
        ValueError, LookupError, MisfitError: the declaration breaks `rules`, which the reader would have told.
    """

    def __init__(self, method: Method, types: Types) -> None:
        self.method = method
        readers = JsonReaders(types)
        self._reads = [readers.of(param.type) for param in method.params]
        self._defaults: list[Value] = [
            None if param.default is None else readers.default(param.default, param.type) for param in method.params
        ]
        self._places = {param.name: place for place, param in enumerate(method.params)}
        self._write = None if method.result is None else JsonWriters(types).of(method.result.type)

    def arguments(self, data: Json) -> list[Value]:
        """Return arguments that are given by name, or by place, in their places; `MethodChecks` checks them further.

        Defaults fill the gaps between those that are given; what may be left out behind the last one stays out.

        Raises:
            GraftError: FIELD_TYPE_ERROR [place, expected, got], for an unknown name and a missing parameter as well;
                INVALID_VALUE [place, value, reason]; MESSAGE_PARAMETER_COUNT_MISMATCH [method, expected, received];
                INTERNAL_ERROR where a record of the types names what they lack.
        """
        if isinstance(data, dict):
            return self._named(data)
        if not isinstance(data, list):
            raise field_type_error(ARGUMENTS, "struct or array", type_name(data))
        if len(data) > len(self._reads):
            required = sum(param.required for param in self.method.params)
            raise parameter_count_mismatch(self.method.name, required, len(data))
        return [self._argument(place, item) for place, item in enumerate(data)]

    def result(self, value: Value) -> object:
        """Return what `dump` takes of a result that has been checked; None of a method that answers nothing."""
        return None if self._write is None else self._write(value)

    def _named(self, data: dict[str, Json]) -> list[Value]:
        for name, item in data.items():
            if name not in self._places:
                raise self._unknown(name, item)
        given = max((self._places[name] for name in data), default=-1)
        required = sum(param.required for param in self.method.params)
        taken = []
        for place in range(max(given + 1, required)):
            name = self.method.params[place].name
            if name in data:
                taken.append(self._argument(place, data[name]))
            elif self._defaults[place] is not None:
                taken.append(fresh(self._defaults[place]))
            else:
                raise self._missing(place, given)
        return taken

    def _argument(self, place: int, item: Json) -> Value:
        try:
            return self._reads[place](item)
        except MisfitError as misfit:
            raise argument_fault(self.method.params[place], misfit) from None
        except (UnknownTypeError, LiteralError) as error:
            raise internal_error(self.method.name, DECLARATION_FAULT, str(error)) from error

    def _unknown(self, name: str, item: Json) -> GraftError:
        known = ", ".join(self._places) or "none"
        text = f'param "{_shown(name)}": {self.method.name} has no such parameter; it has: {known}'
        return field_type_error(_shown(name), NOTHING, type_name(item), {"message": text})

    def _missing(self, place: int, given: int) -> GraftError:
        param = self.method.params[place]
        fault = WrongTypeError(str(param.type), NOTHING)
        text = f'param "{param.name}": {fault.text()}'
        if not param.required:
            text += f'; without a default it cannot be left out where "{self.method.params[given].name}" is given'
        return field_type_error(param.name, fault.expected, fault.got, {"message": text})


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
            case Scalar() if kind == FLOAT:
                return write_untyped
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


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # None is what it wants
        raise ValueError(f'the name "{_shown(twice)}" stands twice in one object')
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f'{word} is no JSON; where a float is due, write "{word}" as a string')


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"it nests more than {MAX_DEPTH} deep"
    text = str(error)
    # Python's own words for an integer of thousands of digits speak of its settings.
    return "an integer has more digits than 64 bits" if text.startswith("Exceeds the limit") else text


def _fits(value: Json, depth: int) -> bool:
    """Tell whether there is nothing in it that JSON holds and no call carries."""
    if isinstance(value, list):
        items: Iterable[Json] = value
    elif isinstance(value, dict):
        items = value.values()
    else:
        return _is_in_range(value)
    if depth <= 0:
        return False
    for item in items:
        kind = type(item)
        if kind is str:
            continue
        if not (_fits(item, depth - 1) if kind is list or kind is dict else _is_in_range(item)):
            return False
    return True


def _is_in_range(value: Json) -> bool:
    if type(value) is int:
        return INT64_MIN <= value <= INT64_MAX
    return type(value) is not float or math.isfinite(value)


def _unfit(value: Json, place: str, depth: int) -> GraftError:
    """Tell where and what it is in a value that does not fit."""
    steps: Iterable[tuple[str, Json]] = ()
    if isinstance(value, list):
        steps = ((f"[{number}]", item) for number, item in enumerate(value))
    elif isinstance(value, dict):
        steps = ((f".{_shown(key)}", item) for key, item in value.items())
    elif isinstance(value, float):
        return value_not_supported(place, "", "the number is larger than a double can be")
    else:
        return value_not_supported(place, _shown(str(value)), "integers have 64 bits")
    if depth <= 0:
        return value_not_supported(ARGUMENTS, "", f"it nests more than {MAX_DEPTH} deep")
    step, item = next((step, item) for step, item in steps if not _fits(item, depth - 1))
    return _unfit(item, place + step, depth - 1)


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
