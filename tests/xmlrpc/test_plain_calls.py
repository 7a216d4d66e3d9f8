"""What is read without a parser is read to what the parser would have read."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft_common.values import Value
from graft_common.xmlrpc import XmlRpcSyntaxError, format_call, parse_call
from graft_common.xmlrpc._calls import MAX_PARAMS, _parse_any
from graft_common.xmlrpc._plain_calls import parse_plain

REF = "OpaqueRef:5f8a5c0e-7c5a-4b8e-9d7a-000000000000"
PLAIN = [
    (),
    ("",),
    (REF, "a text", 5, -7, True, 2.5),
    (2**31 - 1, " spaces, \t tabs \n lines and 'quotes' "),
]


def plain(body: bytes) -> tuple[str, list[Value]] | None:
    return parse_plain(body, MAX_PARAMS)


@pytest.mark.parametrize("params", PLAIN)
def test_what_clients_write_needs_no_parser(params: tuple[Any, ...]) -> None:
    assert plain(xmlrpc.client.dumps(params, "A.b").encode()) == ("A.b", list(params))
    assert plain(format_call("A.b", params)) == ("A.b", list(params))


@pytest.mark.parametrize(
    "inside",
    [
        "<value>&amp;</value>", "<value>]]></value>", "<value>ä</value>", "<value>a\rb</value>", "<value>\x01</value>",
        "<value>\x7f</value>", "<value> <int>1</int></value>", "<value><int>1</int> </value>", "<value><int/></value>",
        "<value><int>x</int></value>", "<value><boolean>2</boolean></value>", "<value><i8>9223372036854775808</i8></value>",
        "<value><int>1</i4></value>", "<value><int>1<int>2</int></int></value>", "<value><!-- x --></value>",
        "<value><![CDATA[x]]></value>", "<value><array><data/></array></value>", "<value><nil/></value>", "<value a='b'/>",
        "<int>1</int>", "text", "",
    ],
)  # fmt: skip
def test_what_may_mean_more_is_left_to_the_parser(inside: str) -> None:
    body = f"<methodCall><methodName>A.b</methodName><params><param>{inside}</param></params></methodCall>"
    assert plain(body.encode()) is None


def test_too_many_parameters_are_left_to_the_parser() -> None:
    body = format_call("A.b", ["x"] * (MAX_PARAMS + 1))
    assert plain(body) is None
    assert plain(format_call("A.b", ["x"] * MAX_PARAMS)) == ("A.b", ["x"] * MAX_PARAMS)
    with pytest.raises(XmlRpcSyntaxError, match="1001 parameters"):
        parse_call(body)


PIECES = st.sampled_from([
    "<?xml version='1.0'?>", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='utf-8'?>", "<methodCall>",
    "</methodCall>", "<methodName>", "</methodName>", "<params>", "</params>", "<param>", "</param>", "<value>",
    "</value>", "<string>", "</string>", "<int>", "</int>", "<boolean>", "</boolean>", "<double>", "</double>", "<i8>",
    "</i8>", "<nil/>", "1", "0", "-2.5", "a", " ", "\n", "\r", "\t", "&", "&lt;", "]]>", ">", "<", "ä", "\0", "x" * 50,
])  # fmt: skip
TEXTS = st.one_of(st.text(st.characters(max_codepoint=255), max_size=6), PIECES)


@st.composite
def nearly_plain(draw: st.DrawFn) -> bytes:
    """Calls of scalars, with a few pieces put in, doubled or left out."""
    pieces = [draw(st.sampled_from(["", "<?xml version='1.0'?>", " "])), "<methodCall>", "<methodName>", draw(TEXTS)]
    pieces += ["</methodName>", draw(st.sampled_from(["", "\n", " "])), "<params>"]
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["string", "int", "i4", "i8", "boolean", "double", ""]))
        text = draw(st.one_of(TEXTS, st.integers(-(2**64), 2**64).map(str), st.sampled_from(["0", "1", "true", "nan"])))
        pieces += ["<param>", "<value>", f"<{kind}>" if kind else "", text, f"</{kind}>" if kind else "", "</value>"]
        pieces += ["</param>", draw(st.sampled_from(["", "\n"]))]
    pieces += ["</params>", "</methodCall>", draw(st.sampled_from(["", "\n"]))]
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(pieces)))
        pieces[place : place + draw(st.integers(0, 1))] = draw(st.lists(PIECES, max_size=2))
    return "".join(pieces).encode()


def exact(values: list[Value]) -> list[str]:
    """Tell 1 from True and 1.0, and a NaN from none."""
    return [f"{type(value).__name__} {value!r}" for value in values]


@settings(deadline=None, max_examples=300)
@given(nearly_plain())
def test_both_ways_read_the_same(body: bytes) -> None:
    found = plain(body)
    if found is not None:
        call = _parse_any(body)
        assert (found[0], exact(found[1])) == (call.method, exact(call.params))
