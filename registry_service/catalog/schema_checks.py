"""What the authors of a version should hear: its files against our schemas.

Findings are warnings: they never make a valid version invalid, because Ambari would take it. Checking costs
milliseconds a file, so it is done when somebody asks, and a verdict is kept by the content of its file.
"""

from __future__ import annotations

import hashlib
import time
from functools import cache
from pathlib import Path
from typing import Literal

import xmlschema
from xmlschema.validators.exceptions import XMLSchemaChildrenValidationError, XMLSchemaValidationError

from graft_common.xml_documents import XmlError, parse_with_lines
from registry_service.catalog.files import Directory, FileError, walk
from registry_service.catalog.metainfo import parse_extension, parse_services
from registry_service.catalog.value_types import Finding
from registry_service.catalog.version_reader import COMMON_SERVICES, EXTENSIONS

Schema = Literal["extension_metainfo", "service_metainfo", "configuration"]
MAX_FINDINGS = 100
"""Of one file."""
MAX_VERDICTS = 50_000
MAX_KEPT_FINDINGS = 100_000
"""Of all verdicts together."""
_MAX_TEXT = 500


class Verdicts:
    """Findings by content: line, path and text of each; the oldest go when there are too many.

    Args:
        known: verdicts of before, as `known` held them.
    """

    def __init__(self, known: dict[str, list[tuple[int, str, str]]] | None = None) -> None:
        self.known = dict(known or {})
        self._findings = sum(len(verdict) for verdict in self.known.values())

    def check(self, schema: Schema, file: str, content: bytes) -> list[Finding]:
        """Check one file, named `file` in the findings."""
        key = f"{_schema_digest(schema)}-{hashlib.sha256(content).hexdigest()}"
        verdict = self.known.get(key)
        if verdict is None:
            verdict = _judge(schema, content)
            self._findings += len(verdict)
            while self.known and (len(self.known) >= MAX_VERDICTS or self._findings > MAX_KEPT_FINDINGS):
                self._findings -= len(self.known.pop(next(iter(self.known))))
            self.known[key] = verdict
        return [Finding(file, text, line, path) for line, path, text in verdict]


def check_version(root: str, kind: str, name: str, version: str, verdicts: Verdicts) -> list[Finding]:
    """Check the files of one version; `kind` is `extensions`, `stacks` or `common-services`.

    A version that is gone has no findings, nor has a file that cannot be read: that is an error of the version.
    """
    named = f"{kind}/{name}/{version}"
    directory = walk(f"{root}/{named}", named, time.time_ns())
    if directory is None:
        return []
    findings: list[Finding] = []
    if kind == EXTENSIONS and (content := _content(directory, "metainfo.xml")) is not None:
        findings += verdicts.check("extension_metainfo", f"{named}/metainfo.xml", content)
        findings += _linkable(f"{named}/metainfo.xml", content)
    folders = [f"services/{folder}/" for folder in directory.folders_in("services")]
    for folder in [""] if kind == COMMON_SERVICES else folders:
        findings += _check_service(directory, folder, verdicts)
    return findings


def _check_service(directory: Directory, folder: str, verdicts: Verdicts) -> list[Finding]:
    content = _content(directory, f"{folder}metainfo.xml")
    if content is None:
        return []
    findings = verdicts.check("service_metainfo", f"{directory.name}/{folder}metainfo.xml", content)
    try:
        services = parse_services(content) or []
    except XmlError:
        services = []
    for configurations in sorted({said.get("configuration_dir", "configuration") for _, said in services}):
        for name in directory.files_in(f"{folder}{configurations}"):
            path = f"{folder}{configurations}/{name}"
            if name.endswith(".xml") and (content := _content(directory, path)) is not None:
                findings += verdicts.check("configuration", f"{directory.name}/{path}", content)
    return findings


def _content(directory: Directory, path: str) -> bytes | None:
    if path not in directory.files:
        return None
    try:
        return directory.read(path)
    except FileError:
        return None


def _linkable(file: str, content: bytes) -> list[Finding]:
    """Find out whether an extension can be linked to anything; the old form, which Ambari ignores, is named."""
    try:
        if parse_extension(content).get("stacks"):
            return []
        root = parse_with_lines(content)
    except XmlError:
        return []
    wanted = "<prerequisites><min-stack-versions><stack>"
    old = root.find("stacks")
    if old is None:
        text = f"no stack is named in {wanted}; the extension cannot be linked to any"
        return [Finding(file, text, root.sourceline, "/metainfo")]
    text = f"<stacks> is ignored here; name the stacks in {wanted}, or the extension cannot be linked to any"
    return [Finding(file, text, getattr(old, "sourceline", 0), "/metainfo/stacks")]


def _judge(schema: Schema, content: bytes) -> list[tuple[int, str, str]]:
    try:
        root = parse_with_lines(content)
    except XmlError:
        return []
    # The document is a tree already, made by the parser that refuses definitions; nothing is fetched for it.
    resource = xmlschema.XMLResource(root, allow="none")
    verdict = []
    for error in _schema(schema).iter_errors(resource):
        verdict.append(_finding(error))
        if len(verdict) == MAX_FINDINGS:
            break
    return verdict


def _finding(error: XMLSchemaValidationError) -> tuple[int, str, str]:
    """Return line, path and text."""
    path = error.path or ""
    element = error.elem
    text = error.reason or error.message
    if isinstance(error.obj, str) and repr(error.obj) not in text:
        text = f"{error.obj[:100]!r}: {text}"
    if isinstance(error, XMLSchemaChildrenValidationError) and error.invalid_child is not None:
        element = error.invalid_child
        path = f"{path}/{element.tag}"
        text = f"<{element.tag}> stands more than once; only the last counts"
    return getattr(element, "sourceline", None) or 0, path[:_MAX_TEXT], text[:_MAX_TEXT]


def _schema_path(schema: Schema) -> Path:
    return Path(__file__).parent / "schemas" / f"{schema}.xsd"


@cache
def _schema_digest(schema: Schema) -> str:
    return hashlib.sha256(_schema_path(schema).read_bytes()).hexdigest()[:16]


@cache
def _schema(schema: Schema) -> xmlschema.XMLSchema11:
    return xmlschema.XMLSchema11(str(_schema_path(schema)), allow="sandbox", defuse="always")
