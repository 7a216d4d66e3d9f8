"""What a docstring says of a function's parameters, result and errors: Google's style, or none at all."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from graft_common.declarations.model import ErrorDeclaration

_SECTIONS = {
    "args": "params",
    "arguments": "params",
    "parameters": "params",
    "attributes": "params",
    "returns": "result",
    "raises": "errors",
}
_HEADING = re.compile(r"([A-Z][a-z]+):\s*")
_ITEM = re.compile(r"(\*{0,2}\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)", re.DOTALL)
_FAILURE = re.compile(r"(?:\w+\.)?Failure\((.*?)\)\s*:\s*(.*)", re.DOTALL)
_CODE = re.compile(r"([A-Z][A-Z0-9_.\-]*)(?:\(([^)]*)\))?\s*:\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring's parts."""

    doc: str = ""
    """All that is in no section."""
    params: dict[str, str] = field(default_factory=dict)
    """What `Args:` or `Attributes:` says, by name."""
    result: str = ""
    errors: tuple[ErrorDeclaration, ...] = ()
    """Those of `Raises:` that callers can see: `Failure("CODE", "param")`, `CODE` or `CODE(param)`."""


def parse_docstring(text: str | None) -> Docstring:
    """Read a docstring; sections of other names stay a part of the text."""
    prose: list[str] = []
    sections: dict[str, list[str]] = {"params": [], "result": [], "errors": []}
    into = prose
    for line in inspect.cleandoc(text or "").splitlines():
        if line and not line[0].isspace():
            heading = _HEADING.fullmatch(line)
            known = _SECTIONS.get(heading[1].lower()) if heading else None
            into = sections[known] if known else prose
            if known:
                continue
        into.append(line)
    params = {}
    for item in _items(sections["params"]):
        if match := _ITEM.fullmatch(item):
            params[match[1].lstrip("*")] = _tidy(match[2])
    errors = tuple(error for item in _items(sections["errors"]) if (error := _error(item)) is not None)
    return Docstring(
        _tidy("\n".join(prose)), params, _tidy(inspect.cleandoc("\n" + "\n".join(sections["result"]))), errors
    )


def _items(lines: list[str]) -> Iterator[str]:
    """Yield the entries of a section; what is indented more than the first line belongs to the entry before."""
    item: list[str] = []
    for line in inspect.cleandoc("\n" + "\n".join(lines)).splitlines():
        if line and not line[0].isspace() and item:
            yield "\n".join(item)
            item = []
        item.append(line)
    if item:
        yield "\n".join(item)


def _error(item: str) -> ErrorDeclaration | None:
    """Read an entry of `Raises:`; None for an exception that no caller is told."""
    if match := _FAILURE.fullmatch(item):
        code, *params = _words(match[1]) or [""]
        return ErrorDeclaration(code, tuple(params), _tidy(match[2])) if code else None
    if match := _CODE.fullmatch(item):
        return ErrorDeclaration(match[1], tuple(_words(match[2] or "")), _tidy(match[3]))
    return None


def _words(text: str) -> list[str]:
    """Read what stands between the parentheses: texts, or names as they would be given."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError):
        return []
    assert isinstance(call, ast.Call)  # noqa: S101 - it begins as one
    return [
        str(given.value) if isinstance(given, ast.Constant) else ast.unparse(given).rpartition(".")[2]
        for given in call.args
    ]


def _tidy(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())
