"""The grammar by which `graft call` reads typed values from the command line."""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graft_common.values import INT64_MAX, INT64_MIN, MAX_DEPTH, DateTime, Value

MAX_FILE = 32 << 20

HELP = """\
\b
Each argument is one parameter, as text unless it begins with a type:
  World                        the string World
  int:5  float:1.5  bool:true  numbers and booleans
  nil:                         nothing
  json:'{"a": [1, 2.5]}'       a struct, an array, or any other JSON value
  date:20260101T00:00:00Z      a dateTime.iso8601
  base64:aGVsbG8=              a binary
  str:int:5                    the string int:5
  @notes.txt                   the text of a file; @- is standard input
  json:@call.json  base64:@a.png  the same for the other types; of a.png the bytes"""

_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}T\d{2}:?\d{2}:?\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?")


class ArgumentError(ValueError):
    """An argument that is not what its type says; the message quotes it and shows what would be right."""


def parse_argument(text: str) -> Value:
    """Read one argument.

    Raises:
        ArgumentError: the text does not fit the type that it begins with, or names a file that cannot be read.
    """
    if text.startswith("@"):
        return _text(_file(text[1:]), text)
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _READERS:
        return text
    if kind != "str" and rest.startswith("@"):
        data = _file(rest[1:])
        return data if kind == "base64" else _READERS[kind](_text(data, text).strip())
    return _READERS[kind](rest)


def _file(name: str) -> bytes:
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ArgumentError(f"@{name}: {error.strerror}; str:@{name} is the text itself") from None
    if len(data) > MAX_FILE:
        raise ArgumentError(f"@{name}: the file is larger than {MAX_FILE >> 20} MiB")
    return data


def _text(data: bytes, argument: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ArgumentError(f"{argument}: the file is not UTF-8 text; base64:{argument} sends its bytes") from None


def _int(text: str) -> Value:
    if re.fullmatch(r"[+-]?[0-9]{1,20}", text) and INT64_MIN <= int(text) <= INT64_MAX:
        return int(text)
    raise ArgumentError(f"int:{text} is no integer of 64 bits, such as int:5 or int:-12")


def _float(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"float:{text} is no number such as float:1.5") from None


def _bool(text: str) -> Value:
    if text in {"true", "false"}:
        return text == "true"
    raise ArgumentError(f"bool:{text} is neither bool:true nor bool:false")


def _nil(text: str) -> Value:
    if text:
        raise ArgumentError(f"nil:{text}: nil: stands alone; str:nil:{text} is the text itself")
    return None


def _date(text: str) -> Value:
    if _DATE.fullmatch(text):
        return DateTime(text)
    raise ArgumentError(f"date:{text} is no date such as date:20260101T00:00:00Z")


def _base64(text: str) -> Value:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ArgumentError(f"base64:{text} is not base64, such as base64:aGVsbG8=") from None


def _json(text: str) -> Value:
    try:
        value = json.loads(text, parse_constant=_no_constant)
        return _checked(value, MAX_DEPTH)
    except RecursionError:
        raise ArgumentError(f"json: nests more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise ArgumentError(f"json:{text[:80]}: {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _checked(value: Any, depth: int) -> Value:
    if depth < 0:
        raise ValueError(f"nests more than {MAX_DEPTH} deep")
    if isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        raise ValueError(f"{value} does not fit into 64 bits")
    if isinstance(value, list):
        return [_checked(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {key: _checked(item, depth - 1) for key, item in value.items()}
    return value  # type: ignore[no-any-return]  # json.loads gives nothing else


_READERS: dict[str, Callable[[str], Value]] = {
    "str": lambda text: text,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "nil": _nil,
    "json": _json,
    "date": _date,
    "base64": _base64,
}
