"""Reading elements as JAXB does: unknown ones ignored, in any order, of repeated ones the last.

A table says which child element fills which field and how it is read; `bind` applies it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

Reader = Callable[[Element], Any]
Table = Mapping[str, tuple[str, Reader]]
"""The element's name, the field's name, and what reads it."""

_WHITE_SPACE = " \t\r\n"
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_TOO_LARGE = 2**31


def bind(element: Element, table: Table) -> dict[str, Any]:
    """Return the fields that an element's children fill."""
    fields: dict[str, Any] = {}
    for child in element:
        entry = table.get(child.tag)
        if entry is not None:
            fields[entry[0]] = entry[1](child)
    return fields


def text(element: Element) -> str:
    """Read text as it stands, with its white space; children's text does not count."""
    if len(element):
        return (element.text or "") + "".join(child.tail or "" for child in element)
    return element.text or ""


def truth(value: str) -> bool:
    """Read a boolean as JAXB does: `1` and what begins with `true` is true, all else is false."""
    trimmed = value.strip(_WHITE_SPACE)
    return trimmed == "1" or trimmed.startswith("true")


def boolean(element: Element) -> bool:
    return truth(text(element))


def maybe_boolean(element: Element) -> bool | None:
    """Read a boolean that need not be said; an empty element says nothing."""
    value = text(element)
    return truth(value) if value.strip(_WHITE_SPACE) else None


def integer(element: Element) -> int:
    """Read an integer; what is none, or has more than 32 bits, counts as 0, as what is none does for JAXB."""
    value = text(element).strip(_WHITE_SPACE)
    if not _INTEGER.fullmatch(value):
        return 0
    number = int(value)
    return number if -_TOO_LARGE <= number < _TOO_LARGE else 0


def listing(tag: str, reader: Reader) -> Reader:
    """Read a wrapper: its children of one name, in order."""
    return lambda wrapper: tuple(reader(child) for child in wrapper if child.tag == tag)


def one_of(*allowed: str) -> Reader:
    """Read an enumeration; what is not in it counts as not said."""
    return lambda element: value if (value := text(element).strip(_WHITE_SPACE)) in allowed else None


def structure(make: Callable[..., Any], table: Table) -> Reader:
    """Read an element with children into a value whose fields all have defaults."""
    return lambda element: make(**bind(element, table))
