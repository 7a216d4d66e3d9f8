"""GET of collections and instances: fetch, filter, sort, cut, and show what is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gateway.ambari.backend import Backend
from gateway.ambari.errors import EVERYWHERE, AmbariError, NoParentError, NotFoundError
from gateway.ambari.nodes import Node, View, view_of
from gateway.ambari.presentation import present_collection, present_instance
from gateway.ambari.query.evaluation import matcher
from gateway.ambari.query.fields import Selection, select
from gateway.ambari.query.parameters import Query
from gateway.ambari.query.predicate import ALWAYS, Predicate, first_names, properties_of, restricted, string_equalities
from gateway.ambari.query.shapes import unsupported
from gateway.ambari.query.sorting import sort
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Place, Properties, ResourceType, Target
from graft_common.errors import GraftError

MAX_RESOURCES = 200_000
"""Resources that one request looks at, sub-resources included."""
HEAVY = 1000
"""Resources from which a predicate is tried beside the event loop, so that other requests go on meanwhile."""
MANY = 8
"""Parents beyond which the sub-resources of all are fetched at once, where that can be done."""

_GONE = frozenset(code for code, rule in EVERYWHERE.items() if rule.status == 404)


async def read(backend: Backend, target: Target, query: Query, href: str) -> tuple[Callable[[], Json], int]:
    """Answer a GET.

    Args:
        backend: calls with the user's session.
        target: what the path leads to.
        query: what the query string asks.
        href: the URL as the client has it.

    Returns:
        What makes the answer, and how many resources were looked at for it: with many it is work for another thread.

    Raises:
        AmbariError: the resource does not exist, or the query asks for what there is not.
        GraftError: the registry does not answer, or the session has ended.
    """
    place = target.place
    selection = _selection(target, query)
    _check_supported(place, query, selection)
    view = view_of(place, selection, query.predicate or ALWAYS, [key.property for key in query.order])
    reader = _Reader(backend)
    nodes = await _find(reader, target, view, query)
    if target.is_instance and not nodes and query.predicate is None:
        raise NotFoundError(_missing(place.type, target.keys))
    nodes = sort(nodes, query.order, lambda node: node.properties) if query.order else nodes
    total = len(nodes)
    if query.page is not None and not target.is_instance:
        nodes = list(query.page.cut(nodes))
    await reader.add_children(nodes, view, [*view.children])
    if target.is_instance and len(nodes) == 1:
        return partial(present_instance, nodes[0], view, href, minimal=query.minimal), reader.count
    paged = total if query.page is not None and not target.is_instance else None
    named = target.is_instance
    present = partial(present_collection, nodes, view, href, total=paged, minimal=query.minimal, named=named)
    return present, reader.count


def _selection(target: Target, query: Query) -> Selection:
    if query.fields:
        return select(query.fields, target.place.shape)
    if target.is_instance:
        return Selection(everything=True, children={name: Selection() for name in target.place.sub_resources})
    return Selection()


def _check_supported(place: Place, query: Query, selection: Selection) -> None:
    named = {*properties_of(query.predicate or ALWAYS), *(key.property for key in query.order)}
    unknown = sorted({*unsupported(named, place.shape), *selection.unsupported})
    if unknown:
        raise unsupported_properties(unknown, place.type)


def unsupported_properties(names: Sequence[str], of: ResourceType) -> AmbariError:
    """Refuse properties that a type does not have (UnsupportedPropertyException.java)."""
    text = f"The properties [{', '.join(names)}] specified in the request or predicate are not supported for the "
    return AmbariError(400, f"{text}resource type {of.name}.")


def _missing(of: ResourceType, keys: Keys) -> str:
    if of.missing is not None:
        return of.missing(keys)
    where = " AND ".join(f"{of.keys[name]}={value}" for name, value in keys.items() if name in of.keys)
    return f"{of.name} not found where {where}."


async def _find(reader: _Reader, target: Target, view: View, query: Query) -> list[Node]:
    """Load what a path leads to, as far as the predicate lets it through."""
    try:
        nodes = await reader.load(view, {**_narrowing(target, query), **target.keys})
    except (NotFoundError, GraftError) as error:
        gone = isinstance(error, NotFoundError) or error.code in _GONE
        if query.predicate is None or not gone:
            raise
        # What a predicate looks for and does not find is no error (ReadHandler.java).
        return []
    if query.predicate is None:
        return nodes
    await reader.add_children(nodes, view, _asked(query.predicate, view))
    if reader.count < HEAVY:
        return _filtered(nodes, query.predicate, view)
    return await asyncio.to_thread(_filtered, nodes, query.predicate, view)


def _narrowing(target: Target, query: Query) -> Keys:
    """Return what a predicate says that the fetch can go by already."""
    of = target.place.type
    if query.predicate is None or not of.narrows:
        return {}
    equal = string_equalities(query.predicate, {of.keys[name] for name in of.narrows})
    return {name: equal[of.keys[name]] for name in of.narrows if of.keys[name] in equal}


def _asked(predicate: Predicate, view: View) -> list[str]:
    used = first_names(predicate)
    return [name for name in view.children if name in used]


def _filtered(nodes: Sequence[Node], predicate: Predicate, view: View) -> list[Node]:
    """Leave out what a predicate does not hold for, also among the sub-resources that it asks something of."""
    fits = matcher(predicate)
    kept = [node for node in nodes if fits(node.resource)]
    for name in _asked(predicate, view):
        inner = restricted(predicate, name)
        for node in kept:
            node.children[name] = _filtered(node.children[name], inner, view.children[name])
    return kept


class _Reader:
    """Loads resources of one request, and counts them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.count = 0

    async def load(self, view: View, keys: Keys) -> list[Node]:
        """Load the resources of a place that have the keys of a path.

        Raises:
            AmbariError: there are too many, or what they belong to does not exist.
            GraftError: the registry does not answer.
        """
        of = view.place.type
        rows = await of.fetch(self._backend, keys, view.needed)
        found = [row for row in rows if all(_has(row, of, name, value) for name, value in keys.items())]
        self.count += len(found)
        if self.count > MAX_RESOURCES:
            raise AmbariError(400, f"The request looks at more than {MAX_RESOURCES} resources; ask for fewer at once.")
        variable, own = of.variable, of.id_property
        return [Node(view.place, row, {**keys, variable: str(row[own])}) for row in found]

    async def add_children(self, nodes: Sequence[Node], view: View, names: Sequence[str]) -> None:
        """Load sub-resources of those names for resources that do not have them yet, and whatever is shown of them."""
        for name in names:
            child = view.children[name]
            for family in _families([node for node in nodes if name not in node.children], view):
                if child.place.type.lists_all and len(family) > MANY:
                    await self._add_at_once(family, view, child)
                else:
                    for node in family:
                        node.children[name] = await self._load_below(child, node.keys)
            found = [inner for node in nodes for inner in node.children[name]]
            if found and child.children:
                await self.add_children(found, child, [*child.children])

    async def _add_at_once(self, nodes: Sequence[Node], view: View, child: View) -> None:
        """Load what belongs to resources of one family."""
        of, variable = child.place.type, view.place.type.variable
        keys = {name: value for name, value in nodes[0].keys.items() if name != variable}
        by_parent: dict[str, list[Node]] = {}
        for found in await self._load_below(child, keys):
            parent = str(found.properties[of.keys[variable]])
            found.keys = {**found.keys, variable: parent}
            by_parent.setdefault(parent, []).append(found)
        for node in nodes:
            node.children[child.place.segment] = by_parent.get(node.keys[variable], [])

    async def _load_below(self, view: View, keys: Keys) -> list[Node]:
        try:
            return await self.load(view, keys)
        except (NotFoundError, NoParentError):
            return []
        except GraftError as error:
            if error.code not in _GONE:
                raise
            # It was there a moment ago.
            return []


def _families(nodes: Sequence[Node], view: View) -> Iterable[list[Node]]:
    """Put together the resources that belong to the same: whose keys differ in the last one only."""
    families: dict[tuple[str, ...], list[Node]] = {}
    for node in nodes:
        above = tuple(value for name, value in node.keys.items() if name != view.place.type.variable)
        families.setdefault(above, []).append(node)
    return families.values()


def _has(row: Properties, of: ResourceType, name: str, value: str) -> bool:
    """Tell whether a resource has what a path says of it; ids may be written as `01`."""
    if name not in of.keys:
        return True
    own = row[of.keys[name]]
    if name == of.variable and of.also_named is not None and of.also_named(row) == value:
        return True
    if isinstance(own, int):
        return value.removeprefix("+").isdecimal() and int(value) == own
    return own == value
