"""From bytes to a tree of elements, whoever sent them.

This is the standard library's expat rather than lxml, because libxml2 as lxml uses it keeps every name of an element or
attribute that it ever met for as long as the thread lives: clients that need no session could fill the memory with
requests of made-up names. An expat parser takes all that it learnt with it. It also lets a document type definition be
refused where it begins, before there is any entity, and its trees are as quick to read.
"""

from __future__ import annotations

from contextlib import suppress
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers import expat

from graft_common.xmlrpc._errors import XmlRpcSyntaxError, quote

_WHITE_SPACE = b" \t\r\n"
_TEXT_BUFFER = 64 * 1024
# Those of xapi's parser (xmlm); expat knows them itself, so that no other codec is ever looked up by a sender's name.
_ENCODINGS = frozenset({"utf-8", "utf-16", "utf-16be", "utf-16le", "iso-8859-1", "us-ascii"})


def parse_document(
    data: bytes, subject: str, *, max_tags: int, ignore_rest: bool = False, encoding: str | None = None
) -> Element:
    """Parse one document and return its root element.

    White space before the XML declaration is let pass, which xapi does not; comments and processing instructions are
    dropped, and the text around them is joined.

    Args:
        data: the document.
        subject: what the data is, for messages: "the call".
        max_tags: the most `<` that may occur; bounds time and memory, to about 0.2 kB for each.
        ignore_rest: whether what follows the root element is ignored rather than wrong.
        encoding: overrides what the document declares.

    Raises:
        XmlRpcSyntaxError: it is empty, too large, not well-formed, in an encoding other than UTF-8, UTF-16, ISO-8859-1
            and ASCII, or has a document type definition.
    """
    text = data.lstrip(_WHITE_SPACE)
    if not text:
        raise XmlRpcSyntaxError(f"{subject} is empty; an XML-RPC document is expected")
    if text.count(b"<") > max_tags:
        raise XmlRpcSyntaxError(f"{subject} has more than {max_tags} tags; at most that many are read")
    if _is_plain(text):
        try:
            parser = XMLParser(encoding="utf-8")  # noqa: S314 - _is_plain keeps from it all that could do harm
            parser.feed(text)
            return parser.close()
        except ParseError:
            # What is wrong, and whether that matters, is found out with care.
            pass
    line = 1 + data.count(b"\n", 0, len(data) - len(text))
    return _parse_carefully(text, subject, ignore_rest=ignore_rest, encoding=encoding, line=line)


def _is_plain(text: bytes) -> bool:
    """Tell whether ElementTree's own parser may read a document as UTF-8; it is faster, but cannot be told to refuse.

    It may where there is nothing to refuse: no document type definition, no name space (in XML-RPC a prefix is part of
    the name) and no other encoding, be it declared or, as for UTF-16, betrayed by a NUL.
    """
    if b"\0" in text or b"<!DOCTYPE" in text or b"xmlns" in text:
        return False
    declaration = text[: text.find(b"?>")].lower() if text.startswith(b"<?xml") else b""
    return b"encoding" not in declaration or b"utf-8" in declaration


def _parse_carefully(text: bytes, subject: str, *, ignore_rest: bool, encoding: str | None, line: int) -> Element:
    """Parse what is not plain, or find out what is wrong with it; `line` is the one on which the text begins."""
    builder = TreeBuilder()
    parser = _parser(subject, encoding)
    parser.buffer_text = True
    parser.buffer_size = _TEXT_BUFFER
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        if not (ignore_rest and _root_ends(text, subject, encoding)):
            raise XmlRpcSyntaxError(
                f"{subject} is not well-formed XML at line {line + error.lineno - 1}, column {error.offset + 1}:"
                f" {expat.ErrorString(error.code)}; a complete XML-RPC document and nothing else is expected"
            ) from error
    return builder.close()


def _parser(subject: str, encoding: str | None) -> expat.XMLParserType:
    """Return a parser that refuses document type definitions and codecs."""

    def refuse_definition(*_: object) -> None:
        raise XmlRpcSyntaxError(
            f"{subject} has a document type definition at line {parser.CurrentLineNumber};"
            " XML-RPC needs none, and none is read"
        )

    def check_encoding(_version: str, declared: str | None, _standalone: int) -> None:
        if declared is not None and encoding is None and declared.lower() not in _ENCODINGS:
            raise XmlRpcSyntaxError(f"{subject} is declared to be in the encoding {quote(declared)}; use UTF-8")

    parser = expat.ParserCreate(encoding)
    parser.StartDoctypeDeclHandler = refuse_definition
    parser.XmlDeclHandler = check_encoding
    return parser


def _root_ends(text: bytes, subject: str, encoding: str | None) -> bool:
    """Tell whether the root element of a document that is not well-formed is complete: the error is after it."""
    depth = opened = 0

    def start(*_: object) -> None:
        nonlocal depth, opened
        depth += 1
        opened += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = _parser(subject, encoding)
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    with suppress(expat.ExpatError):
        parser.Parse(text, True)
    return opened > 0 and depth == 0
