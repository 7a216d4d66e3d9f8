"""`fields=`: which properties and which sub-resources a client wants to see.

    fields   = [ field { "," field } ] ;
    field    = path [ "[" from [ "," to [ "," step ] ] "]" ] ;     (* seconds; for metrics, and ignored *)
    path     = "*" | { sub-resource "/" } ( sub-resource | "*" | property | category [ "/*" ] ) ;

`*` means every property, and each sub-resource with its keys; the name of a sub-resource alone shows its keys
(QueryImpl.addProperty).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.shapes import Shape, is_category, supports
from gateway.ambari.query.values import Properties, Value, is_map, look_up, prefixes

MAX_FIELDS = 1000

_FIELD = re.compile(r"([^,\[\]]*)(?:\[([^\[\]]*)\])?(?:,|$)")
_RANGE = re.compile(r"\s*-?[0-9]{1,19}\s*(?:,\s*-?[0-9]{1,19}\s*){0,2}")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted of the resources of one type. Their keys are shown in any case and are not meant here."""

    everything: bool = False
    """All properties."""
    properties: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    """Every property whose id lies under one of these."""
    children: Mapping[str, Selection] = field(default_factory=dict)
    """Sub-resources to show, by name, and what of each; with nothing selected, their keys."""
    unsupported: tuple[str, ...] = ()
    """Fields that the type does not have, those of sub-resources with their path."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is selected."""
        return not (self.everything or self.properties or self.categories or self.children)

    def wants(self, property_id: str) -> bool:
        """Tell whether a property is to be shown, whole or in part."""
        if self.everything or any(p in self.properties or p in self.categories for p in prefixes(property_id)):
            return True
        within = property_id + "/"
        return any(name.startswith(within) for name in self.properties)

    def pick(self, properties: Properties) -> dict[str, Value]:
        """Return the properties that are wanted; of a map of which only entries are, the map with these alone."""
        picked: dict[str, Value] = {}
        for name, value in properties.items():
            if self.everything or any(p in self.properties or p in self.categories for p in prefixes(name)):
                picked[name] = value
            elif is_map(value) and (entries := self._entries(name, value)):
                picked[name] = entries
        return picked

    def _entries(self, name: str, value: Mapping[str, Value]) -> dict[str, Value]:
        within = name + "/"
        entries: dict[str, Value] = {}
        for wanted in sorted(self.properties):
            if wanted.startswith(within):
                path = wanted[len(within) :]
                found = look_up(value, path)
                if found is not None:
                    _put(entries, path.split("/") if path not in value else [path], found)
        return entries


def parse_fields(text: str) -> tuple[str, ...]:
    """Read the decoded value of `fields`; ranges of time are checked and left out.

    Raises:
        QueryError: brackets that do not fit, a range that is none, or too many fields.
    """
    fields: list[str] = []
    at = 0
    while at < len(text):
        found = _FIELD.match(text, at)
        if found is None:
            raise QueryError(f"Invalid Request: brackets do not fit in 'fields' at '{text[at : at + 40]}'.")
        name, span = found[1].strip(), found[2]
        if span is not None and _RANGE.fullmatch(span) is None:
            raise QueryError(f"Invalid Request: '{name}[{span}]' in 'fields' is no range of seconds, [from,to,step].")
        if name:
            fields.append(name)
        at = found.end()
    if len(fields) > MAX_FIELDS:
        raise QueryError(f"Invalid Request: 'fields' names {len(fields)} fields; at most {MAX_FIELDS} are allowed.")
    return tuple(dict.fromkeys(fields))


def select(fields: Iterable[str], shape: Shape) -> Selection:
    """Tell what fields select of resources of a type."""
    everything = False
    properties: set[str] = set()
    categories: set[str] = set()
    unsupported: set[str] = set()
    of_children: dict[str, list[str]] = {}
    for path in fields:
        name, slash, rest = path.partition("/")
        if path == "*":
            everything = True
            of_children = {child: of_children.get(child, []) for child in shape.children} | of_children
        elif name in shape.children:
            of_children.setdefault(name, []).extend([rest] if slash and rest else [])
        else:
            own = path.removesuffix("/*")
            if not supports(own, shape):
                unsupported.add(path)
            elif is_category(own, shape):
                categories.add(own)
            else:
                properties.add(own)
    children = {name: select(paths, shape.children[name]) for name, paths in of_children.items()}
    unsupported |= {f"{name}/{path}" for name, child in children.items() for path in child.unsupported}
    return Selection(everything, frozenset(properties), frozenset(categories), children, tuple(sorted(unsupported)))


def _put(entries: dict[str, Value], path: list[str], value: Value) -> None:
    for name in path[:-1]:
        inner = entries.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        entries = inner
    entries[path[-1]] = value
