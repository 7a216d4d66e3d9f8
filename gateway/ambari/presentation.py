"""Resources as they are shown: hrefs, categories, items (JsonSerializer.java, ResultPostProcessorImpl.java)."""

from __future__ import annotations

from collections.abc import Sequence
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
    hidden = {one.id for one in of.properties if one.on_request} - view.shown
    wanted = view.selection.pick(node.properties)
    picked: dict[str, Json] = {name: value for name, value in wanted.items() if name not in hidden}
    for name in [of.id_property] if strict else {*of.keys.values(), *view.asked}:
        if name in node.properties:
            picked[name] = node.properties[name]
    return picked


def _categories(properties: Properties) -> dict[str, Json]:
    """Put properties into their categories; both go by name, and properties come before categories within one."""
    shown: dict[str, Json] = {}
    for property_id in sorted(properties, key=lambda one: (one.rpartition("/")[0].split("/"), one)):
        *category, name = property_id.split("/")
        place = shown
        for part in category:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        place[name] = properties[property_id]
    return shown


def _below(href: str, node: Node) -> str:
    own = node.properties[node.place.type.id_property]
    return f"{href.rstrip('/')}/{quote(str(own), safe='')}"


def _without_query(href: str) -> str:
    return href.partition("?")[0]
