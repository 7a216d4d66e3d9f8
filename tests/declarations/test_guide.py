"""What the guide shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import Document, State, Types
from graft_common.declarations.quick_form import SCHEMA
from graft_common.declarations.reader import DeclarationError, read_document
from graft_common.errors import GraftError
from graft_common.xml_documents import parse_document

GUIDE = Path(__file__).parents[2] / "docs" / "declarations.md"
XS = "{http://www.w3.org/2001/XMLSchema}"


def example() -> str:
    match = re.search(r"```xml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert match
    return match[1]


@pytest.fixture(scope="module")
def document() -> Document:
    return read_document(example().encode(), "volume.xml")


def test_the_example_is_read(document: Document) -> None:
    method = document.methods[0]
    assert method.doc == "Grow or shrink a volume.\n\nShrinking needs a volume that nothing uses."
    assert method.lifecycle.state is State.PUBLISHED
    assert [param.required for param in method.params] == [True, True, False, False]


def test_the_example_is_checked(document: Document) -> None:
    checks = MethodChecks(document.methods[0], Types.of(document))
    disk = {"device": "xvda", "size": "5"}
    filled = {"device": "xvda", "size": 5, "label": ""}
    assert checks.arguments(["root", [disk]]) == ["root", [filled], False, []]
    assert checks.result("DONE") == "done"
    with pytest.raises(GraftError) as caught:
        checks.arguments(["root", [disk, {"device": "xvdb"}]])
    assert caught.value.error_info() == ["FIELD_TYPE_ERROR", "disks[1].size", "int", "nothing"]


def test_the_finding_is_what_is_told() -> None:
    with pytest.raises(DeclarationError) as caught:
        read_document(example().replace("disk record set", "disc record set").encode(), "volume.xml")
    assert f"\n{caught.value.findings[0]}\n" in GUIDE.read_text()


def test_the_guide_names_every_element() -> None:
    schema = parse_document(SCHEMA.read_bytes())
    elements = {element.attrib["name"] for element in schema.iter(f"{XS}element")}
    attributes = {element.attrib["name"] for element in schema.iter(f"{XS}attribute") if "name" in element.attrib}
    assert [name for name in sorted(elements | attributes) if name not in GUIDE.read_text()] == []


def test_the_schema_documents_every_type() -> None:
    schema = parse_document(SCHEMA.read_bytes())
    for kind in [*schema.iter(f"{XS}complexType"), *schema.iter(f"{XS}simpleType")]:
        told = kind.find(f"{XS}annotation/{XS}documentation")
        assert told is not None, kind.attrib
        assert (told.text or "").strip()
