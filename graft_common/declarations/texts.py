"""Prose in declarations: what indentation does, and what XML cannot hold."""

from __future__ import annotations

import re
import textwrap

NAMESPACE = "urn:graft:methods:1"
XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
# A type with an arrow stays readable: `(string -> int) map`.
_ATTRIBUTE_ESCAPES = {"&": "&amp;", "<": "&lt;", "\r": "&#13;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
_SENTENCE = re.compile(r".*?[.!?](?=\s|$)")
_TEXT = str.maketrans(_ESCAPES)
_ATTRIBUTE = str.maketrans(_ATTRIBUTE_ESCAPES)


def clean(text: str) -> str:
    """Take from a text the indentation that its lines owe to the document, and the white space around it.

    With `xml:space="preserve"` an element's text stays as it is instead.
    """
    first, newline, rest = text.partition("\n")
    return f"{first.lstrip()}{newline}{textwrap.dedent(rest)}".strip()


def escape_text(text: str) -> str:
    """Write text as the content of an element.

    Raises:
        ValueError: it holds a character that no XML document can.
    """
    _check(text)
    return text.translate(_TEXT)


def escape_attribute(text: str) -> str:
    """Write text as an attribute's value between quotation marks.

    Raises:
        ValueError: as for `escape_text`.
    """
    _check(text)
    return text.translate(_ATTRIBUTE)


def _check(text: str) -> None:
    match = _NOT_XML.search(text)
    if match is not None:
        raise ValueError(f"the text {text[:60]!r} holds the character {match[0]!r}, which XML cannot")


def first_sentence(doc: str) -> str:
    """Return the first sentence of a text, on one line, for lists; the first paragraph where it never ends."""
    paragraph = " ".join(doc.strip().split("\n\n", 1)[0].split())
    match = _SENTENCE.match(paragraph)
    return match[0] if match is not None else paragraph
