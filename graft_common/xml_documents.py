"""From the bytes of a definition to a tree of elements, whoever wrote them.

This is the standard library's expat rather than lxml for the reason given in `graft_common.xmlrpc`: libxml2 as lxml
uses it keeps every name that it ever met for as long as the thread lives, and trees with made-up names come and go here
as they do there. An expat parser takes all that it learnt with it, and can refuse a document type definition where it
begins, before there is any entity. Elements and attributes of a name space are named `{uri}name`, so that they are
unknown to readers, as they are to Ambari's.
"""

from __future__ import annotations

from contextlib import suppress
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers import expat

MAX_BYTES = 4 * 1024 * 1024
MAX_TAGS = 100_000
MAX_DEPTH = 64
_TEXT_BUFFER = 64 * 1024
# Expat's own, and single-byte ones that editors write; no other codec is looked up by a name that a file gives.
_ENCODINGS = frozenset(
    {"utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii"}
    | {"iso-8859-1", "iso-8859-2", "iso-8859-15", "latin1", "windows-1250", "windows-1251", "windows-1252"}
)


class XmlError(ValueError):
    """A document that cannot be read; the message says what is wrong, where, and what would be right."""


class LinedElement(Element):
    """An element that knows its line, under the name that `xmlschema` looks for."""

    sourceline = 0


def parse_document(data: bytes) -> Element:
    """Parse one document and return its root element; comments and processing instructions are dropped.

    Raises:
        XmlError: it is empty, too large, too deep, not well-formed, in an unusual encoding, or has a document type
            definition.
    """
    _check_size(data)
    if _is_plain(data):
        with suppress(ParseError):
            parser = XMLParser()  # noqa: S314 - _is_plain keeps from it all that could do harm
            parser.feed(data)
            root = parser.close()
            _check_depth(root)
            return root
    return _parse_carefully(data, TreeBuilder())


def parse_with_lines(data: bytes, *, bounded: bool = True) -> LinedElement:
    """Parse as `parse_document` does, into elements that know their lines; several times slower.

    Args:
        data: the document.
        bounded: whether it can be too large; otherwise whoever has it has seen to that.

    Raises:
        XmlError: as for `parse_document`.
    """
    if bounded:
        _check_size(data)
    root = _parse_carefully(data, TreeBuilder(element_factory=LinedElement), lines=True)
    assert isinstance(root, LinedElement)  # noqa: S101 - the factory makes no other
    return root


def _check_size(data: bytes) -> None:
    if not data.strip():
        raise XmlError("the file is empty; an XML document is expected")
    if len(data) > MAX_BYTES:
        raise XmlError(f"the file has more than {MAX_BYTES} bytes; at most that many are read")
    if data.count(b"<") > MAX_TAGS:
        raise XmlError(f"the file has more than {MAX_TAGS} tags; at most that many are read")


def _check_depth(root: Element) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in parent]
        if not level:
            return
    raise XmlError(_too_deep())


def _too_deep() -> str:
    return f"elements nest more than {MAX_DEPTH} deep; at most that many are read"


def _is_plain(data: bytes) -> bool:
    """Tell whether ElementTree's own parser may read it; it is faster, but cannot be told to refuse."""
    if b"\0" in data or b"<!DOCTYPE" in data:
        return False
    declaration = data[: max(data.find(b"?>"), 0)].lower()
    return b"encoding" not in declaration or b"utf-8" in declaration


def _parse_carefully(data: bytes, builder: TreeBuilder, *, lines: bool = False) -> Element:
    parser = _parser(builder, lines=lines)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset + 1}"
        raise XmlError(f"{place}: the file is not well-formed XML: {expat.ErrorString(error.code)}") from error
    except XmlError:
        raise
    except (LookupError, ValueError) as error:
        raise XmlError("the file is not text of the encoding that it declares; use UTF-8") from error
    return builder.close()


def _parser(builder: TreeBuilder, *, lines: bool) -> expat.XMLParserType:
    """Return a parser that fills a tree and refuses document type definitions, odd encodings and great depths."""
    parser = expat.ParserCreate(None, "}")
    parser.buffer_text = True
    parser.buffer_size = _TEXT_BUFFER
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise XmlError(f"line {parser.CurrentLineNumber}: {_too_deep()}")
        element = builder.start(_qualified(name), {_qualified(key): value for key, value in attributes.items()})
        if lines:
            element.sourceline = parser.CurrentLineNumber  # type: ignore[attr-defined]  # made by the factory

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_qualified(name))

    def refuse_definition(*_: object) -> None:
        raise XmlError(
            f"line {parser.CurrentLineNumber}: the file has a document type definition; take it out, and the entities"
            " with it: none is read"
        )

    def check_encoding(_version: str, declared: str | None, _standalone: int) -> None:
        if declared is not None and declared.lower() not in _ENCODINGS:
            raise XmlError("the file is declared to be in an encoding that is not read; use UTF-8")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse_definition
    parser.XmlDeclHandler = check_encoding
    return parser


def _qualified(name: str) -> str:
    return f"{{{name}" if "}" in name else name
