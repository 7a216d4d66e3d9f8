"""From XML to values, or to all that is wrong with it: first the form by the schema, then what lies beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import Element

import xmlschema
from xmlschema.validators.exceptions import XMLSchemaChildrenValidationError, XMLSchemaValidationError

from graft_common.declarations import rules
from graft_common.declarations.building import Builder, children
from graft_common.declarations.model import Document, Types
from graft_common.declarations.rules import Place
from graft_common.declarations.texts import NAMESPACE
from graft_common.xml_documents import LinedElement, XmlError, parse_with_lines

SCHEMA = Path(__file__).parent / "methods.xsd"
MAX_FINDINGS = 100
"""Of one file."""
_MAX_TEXT = 500
_LINE = re.compile(r"line (\d+)(?:, column \d+)?: ")
_PREFIX = f"{{{NAMESPACE}}}"
_ROOT = f"{_PREFIX}methods"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a file."""

    file: str
    line: int
    """Counted from 1; 0 where none is to blame."""
    path: str
    """The element, as `/methods/method[2]/param[1]`; empty where none is to blame."""
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}: {self.reason}" if self.path else f"{where}: {self.reason}"


class DeclarationError(ValueError):
    """A file is no declaration; the findings say why, by line."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings))
        self.findings = findings


def read_document(data: bytes, file: str, known: Types | None = None) -> Document:
    """Read one file.

    Args:
        data: its content.
        file: what it is called in findings.
        known: enums and records that it may name besides its own.

    Raises:
        DeclarationError: it is no XML, against the schema, or against the rules.
    """
    root, document = _read_form(data, file)
    _raise(_rule_findings(root, document, file, known))
    return document


def check_form(data: bytes, file: str) -> None:
    """Judge a file as far as it can be judged without others: whether it is XML, and holds to the schema.

    Raises:
        DeclarationError: it is not, or does not.
    """
    _read_form(data, file)


def read_documents(
    files: Mapping[str, bytes], known: Types | None = None, *, formed: bool = False
) -> dict[str, Document]:
    """Read several files, each of which may name the enums and records of all.

    Args:
        files: their contents, by what they are called in findings.
        known: enums and records that they may name besides.
        formed: `check_form` has found nothing wrong with any of them; the schema, which takes most of the time, is not
            asked again.

    Raises:
        DeclarationError: as for `read_document`, with the findings of all files.
    """
    findings: list[Finding] = []
    read: dict[str, tuple[LinedElement, Document]] = {}
    for file, data in files.items():
        try:
            read[file] = _read_form(data, file, formed=formed)
        except DeclarationError as error:
            findings.extend(error.findings)
    types = known or Types()
    own = Types.of(*(document for _, document in read.values()))
    everything = Types({**types.enums, **own.enums}, {**types.records, **own.records})
    # What a broken file would have declared is not held against the others.
    for file, (root, document) in read.items() if not findings else ():
        findings.extend(islice(_rule_findings(root, document, file, everything), MAX_FINDINGS))
    if findings:
        raise DeclarationError(tuple(findings))
    return {file: document for file, (_, document) in read.items()}


def _read_form(data: bytes, file: str, *, formed: bool = False) -> tuple[LinedElement, Document]:
    """Read a file as far as it can be judged alone."""
    try:
        root = parse_with_lines(data)
    except XmlError as error:
        match = _LINE.match(str(error))
        reason = str(error)[match.end() :] if match else str(error)
        raise DeclarationError((Finding(file, int(match[1]) if match else 0, "", reason),)) from error
    if root.tag != _ROOT:
        reason = f'the root element is <{root.tag}>; <methods xmlns="{NAMESPACE}"> is expected'
        raise DeclarationError((Finding(file, root.sourceline, f"/{_plain(root.tag)}", reason),))
    if not formed:
        _raise(_schema_findings(root, file))
    builder = Builder()
    document = builder.document(root)
    _raise(_finding(root, file, place, reason) for place, reason in builder.faults)
    return root, document


def _rule_findings(root: LinedElement, document: Document, file: str, known: Types | None) -> Iterator[Finding]:
    return (_finding(root, file, place, reason) for place, reason in rules.faults(document, known))


@cache
def _schema() -> xmlschema.XMLSchema11:
    return xmlschema.XMLSchema11(str(SCHEMA), allow="sandbox", defuse="always")


def _raise(findings: Iterator[Finding]) -> None:
    """Raise for the first findings, by line, if there are any."""
    found = [finding for _, finding in zip(range(MAX_FINDINGS), findings, strict=False)]
    if found:
        raise DeclarationError(tuple(sorted(found, key=lambda finding: (finding.line, finding.path, finding.reason))))


def _schema_findings(root: LinedElement, file: str) -> Iterator[Finding]:
    # The document is a tree already, made by the parser that refuses definitions; nothing is fetched for it.
    resource = xmlschema.XMLResource(root, allow="none")
    for error in _schema().iter_errors(resource):
        yield _schema_finding(error, file)


def _schema_finding(error: XMLSchemaValidationError, file: str) -> Finding:
    element = error.elem
    path = (error.path or "").replace(_PREFIX, "")
    reason = error.reason or error.message
    if isinstance(error, XMLSchemaChildrenValidationError) and error.invalid_child is not None:
        element = error.invalid_child
        path = f"{path}/{_plain(element.tag)}"
        reason = _misplaced(element, error)
    line = getattr(element, "sourceline", None) or 0
    return Finding(file, line, path[:_MAX_TEXT], reason.replace(_PREFIX, "")[:_MAX_TEXT])


def _misplaced(child: Element, error: XMLSchemaChildrenValidationError) -> str:
    """Tell of an element that cannot stand where it stands: it is unknown there, or there once too often."""
    parent = "" if error.elem is None else _plain(error.elem.tag)
    group = error.validator
    elements = group.iter_elements() if isinstance(group, xmlschema.validators.XsdGroup) else ()
    allowed = [_plain(element.name) for element in elements if element.name]
    tag = child.tag.removeprefix(_PREFIX)
    if tag in allowed:
        return f"<{tag}> stands more than once in <{parent}>"
    expected = ", ".join(f"<{name}>" for name in allowed)
    return f"<{tag}> cannot stand in <{parent}>; there can be {expected}"


def _finding(root: LinedElement, file: str, place: Place, reason: str) -> Finding:
    element: Element = root
    path = "/methods"
    for tag, number in place:
        below = children(element, tag)
        if number >= len(below):
            break
        element = below[number]
        path += f"/{tag}[{number + 1}]"
    return Finding(file, getattr(element, "sourceline", 0), path, reason[:_MAX_TEXT])


def _plain(name: str) -> str:
    return name.rpartition("}")[2]
