"""JSON as Ambari prints it: Jackson's pretty printer for answers, Gson's for what the container says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]
"""What can be written."""

MAX_DEPTH = 200
"""Deeper values are cut off: what is written comes from files that people make."""

_encode = json.JSONEncoder(ensure_ascii=False).encode


def render(value: Json) -> str:
    """Write a value with ` : ` after keys, two blanks for each level, and `[ ]` and `{ }` where nothing is in it."""
    pieces: list[str] = []
    _write(value, "\n", pieces, MAX_DEPTH)
    return "".join(pieces)


def render_error(status: int, message: str) -> str:
    """Write what a resource answers that cannot do as it is told (JsonSerializer.java)."""
    return render({"status": status, "message": message})


def render_container_error(status: int, message: str) -> str:
    """Write what is answered before any resource is asked (AmbariErrorHandler.java)."""
    return json.dumps({"status": status, "message": message}, indent=2, ensure_ascii=False)


def _write(value: Json, line: str, pieces: list[str], depth: int) -> None:
    """Append a value; `line` ends the line and indents the next to the level that the value is on."""
    if isinstance(value, Mapping):
        _write_items([(f"{_encode(key)} : ", item) for key, item in value.items()], "{}", line, pieces, depth)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        _write_items([("", item) for item in value], "[]", line, pieces, depth)
    else:
        pieces.append(_encode(value))


def _write_items(items: Sequence[tuple[str, Json]], ends: str, line: str, pieces: list[str], depth: int) -> None:
    if not items or not depth:
        pieces.append(f"{ends[0]} {ends[1]}")
        return
    inner = f"{line}  "
    separator = ends[0] + inner
    for label, item in items:
        pieces.append(separator + label)
        _write(item, inner, pieces, depth - 1)
        separator = f",{inner}"
    pieces.append(line + ends[1])
