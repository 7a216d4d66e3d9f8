"""The quick look at a document's form, held against `xmlschema`: what it takes, that takes; the rest it leaves to that."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft_common.declarations.quick_form import holds
from graft_common.declarations.reader import DeclarationError, read_document
from graft_common.declarations.schema_findings import schema_findings
from graft_common.declarations.texts import NAMESPACE, XML_SPACE
from graft_common.declarations.writer import write_document
from graft_common.xml_documents import LinedElement, parse_with_lines
from support.declarations import documents

P = f"{{{NAMESPACE}}}"
FULL = f"""<methods xmlns="{NAMESPACE}">
  <class name="Volume" enums="state other-state" tag="t" position="3"><doc xml:space="preserve"> x </doc>
    <field name="a" type="int" default="5" qualifier="RO/runtime" secret="1" tag="x"><lifecycle><published release="1"/></lifecycle></field>
  </class>
  <enum name="state"><value name="on">Text</value><value name="off"/><doc>d</doc></enum>
  <enum name="other-state"><value name="x"/></enum>
  <record name="disk"><field name="b" type="enum state"/></record>
  <method name="Volume.resize" executable="r.py" role="read-only" roles="a b" session="true" idempotent="false"
      resident="1" zygote="off" implicit="true" tag="x">
    <doc>What.</doc>
    <param name="p" type="string" since="1.0" secret="true"><doc/></param>
    <param name="q" type="int" default="1" optional="false"/>
    <result type="string" secret="false"/>
    <error code="E"><param name="x"/><doc>d</doc></error>
    <lifecycle><prototyped release="1"/><published release="2">t</published><extended release="3"/><changed release="3"/>
      <deprecated release="4"/><removed release="5"/></lifecycle>
    <limits timeout="1.5 s" cpu="2s" memory="64MiB" processes="4" output="1" stderr="8" open-files="5" file-size="6" tmp="7"/>
    <access network="outbound"><read path="/a"/><write path="/b"/><environment name="X"/><secret name="y"/></access>
    <resident concurrency="4" processes="2" calls="100" age="1h" idle="1min"/>
    <example><doc>d</doc><argument name="p" value="x"/><result value="y"/></example>
    <example><argument name="p" value="x"/><error code="E"><param value="z"/></error></example>
  </method>
</methods>""".encode()


def is_right(root: LinedElement) -> bool:
    return not list(schema_findings(root))


def test_all_that_the_schema_knows_is_taken_at_once() -> None:
    root = parse_with_lines(FULL)
    used = {(element.tag, name) for element in root.iter() for name in element.attrib}
    assert len(used) > 50
    assert holds(root)
    assert is_right(root)
    assert read_document(FULL, "x.xml").methods[0].name == "Volume.resize"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_what_is_written_is_taken_at_once(document: Any) -> None:
    assert holds(parse_with_lines(write_document(document)))


VALUES = [
    *("", " ", "x", "A.b", "A..b", "a b", "a  b", " a", "a\tb", "a\nb", "a\rb", "-", "a-", "a-b", "é", "\u00a0", "٣"),
    *(
        "true",
        "True",
        "1",
        "0",
        "-1",
        "+1",
        "01",
        "2147483647",
        "2147483648",
        "99999999999",
        "1.5",
        "1.5 s",
        "1.5\u00a0s",
    ),
    *("/", "/a", "/a\rb", "/a\nb", "a/b", "..", ".x", "x" * 128, "x" * 129, "x" * 200, "x" * 201, "x" * 1001),
    *("RW", "RO/runtime", "none", "outbound", "OUTBOUND", "preserve", "default", "E-1.x", "1x", "5MiBs", "5 MiB"),
]


def _places(root: Element) -> list[tuple[Element, str]]:
    return [(element, name) for element in root.iter() for name in element.attrib]


@pytest.mark.parametrize("value", VALUES)
def test_odd_values_are_never_taken_where_the_schema_refuses_them(value: str) -> None:
    root = parse_with_lines(FULL)
    seen = set()
    for element, name in _places(root):
        key = (element.tag, name)
        if key in seen:
            continue
        seen.add(key)
        kept = element.attrib[name]
        element.attrib[name] = value
        taken = holds(root)
        assert not taken or is_right(root), (key, value)
        element.attrib[name] = kept


_TAGS = [f"{P}{tag}" for tag in ("methods", "class", "doc", "field", "value", "method", "param", "result", "error")]
_TAGS += [f"{P}{tag}" for tag in ("lifecycle", "published", "limits", "access", "read", "example", "argument")]
_ATTRIBUTES = ["name", "type", "default", "path", "value", "code", "release", "secret", XML_SPACE, "other", "{x}y"]


def _change(data: st.DataObject, element: Element, parent: Element | None) -> None:
    """Do one thing to an element."""
    copied = copy.deepcopy(element)
    changes: list[Callable[[], object]] = [
        lambda: setattr(element, "tag", data.draw(st.sampled_from([*_TAGS, "doc", "{x}doc"]))),
        lambda: element.attrib.pop(data.draw(st.sampled_from([*element.attrib, "none"])), None),
        lambda: element.set(data.draw(st.sampled_from(_ATTRIBUTES)), data.draw(st.sampled_from(VALUES))),
        lambda: setattr(element, "text", data.draw(st.sampled_from([None, " ", "x", "\u00a0"]))),
        lambda: setattr(element, "tail", data.draw(st.sampled_from([None, " ", "x", "\u00a0"]))),
        lambda: SubElement(element, data.draw(st.sampled_from(_TAGS)), {"name": "x"}),
        lambda: parent.append(copied) if parent is not None else None,
        lambda: parent.remove(element) if parent is not None else None,
    ]
    data.draw(st.sampled_from(changes))()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_done_to_a_document_nothing_wrong_is_taken(data: st.DataObject) -> None:
    root = parse_with_lines(FULL)
    for _ in range(data.draw(st.integers(1, 2))):
        elements = list(root.iter())
        parents = {child: parent for parent in elements for child in parent}
        element = data.draw(st.sampled_from(elements))
        _change(data, element, parents.get(element))
    if root.tag == f"{P}methods" and holds(root):
        assert is_right(root)


@pytest.mark.parametrize(
    "unusual",
    [
        b'<methods xmlns="urn:graft:methods:1" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="x y"/>',
        b'<methods xmlns="urn:graft:methods:1"><class name="A" enums=""/></methods>',
        b'<methods xmlns="urn:graft:methods:1"><class name="A" position=" +5 "/></methods>',
    ],
)
def test_what_is_unusual_but_right_is_left_to_the_schema_and_taken(unusual: bytes) -> None:
    assert is_right(parse_with_lines(unusual))
    read_document(unusual, "x.xml")


def test_what_is_wrong_is_told_in_the_schemas_words() -> None:
    with pytest.raises(DeclarationError, match="missing required attribute 'name'"):
        read_document(f'<methods xmlns="{NAMESPACE}"><method/></methods>'.encode(), "x.xml")
