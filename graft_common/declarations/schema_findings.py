"""Where and why a document does not hold to `methods.xsd`, in `xmlschema`'s words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from xml.etree.ElementTree import Element

import xmlschema
from xmlschema.validators.exceptions import XMLSchemaChildrenValidationError, XMLSchemaValidationError

from graft_common.declarations.quick_form import SCHEMA
from graft_common.declarations.texts import NAMESPACE
from graft_common.xml_documents import LinedElement

_MAX_TEXT = 500
_PREFIX = f"{{{NAMESPACE}}}"


def schema_findings(root: LinedElement) -> Iterator[tuple[int, str, str]]:
    """Tell what is wrong with the form of a document: the line, the element, and why."""
    # The document is a tree already, made by the parser that refuses definitions; nothing is fetched for it.
    resource = xmlschema.XMLResource(root, allow="none")
    for error in _schema().iter_errors(resource):
        yield _schema_finding(error)


def _schema_finding(error: XMLSchemaValidationError) -> tuple[int, str, str]:
    element = error.elem
    path = (error.path or "").replace(_PREFIX, "")
    reason = error.reason or error.message
    if isinstance(error, XMLSchemaChildrenValidationError) and error.invalid_child is not None:
        element = error.invalid_child
        path = f"{path}/{_plain(element.tag)}"
        reason = _misplaced(element, error)
    line = getattr(element, "sourceline", None) or 0
    return line, path[:_MAX_TEXT], reason.replace(_PREFIX, "")[:_MAX_TEXT]


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


@cache
def _schema() -> xmlschema.XMLSchema11:
    return xmlschema.XMLSchema11(str(SCHEMA), allow="sandbox", defuse="always")


def _plain(name: str) -> str:
    return name.rpartition("}")[2]
