"""How values and types are written in the languages that methods begin in."""

from __future__ import annotations

import json
import keyword
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graft_cli.exits import USAGE, CliError
from graft_common.declarations.literals import read_literal
from graft_common.declarations.model import Param
from graft_common.declarations.types import (
    BOOL,
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
from graft_common.values import DateTime, Value
from graft_common.xmlrpc import format_value

_GO_WORDS = frozenset(
    (
        *("break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for", "func", "go"),
        *(
            "goto",
            "if",
            "import",
            "interface",
            "map",
            "package",
            "range",
            "return",
            "select",
            "struct",
            "switch",
            "type",
        ),
        *("var", "any", "bool", "byte", "error", "false", "float64", "int", "int64", "len", "make", "max", "nil"),
        *("string", "true", "method", "params", "given", "err", "value", "write", "escape", "answer", "dispatch"),
        *("main", "call", "strings", "strconv", "time", "fmt", "io", "os", "xml", "errors", "reflect", "reader"),
    )
)
"""Words of the language, and names that the beginning of a program has."""
_SAMPLES: dict[str, Value] = {
    "string": "text",
    "int": 1,
    "float": 1.5,
    "bool": True,
    "datetime": DateTime("20260101T00:00:00Z"),
}


@dataclass(frozen=True, slots=True)
class Language:
    """What a language needs to know of a type."""

    name: str
    annotation: Callable[[Type], str]
    literal: Callable[[Value, Type], str]
    check_name: Callable[[str], str]
    """Returns what the parameter is called; raises ValueError with what would be right."""


def sample(kind: Type) -> Value:
    """Return a value for tests."""
    match kind:
        case Scalar(name):
            return _SAMPLES[name]
        case RefType():
            return "OpaqueRef:NULL"
        case SetType() | OptionType():
            return []
        case MapType():
            return {}
    return "text"


def result_sample(kind: Type) -> Value:
    """Return what a method answers to begin with."""
    return "done" if kind == Scalar("string") else sample(kind)


def refused(kind: Type, why: str) -> CliError:
    """Say that a type is not among those that a method in some language can begin with."""
    return CliError(f"{kind}: {why}", USAGE)


def python_annotation(kind: Type) -> str:
    """Write a type as Python's annotation, with the names of `typing` that Python 3.6 has."""
    match kind:
        case Scalar(name):
            return {"string": "str"}.get(name, name)
        case RefType(name):
            return f'Ref["{name}"]'
        case SetType(of):
            return f"List[{python_annotation(of)}]"
        case MapType(key, value):
            return f"Dict[{python_annotation(key)}, {python_annotation(value)}]"
        case OptionType(of):
            return f"Optional[{python_annotation(of)}]"
        case DescribedType():
            return "Any"
        case EnumType() | RecordType():
            raise refused(kind, "a class is written in the file; begin with string, and change its annotation there")


def python_literal(value: Value, kind: Type) -> str:
    """Write a value as a Python expression."""
    match value, kind:
        case DateTime(text), _:
            return f"datetime({_parts_of(text)}, tzinfo=timezone.utc)"
        case list(), OptionType(of):
            return python_literal(value[0], of) if value else "None"
        case list(), SetType(of):
            return f"[{', '.join(python_literal(item, of) for item in value)}]"
        case dict(), MapType(key, of):
            items = (f"{_python_key(name, key)}: {python_literal(item, of)}" for name, item in value.items())
            return f"{{{', '.join(items)}}}"
        case float(), _ if not math.isfinite(value):
            return f'float("{value}")'
        case str(), RefType():
            return f"Ref({quoted(value)})"
        case str(), _:
            return quoted(value)
    return repr(value)


def _python_key(text: str, kind: Type) -> str:
    if kind == BOOL:
        return text.capitalize()
    return text if kind in (INT, FLOAT) else quoted(text)


def _parts_of(moment: str) -> str:
    """Write year, month, day, hour, minute and second of `20260101T00:00:00Z` as numbers."""
    numbers = re.findall(r"\d+", f"{moment[:4]} {moment[4:6]} {moment[6:8]} {moment[9:17]}")
    return ", ".join(str(int(number)) for number in numbers)


def python_name(name: str) -> str:
    """Check a parameter's name."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError("it is no name in Python; take letters, digits and _")
    return name


def shell_annotation(kind: Type) -> str:
    """Return how a scalar is read in shell."""
    match kind:
        case Scalar(name):
            return name
        case RefType():
            return "string"
    raise refused(
        kind, "shell has text alone; choose --lang python or go, or string, int, float, bool, datetime or X ref"
    )


def shell_literal(value: Value, kind: Type) -> str:
    """Write a value as shell's text."""
    shell_annotation(kind)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, DateTime) else str(value)


def shell_name(name: str) -> str:
    """Check a parameter's name: the shell's own variables are in capitals, those of the beginning have a _ in front."""
    if not re.fullmatch(r"[a-z][A-Za-z0-9_]*", name):
        raise ValueError("it is no name for a variable here; begin with a small letter, then letters, digits and _")
    return name


def go_annotation(kind: Type) -> str:
    """Write a type as Go's."""
    match kind:
        case Scalar(name):
            return {"int": "int64", "float": "float64", "datetime": "time.Time"}.get(name, name)
        case RefType():
            return "string"
        case SetType(of):
            return f"[]{go_annotation(of)}"
        case MapType(Scalar(name="string") | RefType(), value):
            return f"map[string]{go_annotation(value)}"
        case OptionType(of):
            return f"*{go_annotation(of)}"
        case DescribedType():
            return "any"
    raise refused(kind, "a method in Go begins with scalars, sets, options, and maps with strings as keys")


def go_reader(kind: Type) -> str:
    """Return the expression that reads a value of a type."""
    match kind:
        case Scalar(name):
            return "asTime" if name == "datetime" else f"as{name.capitalize()}"
        case SetType(of):
            return f"setOf({go_reader(of)})"
        case MapType(_, value):
            return f"mapOf({go_reader(value)})"
        case OptionType(of):
            return f"optionOf({go_reader(of)})"
        case DescribedType():
            return "asAny"
    return "asString"


def go_literal(value: Value, kind: Type) -> str:
    """Write a value as a Go expression of a type."""
    annotation = go_annotation(kind)
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() if math.isfinite(value):
            return f"{annotation}({value!r})"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case DateTime(text):
            return f"time.Date({_parts_of(text)}, 0, time.UTC)"
        case [] | {}:
            return f"({annotation})(nil)"
    raise refused(kind, "in Go such a default is written in the file; leave it out, or give [] or {}")


def go_name(name: str) -> str:
    """Turn a parameter's name into one of Go's."""
    first, *rest = re.split(r"[_-]+", name)
    made = first[:1].lower() + first[1:] + "".join(word.capitalize() for word in rest)
    if not made.isidentifier() or not made.isascii():
        raise ValueError("it is no name in Go; take letters and digits")
    return f"{made}Value" if made in _GO_WORDS else made


def quoted(text: str) -> str:
    """Write text between quotation marks, as Python and Go read it."""
    return json.dumps(text, ensure_ascii=False)


def wire(value: Value) -> str:
    """Write a sample as the inside of a `<value>`, without white space."""
    return format_value(value).removeprefix("<value>").removesuffix("</value>")


PYTHON = Language("python", python_annotation, python_literal, python_name)
SHELL = Language("shell", shell_annotation, shell_literal, shell_name)
GO = Language("go", go_annotation, go_literal, go_name)
LANGUAGES = {language.name: language for language in (PYTHON, SHELL, GO)}


def parse_default(param: Param) -> Any:
    """Return a parameter's default as a value."""
    assert param.default is not None  # noqa: S101 - asked for those alone
    return read_literal(param.default, param.type)


def names_of(params: Sequence[Param], language: Language) -> list[str]:
    """Return what parameters are called in a language.

    Raises:
        CliError: one cannot be called so, or two are called the same.
    """
    names: list[str] = []
    for param in params:
        try:
            name = language.check_name(param.name)
        except ValueError as error:
            raise CliError(f"--param {param.name}: {error}", USAGE) from None
        if name in names:
            raise CliError(f"--param {param.name}: there is a parameter {name} already", USAGE)
        names.append(name)
    return names
