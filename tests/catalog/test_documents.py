"""Themes and quick links: broken ones are dropped, the others are merged item by item."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry_service.catalog.documents import (
    DocumentError,
    check_quick_links,
    check_theme,
    merge_quick_links,
    merge_themes,
)
from support.resources import Resources

THEME = {"name": "default", "description": "d", "configuration": {}}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"x"', b'{"configuration": []}', b'{"configuration": {"layouts": {}}}', b"\xff"],
)
def test_what_is_no_theme(content: bytes) -> None:
    with pytest.raises(DocumentError):
        check_theme(content)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"configuration": {"links": {}}}', b'{"configuration": 1}'])
def test_what_is_no_quick_links_file(content: bytes) -> None:
    with pytest.raises(DocumentError):
        check_quick_links(content)


def test_unknown_members_are_let_pass() -> None:
    check_theme(b'{"x": 1, "configuration": {"y": [], "layouts": [{"z": 1, "tabs": [{"layout": {"q": 2}}]}]}}')
    check_quick_links(b'{"x": 1, "configuration": {"y": []}}')


def theme(**configuration: Any) -> bytes:
    return json.dumps({"configuration": configuration}).encode()


def merged(child: bytes, parent: bytes) -> Any:
    return json.loads(merge_themes(child, parent))


def test_a_theme_says_what_it_says_and_inherits_the_rest() -> None:
    child, parent = {"name": "c"}, {"name": "p", "description": "d", "configuration": {"widgets": []}}
    assert merged(json.dumps(child).encode(), json.dumps(parent).encode()) == {**parent, "name": "c"}


def test_placements_and_widgets_are_merged_by_config() -> None:
    parent = theme(
        placement={"configuration-layout": "l", "configs": [{"config": c, "subsection-name": "s"} for c in "abc"]},
        widgets=[{"config": c, "widget": {"type": "slider"}} for c in "abc"],
    )
    child = theme(
        placement={"configs": [{"config": "a", "subsection-name": "t"}, {"config": "b"}, {"x": 1}]},
        widgets=[{"config": "a", "widget": {"type": "list"}}, {"config": "b"}, {"config": "d", "widget": {}}],
    )
    assert merged(child, parent)["configuration"] == {
        "placement": {
            "configuration-layout": "l",
            "configs": [{"config": "a", "subsection-name": "t"}, {"config": "c", "subsection-name": "s"}],
        },
        "widgets": [
            {"config": "a", "widget": {"type": "list"}},
            {"config": "c", "widget": {"type": "slider"}},
            {"config": "d", "widget": {}},
        ],
    }


def test_layouts_are_merged_down_to_subsections() -> None:
    def layout(*tabs: Any) -> bytes:
        return theme(layouts=[{"name": "l", "tabs": list(tabs)}])

    def tab(name: str, *sections: Any) -> Any:
        return {"name": name, "display-name": name, "layout": {"tab-rows": "1", "sections": list(sections)}}

    parent = layout(
        tab(
            "t",
            {
                "name": "s",
                "row-index": "0",
                "subsections": [{"name": "x", "row-index": "0"}, {"name": "y", "border": "n"}],
            },
            {"name": "gone", "row-index": "1"},
        ),
        tab("dropped"),
    )
    child = layout(
        {
            "name": "t",
            "layout": {
                "sections": [
                    {"name": "s", "row-index": "5", "subsections": [{"name": "x"}, {"name": "y", "border": "y"}]},
                    {"name": "gone"},
                    {"name": "new", "row-index": "9"},
                ]
            },
        },
        {"name": "dropped"},
    )
    sections = [
        {"name": "s", "row-index": "5", "subsections": [{"name": "y", "border": "y"}]},
        {"name": "new", "row-index": "9"},
    ]
    assert merged(child, parent)["configuration"]["layouts"] == [{"name": "l", "tabs": [tab("t", *sections)]}]


def test_links_are_merged_by_name() -> None:
    parent = {
        "configuration": {
            "protocol": {"type": "http"},
            "links": [
                {"name": "ui", "label": "UI", "url": "u", "port": {"http_property": "p", "regex": "r"}},
                {"name": "old", "label": "Old"},
            ],
        }
    }
    child = {
        "configuration": {
            "links": [{"name": "ui", "url": "v", "port": {"regex": "q"}}, {"name": "old"}, {"name": "new", "url": "n"}]
        }
    }
    result = json.loads(merge_quick_links(json.dumps(child).encode(), json.dumps(parent).encode()))
    assert result["configuration"] == {
        "protocol": {"type": "http"},
        "links": [
            {"name": "ui", "label": "UI", "url": "v", "port": {"http_property": "p", "regex": "q"}},
            {"name": "new", "url": "n"},
        ],
    }


def themes(*items: str) -> str:
    return "<themes>" + "".join(f"<theme>{item}</theme>" for item in items) + "</themes>"


def named(name: str, extra: str = "") -> str:
    return f"<fileName>{name}</fileName>{extra}"


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("", ["a.json", "b.json"]),
        (themes(named("c.json")), ["a.json", "b.json", "c.json"]),
        (themes(named("a.json", "<deleted>true</deleted>")), ["b.json"]),
        (themes(named("broken.json")), []),
        (themes(named("missing.json")), []),
        (themes(named("broken.json"), named("c.json")), ["a.json", "b.json", "c.json"]),
    ],
)
def test_themes_are_inherited_by_file(tree: Resources, child: str, expected: list[str]) -> None:
    tree.extension("E/1", "", A=themes(named("a.json", "<default>true</default>"), named("b.json")))
    tree.extension("E/2", "<extends>1</extends>", A=child)
    for version, name in (("1", "a"), ("1", "b"), ("2", "c")):
        tree.write(f"extensions/E/{version}/services/A/themes/{name}.json", json.dumps(THEME))
    tree.write("extensions/E/2/services/A/themes/broken.json", "{")
    extension = tree.read_extension("E/2")
    assert extension.valid
    assert sorted(extension.services["A"].definition.themes) == expected
    left_out = [finding.file.rpartition("/")[2] for finding in extension.warnings]
    assert left_out == [name for name in ("broken.json", "missing.json") if name in child]


def test_quick_links_are_read_and_inherited(tree: Resources) -> None:
    def links(name: str) -> str:
        return (
            f"<quickLinksConfigurations><quickLinksConfiguration><fileName>{name}</fileName><default>true</default>"
            "</quickLinksConfiguration></quickLinksConfigurations>"
        )

    content = json.dumps({"name": "q", "configuration": {"links": [{"name": "ui", "url": "u"}]}})
    tree.extension("E/1", "", A=links("q.json"))
    tree.extension(
        "E/2",
        "<extends>1</extends>",
        A=links("q.json") + "<quickLinksConfigurations-dir>ql</quickLinksConfigurations-dir>",
    )
    tree.write("extensions/E/1/services/A/quicklinks/q.json", content)
    tree.write("extensions/E/2/services/A/ql/q.json", json.dumps({"description": "mine"}))
    document = tree.read_service("E/2", "A").definition.quick_links["q.json"]
    assert document.default
    assert json.loads(document.content or b"") == {**json.loads(content), "description": "mine"}
