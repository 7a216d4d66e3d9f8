"""How values stand in declarations: defaults, and the arguments and results of examples.

| type | literal |
|---|---|
| string, enum, ref | the text as it is |
| int | `-5` |
| float | `1.5`, `1e-3`, `nan`, `inf`, `-inf` |
| bool | `true` or `false` |
| datetime | `2026-01-01T00:00:00Z` or `20260101T00:00:00Z` |
| set, option, map, record, told in words | JSON: `["a", 1]`, `[]`, `{"key": [1]}` |

Within JSON, a datetime is a string, and so are `nan`, `inf` and `-inf` where a float is due.
"""

from __future__ import annotations

import math
import re

import orjson

from graft_common.declarations.types import (
    FLOAT,
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
from graft_common.values import INT64_MAX, INT64_MIN, MAX_DEPTH, DateTime, Value, type_name

MAX_LITERAL = 64 * 1024
"""Characters of one literal."""

_INT = re.compile(r"-?[0-9]{1,19}")
_FLOAT = re.compile(r"-?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?(?:[eE][-+]?[0-9]{1,4})?|inf)|nan")
_BOOLS = {"true": True, "false": False}


class LiteralError(ValueError):
    """A text is no literal of a type, or a value has none; the message says why and what would be right."""


def read_literal(text: str, kind: Type) -> Value:
    """Read a literal; whether an enum has the value and a record the fields is for `checking` to tell.

    Raises:
        LiteralError: the text is no literal of that type.
    """
    if len(text) > MAX_LITERAL:
        raise LiteralError(f"the value has {len(text)} characters; at most {MAX_LITERAL} are read")
    match kind:
        case Scalar():
            return _scalar(text, kind)
        case EnumType() | RefType():
            return text
    try:
        return _typed(orjson.loads(text), kind, 0)
    except orjson.JSONDecodeError as error:
        raise LiteralError(f"{_shown(text)} is no JSON, which values of the type {kind} are: {error}") from error


def write_literal(value: Value, kind: Type) -> str:
    """Write a value so that `read_literal` reads the same.

    Raises:
        LiteralError: the value is none of that type, or has no literal.
    """
    plain = _plain(value, kind, 0)
    if not isinstance(kind, Scalar | EnumType | RefType):
        try:
            return orjson.dumps(plain).decode()
        except (TypeError, ValueError) as error:
            raise LiteralError(f"the value has no literal: {error}") from error
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)


def _scalar(text: str, kind: Scalar) -> Value:
    wanted = "text"
    match kind.name:
        case "string":
            return text
        case "datetime":
            return DateTime(text)
        case "int":
            if _INT.fullmatch(text) and INT64_MIN <= int(text) <= INT64_MAX:
                return int(text)
            wanted = "an integer of 64 bits, such as -5"
        case "float":
            if _FLOAT.fullmatch(text):
                return float(text)
            wanted = "a number, such as 1.5"
        case "bool":
            if text in _BOOLS:
                return _BOOLS[text]
            wanted = "true or false"
    raise LiteralError(f"{_shown(text)} is no {kind}; write {wanted}")


def _typed(value: Value, kind: Type, depth: int) -> Value:
    """Give what came out of JSON the types that JSON lacks."""
    match kind:
        case SetType() | OptionType():
            if not isinstance(value, list):
                raise LiteralError(f"{type_name(value)} in place of {kind}; write a JSON array")
            return [_typed(item, kind.of, depth + 1) for item in value]
        case MapType():
            if not isinstance(value, dict):
                raise LiteralError(f"{type_name(value)} in place of {kind}; write a JSON object")
            return {key: _typed(item, kind.value, depth + 1) for key, item in value.items()}
        case Scalar(name="datetime") if isinstance(value, str):
            return DateTime(value)
        case Scalar(name="float") if isinstance(value, str) or type(value) is int:
            return _scalar(str(value), FLOAT)
    _check(value, depth)
    return value


def _check(value: Value, depth: int) -> None:
    """Refuse what JSON holds and no call carries."""
    if depth > MAX_DEPTH:
        raise LiteralError(f"the value nests more than {MAX_DEPTH} deep; at most that is read")
    if isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, dict):
        for item in value.values():
            _check(item, depth + 1)
    elif isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        raise LiteralError(f"the integer {value} does not fit into 64 bits")


def _plain(value: Value, kind: Type, depth: int) -> Value:
    """Give JSON's types to a value; the reverse of `_typed`."""
    match value, kind:
        case list(), SetType() | OptionType():
            return [_plain(item, kind.of, depth + 1) for item in value]
        case dict(), MapType():
            return {key: _plain(item, kind.value, depth + 1) for key, item in value.items()}
        case float(), Scalar(name="float"):
            return value if depth and math.isfinite(value) else repr(value)
        case (str(), Scalar(name="string") | EnumType() | RefType()) | (bool(), Scalar(name="bool")):
            return value
        case int(), Scalar(name="int") if not isinstance(value, bool):
            return value
        case DateTime(text=text), Scalar(name="datetime"):
            return text
        case _, RecordType() | DescribedType():
            _check(value, depth)
            return value
    raise LiteralError(f"{type_name(value)} in place of {kind}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
