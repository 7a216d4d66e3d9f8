"""What the table of resources is made of: plain values that the router, the reader and the OpenAPI document go by.

A resource type says which properties there are and how they are fetched. A place says where in the tree of paths a
type stands and what can be done there; one type may stand in several places.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TypeAlias

from gateway.ambari.backend import Backend
from gateway.ambari.errors import Operation
from gateway.ambari.rendering import Json
from gateway.ambari.writing import WriteRequest, Written

Properties: TypeAlias = Mapping[str, Json]
"""A resource: values by property id, such as `Versions/valid`."""

Keys: TypeAlias = Mapping[str, str]
"""What a path says: values by the names of its variables, such as `stack_name`."""

Fetch: TypeAlias = Callable[[Backend, Keys, frozenset[str]], Awaitable[Sequence[Properties]]]
"""Fetches the resources below the keys; the set has the ids of the properties that will be looked at.

It may return more than the keys ask for: the reader leaves out what has other keys. It raises `NotFoundError` or
`NoParentError` where the resources would belong to something that does not exist.
"""


class Kind(Enum):
    """What a property's value is, in JSON's words."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    STRINGS = "array"
    OBJECT = "object"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Property:
    """One property: its id with the category, such as `Versions/valid`."""

    id: str
    kind: Kind = Kind.STRING
    doc: str = ""
    on_request: bool = False
    """Whether it is shown only where `fields` names it."""
    nullable: bool = False
    pattern: str = ""
    """What its value looks like in the body of a request, as a regular expression of JavaScript; empty for any."""

    @property
    def category(self) -> str:
        """The part before the last slash; empty where there is none."""
        return self.id.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind of resource."""

    name: str
    """As Ambari's messages call it, such as `ExtensionVersion`."""
    keys: Mapping[str, str]
    """The properties that are always shown, by the path variables that they stand for; the last is its own."""
    properties: tuple[Property, ...]
    """All properties, keys included."""
    fetch: Fetch
    missing: Callable[[Keys], str] | None = None
    """Says, in Ambari's words, that there is none with these keys."""
    open_category: str = ""
    """The category that may hold more than `properties` names; empty where none does."""
    also_named: Callable[[Properties], str] | None = None
    """Gives a second name by which a path may call a resource."""
    narrows: frozenset[str] = frozenset()
    """Variables by which `fetch` can leave out resources beforehand where the path does not have them."""
    lists_all: bool = False
    """Whether `fetch` can do without the key of what the resources belong to, and then returns those of all."""

    @property
    def variable(self) -> str:
        """The path variable that names one resource of the type."""
        return [*self.keys][-1]

    @property
    def id_property(self) -> str:
        """The property that names one resource of the type."""
        return self.keys[self.variable]

    def property(self, property_id: str) -> Property | None:
        """Return a property by its id; None where there is none."""
        return next((one for one in self.properties if one.id == property_id), None)


@dataclass(frozen=True, slots=True)
class Method:
    """What POST, PUT or DELETE does at a place."""

    verb: str
    operation: Operation
    handle: Callable[[WriteRequest], Awaitable[Written]]
    doc: str
    body: tuple[str, ...] = ()
    """The ids of the properties that its body may have; with none it takes no body."""
    several: bool = False
    """Whether its body may be an array."""
    required: tuple[str, ...] = ()
    """The ids of those without which a body is refused."""
    without_body: bool = False
    """Whether it can do without a body."""
    streams: bool = False
    """Whether it reads its body itself while it comes, whatever that is: `WriteRequest.stream`."""
    statuses: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class Shape:
    """What queries of a place may name; see `gateway.ambari.query.shapes`."""

    properties: Collection[str]
    children: Mapping[str, Shape]


@dataclass(frozen=True)
class Place:
    """A collection of resources in the tree of paths, with its instances below it."""

    segment: str
    """The part of the path, such as `versions`."""
    type: ResourceType
    doc: str
    children: tuple[Place, ...] = ()
    shown: bool = True
    """Whether it is a part of what an instance of its parent shows, rather than a path alone."""
    on_collection: tuple[Method, ...] = ()
    on_instance: tuple[Method, ...] = ()

    @cached_property
    def sub_resources(self) -> Mapping[str, Place]:
        """What an instance shows besides its properties, by name."""
        return {child.segment: child for child in sorted(self.children, key=lambda one: one.segment) if child.shown}

    @cached_property
    def shape(self) -> Shape:
        """What queries may name."""
        ids = {one.id for one in self.type.properties}
        if self.type.open_category:
            ids.add(self.type.open_category)
        return Shape(ids, {name: child.shape for name, child in self.sub_resources.items()})


@dataclass(frozen=True, slots=True)
class Target:
    """What a path leads to."""

    place: Place
    keys: Keys
    is_instance: bool
    pattern: str
    """The path with its variables, such as `/api/v1/links/{link_id}`."""

    @property
    def methods(self) -> tuple[Method, ...]:
        """What can be done there besides reading."""
        return self.place.on_instance if self.is_instance else self.place.on_collection

    def method(self, verb: str) -> Method | None:
        """Return what a verb does there."""
        return next((method for method in self.methods if method.verb == verb), None)

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that are answered there."""
        return ("GET", "HEAD", "OPTIONS", *(method.verb for method in self.methods))


def find(roots: Sequence[Place], segments: Sequence[str], prefix: str) -> Target | None:
    """Return what a path, as decoded segments below the prefix, leads to; None where that is nothing."""
    places, keys, pattern = roots, dict[str, str](), prefix
    rest = list(segments)
    while rest:
        place = next((one for one in places if one.segment == rest[0]), None)
        if place is None or rest[1:2] == [""]:
            return None
        pattern += f"/{place.segment}"
        if len(rest) == 1:
            return Target(place, keys, False, pattern)
        keys[place.type.variable] = rest[1]
        pattern += f"/{{{place.type.variable}}}"
        if len(rest) == 2:
            return Target(place, keys, True, pattern)
        places, rest = place.children, rest[2:]
    return None


def walk(roots: Sequence[Place], prefix: str) -> Iterator[tuple[str, Place, bool]]:
    """Yield every pattern with its place, and whether it is that of an instance."""
    for place in roots:
        pattern = f"{prefix}/{place.segment}"
        yield pattern, place, False
        instance = f"{pattern}/{{{place.type.variable}}}"
        yield instance, place, True
        yield from walk(place.children, instance)
