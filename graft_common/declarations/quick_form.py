"""Tells quickly that a document holds to `methods.xsd`; `xmlschema` takes seconds where there are thousands of methods.

It goes by the schema itself, as far as that uses what is understood here, and only ever says yes for sure. Whatever it
has doubts about, broken or merely unusual, is for `xmlschema` to judge and to find words for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from graft_common.declarations.texts import NAMESPACE, XML_SPACE

SCHEMA = Path(__file__).parent / "methods.xsd"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_UNBOUNDED = 1 << 30

_Check: TypeAlias = Callable[[str], object]
"""Whether an attribute's value is one for sure; anything true is yes."""


class UnknownConstructError(ValueError):
    """The schema uses what is not understood here."""


@dataclass(slots=True)
class _Content:
    """What an element of one type may hold."""

    attributes: dict[str, _Check] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    children: dict[str, tuple[_Content, int, int]] = field(default_factory=dict)
    """By tag: of which type, how many at the least and at the most."""
    needed: tuple[str, ...] = ()
    """Those of them that there must be one of, at the least."""
    text: bool = False
    """Whether it holds text, and then nothing else."""


def holds(root: Element) -> bool:
    """Tell whether a document holds to the schema for sure; False: ask `xmlschema`."""
    content = _contents().get(root.tag)
    return content is not None and _fits(root, content)


def _fits(element: Element, content: _Content) -> bool:
    attributes = content.attributes
    for name, value in element.attrib.items():
        check = attributes.get(name)
        if check is None or not check(value):
            return False
    if not content.required <= element.attrib.keys():
        return False
    if content.text:
        return not len(element)
    if not content.children:
        return element.text is None and not len(element)
    return _is_blank(element.text) and _children_fit(element, content)


def _children_fit(element: Element, content: _Content) -> bool:
    counts: dict[str, int] = {}
    for child in element:
        tag = child.tag
        known = content.children.get(tag)
        if known is None or not _is_blank(child.tail) or not _fits(child, known[0]):
            return False
        count = counts[tag] = counts.get(tag, 0) + 1
        if count > known[2]:
            return False
    return all(tag in counts for tag in content.needed)


def _is_blank(text: str | None) -> bool:
    return text is None or not text.strip(" \t\r\n")


@cache
def _contents() -> dict[str, _Content]:
    """Return what the schema's own elements may hold, by their tags."""
    schema = ET.parse(SCHEMA).getroot()  # noqa: S314  (a part of this package)
    reader = _Reader(schema)
    return {f"{{{NAMESPACE}}}{element.attrib['name']}": reader.type(element) for element in _parts(schema, "element")}


def _parts(element: Element, *tags: str) -> Iterator[Element]:
    wanted = {f"{_XS}{tag}" for tag in tags}
    return (child for child in element if child.tag in wanted)


def _known(element: Element, *tags: str) -> None:
    """Make sure that there is nothing else in a part of the schema."""
    allowed = {f"{_XS}{tag}" for tag in ("annotation", *tags)}
    for child in element:
        if child.tag not in allowed:
            raise UnknownConstructError(f"{child.tag} in {element.attrib}")


class _Reader:
    def __init__(self, schema: Element) -> None:
        _known(schema, "import", "element", "complexType", "simpleType")
        self.complex = {element.attrib["name"]: element for element in _parts(schema, "complexType")}
        self.simple = {element.attrib["name"]: element for element in _parts(schema, "simpleType")}
        self.made: dict[str, _Content] = {}
        self.checks: dict[str, _Check] = {}

    def type(self, element: Element) -> _Content:
        _known(element)
        name = element.attrib["type"]
        if name not in self.made:
            self.made[name] = _Content()
            self._fill(self.made[name], self.complex[name])
        return self.made[name]

    def _fill(self, content: _Content, told: Element) -> None:
        _known(told, "all", "choice", "attribute", "simpleContent")
        for simple in _parts(told, "simpleContent"):
            _known(simple, "extension")
            content.text = True
            for extension in _parts(simple, "extension"):
                _known(extension, "attribute")
                base = extension.attrib["base"]
                if base != "xs:string":
                    self._fill(content, self.complex[base])
                self._attributes(content, extension)
        self._attributes(content, told)
        for group in _parts(told, "all", "choice"):
            self._group(content, group)

    def _group(self, content: _Content, group: Element) -> None:
        _known(group, "element")
        if group.tag == f"{_XS}choice":
            if (group.get("minOccurs"), group.get("maxOccurs")) != ("0", "unbounded"):
                raise UnknownConstructError("a choice that is not of any number")
        elif group.attrib:
            raise UnknownConstructError("a group that may be left out")
        for child in _parts(group, "element"):
            least, most = 0, _UNBOUNDED
            if group.tag == f"{_XS}all":
                least = int(child.get("minOccurs", "1"))
                text = child.get("maxOccurs", "1")
                most = _UNBOUNDED if text == "unbounded" else int(text)
            tag = f"{{{NAMESPACE}}}{child.attrib['name']}"
            content.children[tag] = self.type(child), least, most
            if least:
                content.needed += (tag,)
            if least > 1:
                raise UnknownConstructError("more than one of a kind at the least")

    def _attributes(self, content: _Content, told: Element) -> None:
        for attribute in _parts(told, "attribute"):
            _known(attribute)
            if attribute.get("ref") == "xml:space":
                content.attributes[XML_SPACE] = {"default", "preserve"}.__contains__
                continue
            name = attribute.attrib["name"]
            content.attributes[name] = self._check(attribute.attrib["type"])
            if attribute.get("use") == "required":
                content.required |= {name}

    def _check(self, name: str) -> _Check:
        if name not in self.checks:
            self.checks[name] = _BUILT_IN[name] if name in _BUILT_IN else self._simple(self.simple[name])
        return self.checks[name]

    def _simple(self, told: Element) -> _Check:
        _known(told, "restriction", "list")
        for listed in _parts(told, "list"):
            item = self._check(listed.attrib["itemType"])
            return lambda value: all(map(item, value.split(" "))) if value else True
        [restriction] = _parts(told, "restriction")
        checks = [self._check(restriction.attrib["base"])]
        values = [facet.attrib["value"] for facet in _parts(restriction, "enumeration")]
        if values:
            checks.append(frozenset(values).__contains__)
        _known(restriction, "enumeration", "pattern", "minLength", "maxLength", "minInclusive")
        for facet in restriction:
            checks += _facet(facet.tag.removeprefix(_XS), facet.get("value", ""))
        return _all(checks)


def _all(checks: list[_Check]) -> _Check:
    significant = [check for check in checks if check is not _anything]
    if len(significant) == 1:
        return significant[0]
    return lambda value: all(check(value) for check in significant)


def _facet(name: str, value: str) -> list[_Check]:
    match name:
        case "pattern":
            # The schema's `.` matches no carriage return; and what is white space beyond ASCII is not decided here.
            pattern = re.compile(value.replace(".*", r"[^\r\n]*").replace(r"\S", "[!-~]"), re.ASCII)
            return [pattern.fullmatch]
        case "minLength":
            least = int(value)
            return [lambda text: len(text) >= least]
        case "maxLength":
            most = int(value)
            return [lambda text: len(text) <= most]
        case "minInclusive":
            low = int(value)
            return [lambda text: int(text) >= low]
    return []


def _anything(_value: str) -> bool:
    return True


_BUILT_IN: dict[str, _Check] = {
    "xs:string": _anything,
    "xs:token": _anything,
    "xs:boolean": {"true", "false", "1", "0"}.__contains__,
    "xs:int": re.compile(r"[0-9]{1,9}", re.ASCII).fullmatch,
}
