"""`sortBy=`: in which order resources are listed.

sortBy   = [ property [ "." ( "asc" | "desc" ) ] { "," property [ "." ( "asc" | "desc" ) ] } ] ;
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.values import Properties, Value, look_up, text_of

MAX_KEYS = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SortKey:
    """A property to sort by."""

    property: str
    descending: bool = False


def parse_sort(text: str) -> tuple[SortKey, ...]:
    """Read the decoded value of `sortBy`.

    Raises:
        QueryError: an order that is neither `asc` nor `desc`, or too many properties.
    """
    keys = tuple(_key(part.strip()) for part in text.split(",") if part.strip())
    if len(keys) > MAX_KEYS:
        raise QueryError(f"Invalid Request: 'sortBy' names {len(keys)} properties; at most {MAX_KEYS} are allowed.")
    return keys


def sort(resources: Iterable[T], keys: Sequence[SortKey], properties: Callable[[T], Properties]) -> list[T]:
    """Return resources in the order of the keys; those that agree in all keep the order in which they came.

    Numbers go by size and before texts; those without a value come last, whichever the direction.
    """
    ordered = list(resources)
    for key in reversed(keys):
        valued = [(look_up(properties(resource), key.property), resource) for resource in ordered]
        present = [(_rank(value), resource) for value, resource in valued if value is not None]
        present.sort(key=lambda item: item[0], reverse=key.descending)
        ordered = [resource for _, resource in present] + [resource for value, resource in valued if value is None]
    return ordered


def _key(part: str) -> SortKey:
    name, dot, order = part.rpartition(".")
    if not dot:
        return SortKey(part)
    if not name or order.lower() not in {"asc", "desc"}:
        raise QueryError(f"Invalid Request: 'sortBy={part}' is not a property with .asc or .desc.")
    return SortKey(name, order.lower() == "desc")


def _rank(value: Value) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, value, "")
    return (1, 0, text_of(value))
