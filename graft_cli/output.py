"""What commands print: tables for people, JSON for programs; colour only on a terminal, and not with NO_COLOR."""

from __future__ import annotations

import base64
import math
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graft_common.values import DateTime, Value


def print_json(value: Any) -> None:
    """Print one JSON document, indented."""
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n")


_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of control and format characters, among them those that turn the direction of writing."""


def plain(text: str, keep: str = "\n\t") -> str:
    """Write control characters as escapes: what strangers' files and hooks say must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        _escape(char) if char not in keep and unicodedata.category(char) in _STEERING else char for char in text
    )


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Print rows under their headings; away from a terminal each row is one line, whatever its length."""
    lines = [list(columns), *([plain(cell, keep="") for cell in row] for row in rows)]
    if not sys.stdout.isatty():
        widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
        for line in lines:
            padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            sys.stdout.write("  ".join(padded).rstrip() + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, style=styles[number] if number < len(styles) else "", overflow="fold")
    for line in lines[1:]:
        table.add_row(*(Text(cell) for cell in line))
    Console().print(table)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show on a terminal that something is awaited."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not console.no_color:
        with console.status(text):
            yield
    else:
        yield


def to_json(value: Value) -> Any:
    """Turn a call's value into what JSON can say: a binary becomes base64 text, a date its text, nan and inf null."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case DateTime():
            return value.text
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [to_json(item) for item in value]
        case dict():
            return {key: to_json(item) for key, item in value.items()}
        case _:
            return value


def readable(value: Value) -> str:
    """Write a call's value for people: text as it is, structs as `name: value` lines, arrays as `- ` lines."""
    return "\n".join(_lines(value))


def _lines(value: Value) -> list[str]:
    if value in ([], {}):
        return ["(empty)"]
    match value:
        case list():
            return [line for item in value for line in _hang("- ", _lines(item))]
        case dict():
            return [line for key, item in value.items() for line in _member(key, item)]
        case str():
            return value.split("\n")
        case _:
            return [_scalar(value)]


def _member(key: str, value: Value) -> list[str]:
    lines = _lines(value)
    if len(lines) == 1 and not (isinstance(value, list | dict) and value):
        return [f"{key}: {lines[0]}"]
    return [f"{key}:", *(f"  {line}" for line in lines)]


def _hang(mark: str, lines: list[str]) -> list[str]:
    return [f"{mark if number == 0 else ' ' * len(mark)}{line}" for number, line in enumerate(lines)]


def _scalar(value: Value) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case bytes():
            return base64.b64encode(value).decode()
        case DateTime():
            return value.text
        case _:
            return str(value)
