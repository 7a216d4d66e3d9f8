"""Documents as they come, and as somebody with bad intentions would write them."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.xml_documents import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_TAGS,
    XmlError,
    parse_document,
    parse_with_lines,
)
from support.resources import Resources

ENTITY = '<!DOCTYPE m [<!ENTITY x "y">]>'
LAUGHS = (
    '<!DOCTYPE m [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]><m>&m;</m>"
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"<a>", "not well-formed"),
        (b"<a></b>", "line 1, column 6"),
        (b"<a/><b/>", "not well-formed"),
        (b"<a>&nbsp;</a>", "undefined entity"),
        (f"{ENTITY}<m>&x;</m>".encode(), "document type definition"),
        (f"{ENTITY}<m>&x;</m>".encode("utf-16"), "document type definition"),
        (b'<!DOCTYPE m SYSTEM "file:///etc/passwd"><m/>', "document type definition"),
        (b'<?xml version="1.0"?>\n\n<!DOCTYPE m PUBLIC "a" "http://localhost/"><m/>', "line 3"),
        (b'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><m>&x;</m>', "document type definition"),
        (b'<!DOCTYPE m [<!ENTITY % x SYSTEM "http://localhost/"> %x;]><m/>', "document type definition"),
        (LAUGHS.encode(), "document type definition"),
        (b'<?xml version="1.0" encoding="cp037"?><a/>', "encoding"),
        (b'<?xml version="1.0" encoding="../../x"?><a/>', "not well-formed"),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "encoding"),
        (b"<a>\xff</a>", "not well-formed"),
        (b"<a>\x01</a>", "not well-formed"),
        (b"\x00\x01\x02", "not well-formed"),
        (b"<a>" * MAX_DEPTH + b"<a>" + b"</a>" * (MAX_DEPTH + 1), "nest more than"),
        (b"<a>" * 50_000 + b"</a>" * 50_000, "nest more than"),
        (b"<a>" + b"<b/>" * MAX_TAGS + b"</a>", "tags"),
        (b"<a>" + b" " * MAX_BYTES + b"</a>", "bytes"),
    ],
    ids=range(23),
)
def test_what_is_refused(content: bytes, says: str) -> None:
    begun = time.process_time()
    for parse in (parse_document, parse_with_lines):
        with pytest.raises(XmlError, match=says):
            parse(content)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "content",
    [
        "<a><b>é</b></a>".encode(),
        b"\xef\xbb\xbf" + "<a><b>é</b></a>".encode(),
        b'<?xml version="1.0" encoding="UTF-8"?>\r\n<a>\r\n<b>\xc3\xa9</b>\r\n</a>\r\n',
        '<?xml version="1.0" encoding="ISO-8859-1"?><a><b>é</b></a>'.encode("latin-1"),
        "<?xml version='1.0' encoding='windows-1252'?><a><b>é</b></a>".encode("cp1252"),
        '<?xml version="1.0" encoding="UTF-16"?><a><b>é</b></a>'.encode("utf-16"),
        "<!-- one --><?pi two?><a><!-- <!DOCTYPE three --><b><![CDATA[é]]></b></a><!-- four -->".encode(),
        "<a><b><!-- in -->é<!-- between --></b></a>".encode(),
        b"<a><b>&#233;</b></a>",
        "<a>" + "<c>" * (MAX_DEPTH - 1) + "</c>" * (MAX_DEPTH - 1) + "<b>é</b></a>",
    ],
    ids=range(10),
)
def test_what_is_read(content: bytes | str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    for parse in (parse_document, parse_with_lines):
        assert parse(data).findtext("b") == "é"


def test_names_of_name_spaces_are_told_apart() -> None:
    root = parse_document(b'<a xmlns:x="u" x:k="1"><x:b/><b xmlns="v"/><b/></a>')
    assert [child.tag for child in root] == ["{u}b", "{v}b", "b"]
    assert root.attrib == {"{u}k": "1"}


def test_elements_know_their_lines() -> None:
    root = parse_with_lines(b"<a>\n<b/>\n\n<c>\n<d/></c></a>")
    assert [element.sourceline for element in root.iter()] == [1, 2, 4, 5]  # type: ignore[attr-defined]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_nothing_else_escapes(content: bytes) -> None:
    for prefix in (b"", b"<a>", b"<?xml"):
        with suppress(XmlError):
            parse_document(prefix + content)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"]), max_size=50))
def test_both_ways_to_parse_agree(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    data = f"<a><b>{escaped}</b></a>".encode()
    try:
        expected = parse_with_lines(data).findtext("b")
    except XmlError:
        expected = None
    else:
        assert expected == text
        assert parse_document(data).findtext("b") == text


@pytest.mark.parametrize(
    ("content", "says"),
    [(f"{ENTITY}<metainfo>&x;</metainfo>", "document type definition"), ("", "empty"), ("<metainfo", "well-formed")],
)
def test_an_extension_says_why_its_file_is_refused(tree: Resources, content: str, says: str) -> None:
    path = tree.write("extensions/EXT/1.0/metainfo.xml", content)
    errors = tree.read_extension("EXT/1.0").errors
    assert errors[0] == f"Unable to parse extension metainfo.xml file at location: {path}"
    assert says in errors[1]
    assert errors[1].startswith(str(path))
