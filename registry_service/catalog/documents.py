"""Themes and quick links: JSON files that are merged by name, and within one file item by item.

Theme.java, ThemeConfiguration.java, Placement.java, Layout.java, TabLayout.java, Section.java; QuickLinks.java,
QuickLinksConfiguration.java, Link.java. An item of a child that holds nothing but its name removes the inherited one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Json = dict[str, Any]


class DocumentError(ValueError):
    """A file that is no theme or no quick links; the message says why."""


class _Section(msgspec.Struct, rename="kebab"):
    name: str | None = None
    subsections: list[Json] | None = None


class _TabLayout(msgspec.Struct, rename="kebab"):
    sections: list[_Section] | None = None


class _Tab(msgspec.Struct, rename="kebab"):
    name: str | None = None
    layout: _TabLayout | None = None


class _Layout(msgspec.Struct):
    name: str | None = None
    tabs: list[_Tab] | None = None


class _Placement(msgspec.Struct):
    configs: list[Json] | None = None


class _ThemeConfiguration(msgspec.Struct):
    placement: _Placement | None = None
    widgets: list[Json] | None = None
    layouts: list[_Layout] | None = None


class _Theme(msgspec.Struct):
    configuration: _ThemeConfiguration | None = None


class _QuickLinksConfiguration(msgspec.Struct):
    protocol: Json | None = None
    links: list[Json] | None = None


class _QuickLinks(msgspec.Struct):
    configuration: _QuickLinksConfiguration | None = None


_theme_decoder = msgspec.json.Decoder(_Theme)
_quick_links_decoder = msgspec.json.Decoder(_QuickLinks)


def check_theme(content: bytes) -> None:
    """Check that a file is a theme.

    Raises:
        DocumentError: it is not JSON, or not of a theme's form.
    """
    _check(content, _theme_decoder)


def check_quick_links(content: bytes) -> None:
    """Check that a file is a quick links configuration.

    Raises:
        DocumentError: it is not JSON, or not of that form.
    """
    _check(content, _quick_links_decoder)


def merge_themes(child: bytes, parent: bytes) -> bytes:
    """Merge two themes of one file name; what the child says counts."""
    return _merge_files(child, parent, _merge_theme_configuration)


def merge_quick_links(child: bytes, parent: bytes) -> bytes:
    """Merge two quick links files of one name; what the child says counts."""
    return _merge_files(child, parent, _merge_quick_links_configuration)


def _check(content: bytes, decoder: msgspec.json.Decoder[Any]) -> None:
    try:
        decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(str(error)) from error


def _merge_files(child: bytes, parent: bytes, merge_configuration: Callable[[Json, Json], Json]) -> bytes:
    ours, theirs = msgspec.json.decode(child), msgspec.json.decode(parent)
    merged = _fill(ours, theirs)
    if ours.get("configuration") is not None and theirs.get("configuration") is not None:
        merged["configuration"] = merge_configuration(ours["configuration"], theirs["configuration"])
    return msgspec.json.encode(merged)


def _fill(child: Json, parent: Json) -> Json:
    """Take from the parent what the child does not say."""
    return {**parent, **{key: value for key, value in child.items() if value is not None or key not in parent}}


def _merge_items(
    child: list[Json] | None,
    parent: list[Json] | None,
    key: str,
    removes: Callable[[Json], bool],
    merge: Callable[[Json, Json], Json] = lambda ours, _: ours,
) -> list[Json] | None:
    """Merge lists of named items, the parent's first."""
    if child is None or parent is None:
        return parent if child is None else child
    merged = {item.get(key): item for item in parent}
    for item in child:
        name = item.get(key)
        if name is None:
            continue
        if removes(item):
            merged.pop(name, None)
        else:
            merged[name] = merge(item, merged[name]) if name in merged else item
    return list(merged.values())


def _only(*names: str) -> Callable[[Json], bool]:
    """Return what tells an item that says none of these."""
    return lambda item: all(item.get(name) is None for name in names)


def _merge_theme_configuration(child: Json, parent: Json) -> Json:
    merged = _fill(child, parent)
    if child.get("placement") is not None and parent.get("placement") is not None:
        ours, theirs = child["placement"], parent["placement"]
        configs = _merge_items(ours.get("configs"), theirs.get("configs"), "config", _only("subsection-name"))
        merged["placement"] = {**_fill(ours, theirs), "configs": configs}
    merged["widgets"] = _merge_items(child.get("widgets"), parent.get("widgets"), "config", _only("widget"))
    merged["layouts"] = _merge_items(child.get("layouts"), parent.get("layouts"), "name", _only("tabs"), _merge_layout)
    return {key: value for key, value in merged.items() if value is not None}


def _merge_layout(child: Json, parent: Json) -> Json:
    removes = _only("display-name", "layout")
    return {**child, "tabs": _merge_items(child.get("tabs"), parent.get("tabs"), "name", removes, _merge_tab)}


def _merge_tab(child: Json, parent: Json) -> Json:
    merged = _fill(child, parent)
    if child.get("layout") is not None and parent.get("layout") is not None:
        ours, theirs = child["layout"], parent["layout"]
        sections = _merge_items(ours.get("sections"), theirs.get("sections"), "name", _has_only_name, _merge_section)
        merged["layout"] = {**_fill(ours, theirs), "sections": sections}
    return merged


def _merge_section(child: Json, parent: Json) -> Json:
    merged = _fill(child, parent)
    subsections = _merge_items(child.get("subsections"), parent.get("subsections"), "name", _has_only_name, _fill)
    return merged if subsections is None else {**merged, "subsections": subsections}


def _has_only_name(item: Json) -> bool:
    return all(value is None for key, value in item.items() if key != "name")


def _merge_quick_links_configuration(child: Json, parent: Json) -> Json:
    removes = _only("port", "url", "label", "requires_user_name")
    links = _merge_items(child.get("links"), parent.get("links"), "name", removes, _merge_link)
    merged = {**_fill(child, parent), "links": links}
    return {key: value for key, value in merged.items() if value is not None}


def _merge_link(child: Json, parent: Json) -> Json:
    merged = _fill(child, parent)
    if isinstance(child.get("port"), dict) and isinstance(parent.get("port"), dict):
        merged["port"] = _fill(child["port"], parent["port"])
    if child.get("protocol") is None:
        merged.pop("protocol", None)
    return merged
