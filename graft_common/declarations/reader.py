"""From XML to values, or to all that is wrong with it: first the form by the schema, then what lies beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from xml.etree.ElementTree import Element

from graft_common.declarations import quick_form, rules
from graft_common.declarations.building import Builder, children
from graft_common.declarations.model import Document, Types
from graft_common.declarations.rules import Fault, Place
from graft_common.declarations.texts import NAMESPACE
from graft_common.xml_documents import LinedElement, XmlError, parse_with_lines

MAX_FINDINGS = 100
"""Of one file."""
_MAX_TEXT = 500
_LINE = re.compile(r"line (\d+)(?:, column \d+)?: ")
_ROOT = f"{{{NAMESPACE}}}methods"
_TAGS = ("class", "enum", "record", "method")


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


class Form:
    """A file as far as it can be judged without others: XML that holds to the schema, with types that can be read."""

    def __init__(self, file: str, data: bytes) -> None:
        """Read it.

        Raises:
            DeclarationError: it is no such file.
        """
        self.file = file
        self.data = data
        root, self.document = _read_form(data, file)
        self._lines = {tag: [_line(child) for child in children(root, tag)] for tag in _TAGS}

    def finding(self, kind: str, number: int, reason: str) -> Finding:
        """Blame one class, enum, record or method, counted from 0."""
        return Finding(self.file, self._lines[kind][number], f"/methods/{kind}[{number + 1}]", reason)

    def findings(self, faults: Iterable[Fault]) -> list[Finding]:
        """Blame what rules have found, the first by line."""
        # The elements are not kept for files that have no faults, which most are.
        root = parse_with_lines(self.data)
        found = [_finding(root, self.file, place, reason) for place, reason in islice(faults, MAX_FINDINGS)]
        return sorted(found, key=_order)


def check_form(data: bytes, file: str) -> None:
    """Judge a file as far as it can be judged without others: whether it is XML, and holds to the schema.

    Raises:
        DeclarationError: it is not, or does not.
    """
    _read_form(data, file)


def read_documents(
    files: Mapping[str, bytes], known: Types | None = None, *, formed: bool = False, bounded: bool = True
) -> dict[str, Document]:
    """Read several files, each of which may name the enums and records of all.

    Args:
        files: their contents, by what they are called in findings.
        known: enums and records that they may name besides.
        formed: `check_form` has found nothing wrong with any of them; the schema, which takes most of the time, is not
            asked again.
        bounded: whether a file can be too large; False where one has the declarations of a whole platform.

    Raises:
        DeclarationError: as for `read_document`, with the findings of all files.
    """
    findings: list[Finding] = []
    read: dict[str, tuple[LinedElement, Document]] = {}
    for file, data in files.items():
        try:
            read[file] = _read_form(data, file, formed=formed, bounded=bounded)
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


def _read_form(data: bytes, file: str, *, formed: bool = False, bounded: bool = True) -> tuple[LinedElement, Document]:
    """Read a file as far as it can be judged alone."""
    try:
        root = parse_with_lines(data, bounded=bounded)
    except XmlError as error:
        match = _LINE.match(str(error))
        reason = str(error)[match.end() :] if match else str(error)
        raise DeclarationError((Finding(file, int(match[1]) if match else 0, "", reason),)) from error
    if root.tag != _ROOT:
        reason = f'the root element is <{root.tag}>; <methods xmlns="{NAMESPACE}"> is expected'
        raise DeclarationError((Finding(file, root.sourceline, f"/{_plain(root.tag)}", reason),))
    if not formed and not quick_form.holds(root):
        # It takes a quarter of a second to load, and is hardly ever asked.
        from graft_common.declarations.schema_findings import schema_findings  # noqa: PLC0415

        found = (Finding(file, line, path, reason) for line, path, reason in schema_findings(root))
        _raise(found)
    builder = Builder()
    document = builder.document(root)
    _raise(_finding(root, file, place, reason) for place, reason in builder.faults)
    return root, document


def _rule_findings(root: LinedElement, document: Document, file: str, known: Types | None) -> Iterator[Finding]:
    return (_finding(root, file, place, reason) for place, reason in rules.faults(document, known))


def _raise(findings: Iterator[Finding]) -> None:
    """Raise for the first findings, by line, if there are any."""
    found = [finding for _, finding in zip(range(MAX_FINDINGS), findings, strict=False)]
    if found:
        raise DeclarationError(tuple(sorted(found, key=_order)))


def _order(finding: Finding) -> tuple[int, str, str]:
    return finding.line, finding.path, finding.reason


def _finding(root: LinedElement, file: str, place: Place, reason: str) -> Finding:
    element: Element = root
    path = "/methods"
    for tag, number in place:
        below = children(element, tag)
        if number >= len(below):
            break
        element = below[number]
        path += f"/{tag}[{number + 1}]"
    return Finding(file, _line(element), path, reason[:_MAX_TEXT])


def _line(element: Element) -> int:
    return int(getattr(element, "sourceline", 0))


def _plain(name: str) -> str:
    return name.rpartition("}")[2]
