"""From a type to a function that takes a value of it, with xapi's coercions, or tells where it does not fit.

string, ref    a string
int            an int; a string that reads as one (`scalars`)
float          a double or an int; a string that reads as a number
bool           a boolean only
datetime       a dateTime or a string, in ISO 8601; becomes a dateTime in UTC
enum           a string, in capitals or not; becomes the declared spelling
set            an array
map            a struct; its keys are read as the key's type and written anew
record         a struct; missing fields get their defaults
option         an array of no or one item
told in words  anything
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TypeAlias

from graft_common.declarations.literals import LiteralError, read_literal
from graft_common.declarations.model import EnumDeclaration, Record, Types
from graft_common.declarations.scalars import float_of_text, int_of_text, utc_time
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
from graft_common.values import DateTime, Value, type_name

Convert: TypeAlias = Callable[[Value], Value]

NOTHING = "nothing"
"""In place of a type: no value is there, or is due."""
MAX_DEFAULT_PARTS = 10_000
"""Values in one default, those in its arrays and structs included."""
HIDDEN = "***"
"""In place of a secret value."""
_MAX_DEFAULT_DEPTH = 32
_MAX_SHOWN = 100


class MisfitError(Exception):
    """A value does not fit its type; the steps lead to the place, the innermost first."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []

    @property
    def place(self) -> str:
        """Where it is in the whole: `[3].size`; empty for the whole itself."""
        return "".join(reversed(self.steps))

    def text(self) -> str:
        """Say what is wrong."""
        raise NotImplementedError

    def hide(self) -> None:
        """Forget the value, and what is told of it by the way to the place: it is secret."""
        self.steps.clear()


class WrongTypeError(MisfitError):
    """Something of another type than the expected one."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__()
        self.expected = expected
        self.got = got

    def text(self) -> str:
        return f"expected {self.expected}, got {self.got}"


class WrongValueError(MisfitError):
    """Something of the right type that is no possible value."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__()
        self.value = value if len(value) <= _MAX_SHOWN else f"{value[: _MAX_SHOWN - 3]}..."
        self.reason = reason

    def text(self) -> str:
        return f"{self.value!r}: {self.reason}"

    def hide(self) -> None:
        super().hide()
        self.value = HIDDEN


class UnknownTypeError(LookupError):
    """A type names an enum or record that is not declared."""


class Converters:
    """Makes the functions for types, each enum's and record's once.

    Args:
        types: the enums and records that types may name.
        closed: whether a record may hold no other fields than its own; otherwise those are left out, as xapi does.
    """

    def __init__(self, types: Types, *, closed: bool = False) -> None:
        self._types = types
        self._closed = closed
        self._enums: dict[str, Convert] = {}
        self._records: dict[str, Convert] = {}
        self._making: list[str] = []

    def of(self, kind: Type) -> Convert:
        """Return the function for a type; it raises `MisfitError` where a value does not fit.

        For a record with wrong fields it also raises what `default` does, which `rules` keeps from happening.

        Raises:
            UnknownTypeError: the type names what is not declared.
        """
        match kind:
            case Scalar():
                return _SCALARS[kind.name]
            case RefType():
                return _text(str(kind))
            case EnumType():
                return self._enum(kind.name)
            case RecordType():
                return self._record(kind.name)
            case SetType():
                return _set(str(kind), self.of(kind.of))
            case OptionType():
                return _option(str(kind), self.of(kind.of))
            case MapType():
                return _map(str(kind), self._key(kind.key), self.of(kind.value))
            case DescribedType():
                return _anything

    def _key(self, kind: Type) -> Callable[[str], str]:
        convert = self.of(kind)
        if kind == Scalar("bool"):
            return _bool_key

        def key_of(text: str) -> str:
            value = convert(text)
            return value.text if isinstance(value, DateTime) else str(value)

        return key_of

    def _enum(self, name: str) -> Convert:
        if name not in self._enums:
            declared = self._types.enums.get(name)
            if declared is None:
                raise UnknownTypeError(f"no enum {name} is declared")
            self._enums[name] = _enum(declared)
        return self._enums[name]

    def _record(self, name: str) -> Convert:
        """Return the function for a record, which is made when first used.

        So a record may hold itself, and no more is made at once than a value is deep.
        """
        declared = self._types.records.get(name)
        if declared is None:
            raise UnknownTypeError(f"no record {name} is declared, nor a class of that name with fields")

        def record(value: Value) -> Value:
            made = self._records.get(name)
            if made is None:
                made = self._records[name] = self._made(declared)
            return made(value)

        return self._records.get(name, record)

    def _made(self, declared: Record) -> Convert:
        if declared.name in self._making or len(self._making) == _MAX_DEFAULT_DEPTH:
            raise WrongValueError(declared.name, "the default of a field leads to its own record, or through too many")
        self._making.append(declared.name)
        try:
            return self._record_of(declared)
        finally:
            self._making.pop()

    def default(self, literal: str, kind: Type) -> Value:
        """Return a default as a value of its type, with the defaults of the records in it.

        Raises:
            UnknownTypeError: the type names what is not declared.
            LiteralError: the text is no literal of the type, or makes a value of too many parts.
            MisfitError: the value does not fit the type.
        """
        value = self.of(kind)(read_literal(literal, kind))
        if _parts(value, MAX_DEFAULT_PARTS) > MAX_DEFAULT_PARTS:
            raise LiteralError(f"the default has more than {MAX_DEFAULT_PARTS} parts; at most that many are taken")
        return value

    def _fields(self, declared: Record) -> Iterator[tuple[str, str, Convert, Value, bool]]:
        """Return of each field its name, type, function, default, and whether it must be there."""
        for field in declared.fields:
            default = None if field.default is None else self.default(field.default, field.type)
            needed = default is None and not isinstance(field.type, OptionType | DescribedType)
            yield field.name, str(field.type), self.of(field.type), default, needed

    def _record_of(self, declared: Record) -> Convert:
        fields = tuple(self._fields(declared))
        secrets = frozenset(field.name for field in declared.fields if field.secret)
        names = frozenset(field.name for field in declared.fields) if self._closed else None
        expected = f"{declared.name} record"

        def record(value: Value) -> Value:
            if not isinstance(value, dict):
                raise WrongTypeError(expected, type_name(value))
            taken: dict[str, Value] = {}
            name = ""
            try:
                for name, kind, convert, default, needed in fields:
                    if name in value:
                        taken[name] = convert(value[name])
                    elif default is not None:
                        taken[name] = fresh(default)
                    elif needed:
                        raise WrongTypeError(kind, NOTHING)
            except MisfitError as misfit:
                if name in secrets:
                    misfit.hide()
                misfit.steps.append(f".{name}")
                raise
            if names is not None and (surplus := value.keys() - names):
                raise WrongValueError(min(surplus), f"{expected} has no such field")
            return taken

        return record


def fresh(value: Value) -> Value:
    """Return a value that nobody else changes."""
    return copy.deepcopy(value) if isinstance(value, list | dict) else value


def _parts(value: Value, limit: int) -> int:
    """Count the parts of a value, until there are more than the limit."""
    if not isinstance(value, list | dict):
        return 1
    count = 1
    for item in value.values() if isinstance(value, dict) else value:
        count += _parts(item, limit)
        if count > limit:
            break
    return count


def _int(value: Value) -> Value:
    if type(value) is int:
        return value
    if isinstance(value, str) and (number := int_of_text(value)) is not None:
        return number
    raise WrongTypeError("int", type_name(value))


def _float(value: Value) -> Value:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if isinstance(value, str) and (number := float_of_text(value)) is not None:
        return number
    raise WrongTypeError("float", type_name(value))


def _bool(value: Value) -> Value:
    if value is True or value is False:
        return value
    raise WrongTypeError("bool", type_name(value))


def _bool_key(text: str) -> str:
    if text in ("true", "false"):
        return text
    raise WrongTypeError("bool", "string")


def _datetime(value: Value) -> Value:
    if isinstance(value, DateTime):
        text = value.text
    elif isinstance(value, str):
        text = value
    else:
        raise WrongTypeError("datetime", type_name(value))
    time = utc_time(text)
    if time is None:
        raise WrongValueError(text, "no date and time in ISO 8601, such as 20260101T00:00:00Z")
    return DateTime(time)


def _anything(value: Value) -> Value:
    return value


def _text(expected: str) -> Convert:
    def text(value: Value) -> Value:
        if type(value) is str:
            return value
        raise WrongTypeError(expected, type_name(value))

    return text


def _enum(declared: EnumDeclaration) -> Convert:
    expected = f"enum {declared.name}"
    # The exact spelling wins where two differ in nothing but capitals.
    spellings = {value.name.lower(): value.name for value in reversed(declared.values)}
    spellings |= {value.name: value.name for value in declared.values}
    names = ", ".join(value.name for value in declared.values[:_MAX_SHOWN])

    def enum(value: Value) -> Value:
        if type(value) is not str:
            raise WrongTypeError(expected, type_name(value))
        found = spellings.get(value) or spellings.get(value.lower())
        if found is None:
            raise WrongValueError(value, f"{expected} has the values {names}")
        return found

    return enum


def _set(expected: str, of: Convert) -> Convert:
    def items(value: Value) -> Value:
        if not isinstance(value, list):
            raise WrongTypeError(expected, type_name(value))
        taken: list[Value] = []
        try:
            for item in value:
                taken.append(of(item))  # noqa: PERF401 - how many are done names the one at fault
        except MisfitError as misfit:
            misfit.steps.append(f"[{len(taken)}]")
            raise
        return taken

    return items


def _option(expected: str, of: Convert) -> Convert:
    items = _set(expected, of)

    def option(value: Value) -> Value:
        if isinstance(value, list) and len(value) > 1:
            raise WrongTypeError(expected, f"array of {len(value)}")
        return items(value)

    return option


def _map(expected: str, key_of: Callable[[str], str], of: Convert) -> Convert:
    def pairs(value: Value) -> Value:
        if not isinstance(value, dict):
            raise WrongTypeError(expected, type_name(value))
        taken: dict[str, Value] = {}
        key = ""
        try:
            for key, item in value.items():
                written = key_of(key)
                if written in taken:
                    raise WrongValueError(key, "the same key is there already, perhaps written otherwise")
                taken[written] = of(item)
        except MisfitError as misfit:
            shown = key if len(key) <= _MAX_SHOWN else f"{key[: _MAX_SHOWN - 3]}..."
            misfit.steps.append(f'["{shown}"]')
            raise
        return taken

    return pairs


_SCALARS: dict[str, Convert] = {
    "string": _text("string"),
    "int": _int,
    "float": _float,
    "bool": _bool,
    "datetime": _datetime,
}
