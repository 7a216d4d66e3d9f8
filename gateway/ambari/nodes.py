"""Resources of one request in memory, and what of them is looked at and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.ambari.query.evaluation import Resource
from gateway.ambari.query.fields import Selection
from gateway.ambari.query.predicate import Predicate, properties_of, restricted
from gateway.ambari.resource_types import Keys, Place, Properties


@dataclass(slots=True)
class Node:
    """A resource, and the sub-resources that are loaded for it."""

    place: Place
    properties: Properties
    keys: Keys
    children: dict[str, list[Node]] = field(default_factory=dict)

    @property
    def resource(self) -> Resource:
        """The same for a predicate."""
        below = {name: [node.resource for node in nodes] for name, nodes in self.children.items()}
        return Resource(self.properties, below)


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of the resources of a place, and what else is looked at."""

    place: Place
    shown: frozenset[str]
    """Ids of properties, of those in open categories only what is named."""
    asked: frozenset[str]
    """Ids of properties that the predicate looks at: these are shown too, as by Ambari."""
    selection: Selection
    on_request: frozenset[str]
    """Ids of properties that are shown only where they are named."""
    needed: frozenset[str]
    """Ids of all properties that are looked at."""
    children: Mapping[str, View]
    """The sub-resources that are shown: those selected, and those that the predicate looks into."""


def view_of(place: Place, selection: Selection, predicate: Predicate, sorted_by: Sequence[str]) -> View:
    """Put together what is shown and what is looked at."""
    of, asked_for = place.type, properties_of(predicate)
    shown = {
        one.id for one in of.properties if (_is_named(one.id, selection) if one.on_request else selection.wants(one.id))
    }
    asked = {one.id for one in of.properties if any(_touches(path, one.id) for path in asked_for)}
    sorting = {one.id for one in of.properties if any(_touches(path, one.id) for path in sorted_by)}
    reached = {path.partition("/")[0] for path in asked_for}
    children = {
        name: view_of(child, selection.children.get(name, Selection()), restricted(predicate, name), ())
        for name, child in place.sub_resources.items()
        if name in selection.children or name in reached
    }
    shown |= {*of.keys.values(), *_within(of.open_category, selection.properties)}
    asked |= _within(of.open_category, asked_for)
    sorting |= _within(of.open_category, sorted_by)
    return View(
        place=place,
        shown=frozenset(shown),
        asked=frozenset(asked),
        selection=selection,
        on_request=frozenset(one.id for one in of.properties if one.on_request),
        needed=frozenset(shown | asked | sorting),
        children=children,
    )


def _within(category: str, paths: Iterable[str]) -> set[str]:
    """Return what lies in an open category, whose properties no table can name."""
    return {path for path in paths if category and path.startswith(f"{category}/")}


def _is_named(property_id: str, selection: Selection) -> bool:
    return any(name == property_id or name.startswith(f"{property_id}/") for name in selection.properties)


def _touches(path: str, property_id: str) -> bool:
    return path == property_id or path.startswith(f"{property_id}/") or property_id.startswith(f"{path}/")
