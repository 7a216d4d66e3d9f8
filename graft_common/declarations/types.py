"""The type grammar of declarations, which is that of xapi's published `xenapi.json`.

    type   = atom { "set" | "option" }
    atom   = "string" | "int" | "float" | "bool" | "datetime"
           | "enum" name | name "ref" | name "record"
           | "(" type "->" type ")" "map"
           | '"' words '"'

The last one is a type that is told only in words, as xapi tells the result of `event.from` ("an event batch");
any value fits it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

MAX_TEXT = 1000
"""Characters of a type as text."""
MAX_DEPTH = 16
"""How deep sets, maps and options may nest."""
NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*"
"""What classes, enums, records, fields and parameters are called."""

ScalarName: TypeAlias = Literal["string", "int", "float", "bool", "datetime"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a 64-bit integer, a double, a truth value or a point in time."""

    name: ScalarName

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class EnumType:
    """One of the values that an enum names."""

    name: str

    def __str__(self) -> str:
        return f"enum {self.name}"


@dataclass(frozen=True, slots=True)
class RefType:
    """A reference to an object of a class; opaque text on the wire."""

    class_name: str

    def __str__(self) -> str:
        return f"{self.class_name} ref"


@dataclass(frozen=True, slots=True)
class RecordType:
    """A struct with the fields of a record, or of a class."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} record"


@dataclass(frozen=True, slots=True)
class SetType:
    """An array of items of one type; their order is kept, and repetition is not refused, as in xapi."""

    of: Type

    def __str__(self) -> str:
        return f"{self.of} set"


@dataclass(frozen=True, slots=True)
class MapType:
    """A struct of any keys; keys are text on the wire, whatever their type."""

    key: Type
    value: Type

    def __str__(self) -> str:
        return f"({self.key} -> {self.value}) map"


@dataclass(frozen=True, slots=True)
class OptionType:
    """An array of no or one item; in a record an absent field as well."""

    of: Type

    def __str__(self) -> str:
        return f"{self.of} option"


@dataclass(frozen=True, slots=True)
class DescribedType:
    """A type that is only told in words; any value fits."""

    words: str
    """Without a quotation mark, without white space at either end."""

    def __str__(self) -> str:
        return f'"{self.words}"'


Type: TypeAlias = Scalar | EnumType | RefType | RecordType | SetType | MapType | OptionType | DescribedType

STRING = Scalar("string")
INT = Scalar("int")
FLOAT = Scalar("float")
BOOL = Scalar("bool")
DATETIME = Scalar("datetime")
SCALARS: dict[str, Scalar] = {scalar.name: scalar for scalar in (STRING, INT, FLOAT, BOOL, DATETIME)}

RESERVED = frozenset({*SCALARS, "enum", "ref", "record", "set", "map", "option"})
"""Words of the grammar, which name no class, enum or record."""


class TypeSyntaxError(ValueError):
    """A text is no type; the message says where, what stands there and what would be right."""


def parse_type(text: str) -> Type:
    """Read a type.

    Raises:
        TypeSyntaxError: the text is none, or is too long or nests too deeply.
    """
    if len(text) > MAX_TEXT:
        raise TypeSyntaxError(f"a type of {len(text)} characters; at most {MAX_TEXT} are read")
    parser = _Parser(text)
    found, _ = parser.type()
    parser.end()
    return found


def format_type(kind: Type) -> str:
    """Write a type so that `parse_type` reads the same."""
    return str(kind)


_SYMBOL = re.compile(rf'\s*(?:(?P<word>{NAME_PATTERN})|(?P<mark>\(|\)|->)|"(?P<words>[^"]*)")')
_ATOM = "a type: string, int, float, bool, datetime, `enum X`, `X ref`, `X record` or `(K -> V) map`"


class _Parser:
    """One pass over the symbols, one symbol ahead; each level of nesting is one call deep."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.begin = 0
        self.symbol: str | None = None
        self.words: str | None = None
        self._next()

    def type(self, depth: int = 0) -> tuple[Type, int]:
        """Return a type that is so deep in others, and how deep it is itself."""
        if depth > MAX_DEPTH:
            raise self._error(f"the type nests more than {MAX_DEPTH} deep; at most that is read")
        found, height = self._atom(depth)
        while self.symbol in ("set", "option"):
            height += 1
            found = SetType(found) if self.symbol == "set" else OptionType(found)
            self._next()
        if depth + height > MAX_DEPTH:
            raise self._error(f"the type nests more than {MAX_DEPTH} deep; at most that is read")
        return found, height

    def end(self) -> None:
        if self.symbol is not None or self.words is not None:
            raise self._expected("`set`, `option` or the end")

    def _atom(self, depth: int) -> tuple[Type, int]:
        if self.words is not None:
            return self._described(self.words), 0
        symbol = self.symbol
        if symbol in SCALARS:
            self._next()
            return SCALARS[symbol], 0
        if symbol == "enum":
            self._next()
            return EnumType(self._name("the name of an enum")), 0
        if symbol == "(":
            return self._map(depth)
        name = self._name(_ATOM)
        if self.symbol not in ("ref", "record"):
            raise self._expected(f"`ref` or `record` (or `enum` before {name!r})")
        found: Type = RefType(name) if self.symbol == "ref" else RecordType(name)
        self._next()
        return found, 0

    def _map(self, depth: int) -> tuple[Type, int]:
        self._next()
        key, key_height = self.type(depth + 1)
        self._mark("->", "between the key's type and the value's")
        value, value_height = self.type(depth + 1)
        self._mark(")", "after the value's type")
        self._mark("map", "after `)`")
        return MapType(key, value), 1 + max(key_height, value_height)

    def _described(self, words: str) -> Type:
        if not words.strip() or words != words.strip():
            raise self._error("a type told in words has at least one, and no space at its ends")
        self._next()
        return DescribedType(words)

    def _mark(self, symbol: str, where: str) -> None:
        if self.symbol != symbol:
            raise self._expected(f"`{symbol}` {where}")
        self._next()

    def _name(self, wanted: str) -> str:
        symbol = self.symbol
        if symbol is None or symbol in RESERVED or symbol in ("(", ")", "->"):
            raise self._expected(wanted)
        self._next()
        return symbol

    def _next(self) -> None:
        rest = self.text[self.position :]
        self.begin = self.position + len(rest) - len(rest.lstrip())
        match = _SYMBOL.match(self.text, self.position)
        if match is None:
            if rest.strip():
                raise self._error(f"{self.text[self.begin : self.begin + 20]!r} is no part of a type")
            self.symbol = self.words = None
            return
        self.symbol = match["word"] or match["mark"]
        self.words = match["words"]
        self.position = match.end()

    def _expected(self, wanted: str) -> TypeSyntaxError:
        if self.words is not None:
            found = "words in quotation marks stand there"
        elif self.symbol is None:
            found = "the text ends there"
        else:
            found = f"`{self.symbol}` stands there"
        return self._error(f"{wanted} is expected, but {found}")

    def _error(self, reason: str) -> TypeSyntaxError:
        shown = self.text if len(self.text) <= 100 else f"{self.text[:97]}..."
        return TypeSyntaxError(f"{shown!r} is no type: at character {self.begin + 1}: {reason}")
