"""An extension's metainfo.xml, read as JAXB reads it (observed on Ambari's own class)."""

from __future__ import annotations

from typing import Any

import pytest

from registry_service.catalog.definitions import Prerequisite
from support.resources import Resources

STACKS = "<prerequisites><min-stack-versions>{}</min-stack-versions></prerequisites>"
STACK = "<stack><name>{}</name><version>{}</version></stack>"


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("", "extends", None),
        ("<extends>0.1</extends>", "extends", "0.1"),
        ("<extends> 1.0 </extends>", "extends", " 1.0 "),
        ("<extends/>", "extends", ""),
        ("<extends>1</extends><extends>2</extends>", "extends", "2"),
        ("<extends><![CDATA[0.1]]></extends>", "extends", "0.1"),
        ("<extends>0<!-- no -->.1</extends>", "extends", "0.1"),
        ("<x:extends xmlns:x='u'>0.1</x:extends>", "extends", None),
        ("<versions><active>true</active></versions>", "active", True),
        ("<versions><active>true</active></versions><versions/>", "active", False),
        ("<versions><upgrade>0.9</upgrade></versions>", "upgrade", "0.9"),
        ("<active>true</active>", "active", False),
        *[
            (f"<auto-link>{word}</auto-link>", "auto_link", True)
            for word in ("true", "1", " true\n", "truex", "true x")
        ],
        *[
            (f"<auto-link>{word}</auto-link>", "auto_link", False)
            for word in ("TRUE", "yes", "t", "0", "", "false", "True", "on", "2")
        ],
        (STACKS.format(STACK.format("HDP", "0.3")), "stacks", (Prerequisite("HDP", "0.3"),)),
        (
            STACKS.format(STACK.format("HDP", "0.3") + STACK.format("OTHER", "1.0.*")),
            "stacks",
            (Prerequisite("HDP", "0.3"), Prerequisite("OTHER", "1.0.*")),
        ),
        (
            STACKS.format(STACK.format("HDP", "0.3")) + STACKS.format(STACK.format("OTHER", "1")),
            "stacks",
            (Prerequisite("OTHER", "1"),),
        ),
        (STACKS.format(STACK.format("HDP", "1")) + "<prerequisites/>", "stacks", ()),
        (f"<stacks>{STACK.format('HDP', '2.4')}</stacks>", "stacks", ()),
        ("<unknown a='1'><b/></unknown><extends>7</extends>", "extends", "7"),
        (
            (
                "<prerequisites><min-extension-versions><extension><name>BASE</name><version>1.*</version></extension>"
                "</min-extension-versions></prerequisites>"
            ),
            "extensions",
            (Prerequisite("BASE", "1.*"),),
        ),
    ],
)
def test_elements(tree: Resources, body: str, field: str, expected: Any) -> None:
    tree.extension("EXT/1.0", body)
    definition = tree.read_extension("EXT/1.0").definition
    assert getattr(definition, field) == expected


@pytest.mark.parametrize(
    "content",
    [
        "<extension/>",
        "<Metainfo/>",
        '<metainfo xmlns="urn:x"/>',
        "<metainfo><extends></metainfo>",
        "",
        "text",
        b"\x80",
    ],
)
def test_what_cannot_be_read_makes_the_version_invalid(tree: Resources, content: str | bytes) -> None:
    path = tree.write("extensions/EXT/1.0/metainfo.xml", content)
    tree.write("extensions/EXT/1.0/services/A/metainfo.xml", "<metainfo><services/></metainfo>")
    tree.extension("EXT/2.0")
    extension = tree.read_extension("EXT/1.0")
    assert not extension.valid
    assert f"Unable to parse extension metainfo.xml file at location: {path}" in extension.errors
    assert tree.read_extension("EXT/2.0").valid


def test_a_missing_file_is_no_error(tree: Resources) -> None:
    (tree.root / "extensions/EXT/1.0").mkdir(parents=True)
    extension = tree.read_extension("EXT/1.0")
    assert extension.valid
    assert (extension.parent_version, extension.stacks, extension.auto_links) == (None, (), False)


@pytest.mark.parametrize(("active", "auto_link", "links"), [(1, 1, True), (1, 0, False), (0, 1, False), (0, 0, False)])
def test_auto_link_needs_active(tree: Resources, active: int, auto_link: int, links: bool) -> None:
    tree.extension("E/1", f"<versions><active>{active}</active></versions><auto-link>{auto_link}</auto-link>")
    assert tree.read_extension("E/1").auto_links is links
