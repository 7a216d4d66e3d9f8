"""Resources as they are shown: hrefs, categories, items (JsonSerializer.java, ResultPostProcessorImpl.java)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

from gateway.ambari.nodes import Node, View
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Properties


def present_collection(
    nodes: Sequence[Node], view: View, href: str, *, total: int | None, minimal: bool, named: bool
) -> Json:
    """Show a collection.

    Args:
        nodes: what is in it.
        view: what is shown of each.
        href: the URL as the client has it.
        total: how many there are on all pages, where the client asked for one page; None otherwise.
        minimal: whether hrefs and whatever was not asked for are left out.
        named: whether the URL names one resource, of which there happen to be none or several.
    """
    base = _without_query(href)
    items = [
        _present(node, view, base.rstrip("/") if named else _below(base, node), minimal=minimal, strict=minimal)
        for node in nodes
    ]
    head: dict[str, Json] = {} if minimal else {"href": href}
    if total is not None:
        head["itemTotal"] = str(total)
    return {**head, "items": items}


def present_instance(node: Node, view: View, href: str, *, minimal: bool) -> Json:
    """Show one resource."""
    shown = _present(node, view, _without_query(href).rstrip("/"), minimal=minimal, strict=False)
    return shown if minimal else {**shown, "href": href}


def _present(node: Node, view: View, href: str, *, minimal: bool, strict: bool) -> dict[str, Json]:
    """Show a resource; `strict` leaves out the keys of what it belongs to unless they were asked for."""
    shown: dict[str, Json] = {} if minimal else {"href": href}
    shown |= _categories(_picked(node, view, strict=strict))
    for name, inner in view.children.items():
        shown[name] = [
            _present(child, inner, _below(f"{href}/{name}", child), minimal=minimal, strict=minimal)
            for child in node.children.get(name, ())
        ]
    return shown


def _picked(node: Node, view: View, *, strict: bool) -> Properties:
    """Return the properties that are shown: those asked for, and keys."""
    of = node.place.type
    picked: dict[str, Json] = {}
    if not view.selection.is_empty:
        hidden = view.on_request - view.shown
        picked |= {name: value for name, value in view.selection.pick(node.properties).items() if name not in hidden}
    for name in (of.id_property,) if strict else (*of.keys.values(), *view.asked):
        if name in node.properties:
            picked[name] = node.properties[name]
    return picked


def _categories(properties: Properties) -> dict[str, Json]:
    """Put properties into their categories; both go by name, and properties come before categories within one."""
    shown: dict[str, Json] = {}
    for property_id, category, name in _in_order(frozenset(properties)):
        place = shown
        for part in category:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        place[name] = properties[property_id]
    return shown


@lru_cache(maxsize=1024)
def _in_order(ids: frozenset[str]) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """Return property ids, each with its category and its name, as they are shown; most resources have the same."""
    split = [(property_id, *_split(property_id)) for property_id in ids]
    return tuple(sorted(split, key=lambda one: (one[1], one[2])))


def _split(property_id: str) -> tuple[tuple[str, ...], str]:
    *category, name = property_id.split("/")
    return tuple(category), name


def _below(href: str, node: Node) -> str:
    own = node.properties[node.place.type.id_property]
    return f"{href.rstrip('/')}/{quote(str(own), safe='')}"


def _without_query(href: str) -> str:
    return href.partition("?")[0]
