"""Values of properties as a query sees them: as numbers, as text, and by their path."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeGuard

Value = str | int | float | bool | None | Sequence["Value"] | Mapping[str, "Value"]
"""What a property can hold: JSON."""

MAX_NUMBER_LENGTH = 100
"""Characters; a longer text is no number."""

Properties = Mapping[str, Value]
"""A resource's properties by id, `Versions/valid`; the part before the last `/` is the category."""

_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def number_of(value: Value) -> float | None:
    """Return a number, or what a string says when all of it is a number; None for all else, booleans too."""
    if isinstance(value, str):
        return _number_in(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def text_of(value: Value) -> str:
    """Write a value as Java's `toString` does, which is what Ambari compares strings with."""
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case Mapping():
            return "{" + ", ".join(f"{key}={text_of(item)}" for key, item in value.items()) + "}"
        case _:
            return "[" + ", ".join(map(text_of, value)) + "]"


def look_up(properties: Properties, path: str) -> Value:
    """Return the property of that id, or an entry of a property that is a map; None where there is neither."""
    if path in properties:
        return properties[path]
    for parent in _parents(path):
        if parent in properties:
            return _entry(properties[parent], path[len(parent) + 1 :])
    return None


def is_map(value: Value) -> TypeGuard[Mapping[str, Value]]:
    """Tell whether a value has entries by name."""
    return isinstance(value, Mapping)


def prefixes(path: str) -> Iterator[str]:
    """Give the path itself, then what it is within, the nearest first: `a/b/c`, `a/b`, `a`."""
    yield path
    yield from _parents(path)


def _parents(path: str) -> Iterator[str]:
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def _entry(value: Value, path: str) -> Value:
    for name in path.split("/"):
        if not is_map(value):
            return None
        value = value.get(name)
    return value


def _number_in(text: str) -> float | None:
    return _cached_number_in(text) if len(text) <= MAX_NUMBER_LENGTH else None


@lru_cache(maxsize=4096)
def _cached_number_in(text: str) -> float | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    return number if math.isfinite(number) else None
