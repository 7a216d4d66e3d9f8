"""What holds for every value, and for every sequence of bytes."""

from __future__ import annotations

import xmlrpc.client

from hypothesis import given
from hypothesis import strategies as st

from graft_common.values import DateTime, Value
from graft_common.xmlrpc import (
    Failure,
    Success,
    XmlRpcSyntaxError,
    format_bare,
    format_call,
    format_extension_call,
    format_failure,
    format_success,
    format_value,
    parse_call,
    parse_extension_output,
    parse_response,
    parse_value,
)

READERS = [
    parse_call,
    parse_extension_output,
    parse_response,
    lambda data: parse_value(data.decode("utf-8", "replace")),
]

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r<&>\"'")
)
any_texts = st.text(st.characters(exclude_categories=[]))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary()
    | texts.map(DateTime)
)


def trees(leaves: st.SearchStrategy, names: st.SearchStrategy) -> st.SearchStrategy:
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=15
    )


values = trees(scalars, texts)


def as_xapi_writes(value: Value) -> Value:
    """What is left of a value in xapi's writing: integers are text."""
    match value:
        case bool():
            return value
        case int():
            return str(value)
        case list():
            return [as_xapi_writes(item) for item in value]
        case dict():
            return {name: as_xapi_writes(item) for name, item in value.items()}
        case _:
            return value


@given(texts.filter(bool), st.lists(values, max_size=3))
def test_a_typed_call_comes_back_whole(method, params):
    call = parse_call(format_call(method, params))
    assert (call.method, call.params) == (method, params)
    assert repr(call.params) == repr(params)


@given(texts.filter(bool), st.lists(values, max_size=3))
def test_what_an_extension_reads(method, params):
    call = parse_call(format_extension_call(method, params))
    assert (call.method, call.params) == (method, as_xapi_writes(params))


@given(values)
def test_answers_come_back(value):
    assert parse_response(format_success(value)) == Success(as_xapi_writes(value))
    assert parse_extension_output(format_success(value)) == Success(as_xapi_writes(value))
    assert parse_value(format_value(value)) == as_xapi_writes(value)


@given(st.lists(texts, min_size=1))
def test_failures_come_back(error):
    assert parse_response(format_failure(error)) == Failure(error)


@given(trees(scalars | any_texts | any_texts.map(DateTime), any_texts))
def test_whatever_is_written_can_be_read(value):
    """Even with what XML cannot hold, which is left out."""
    parse_value(format_value(value))
    parse_call(format_call("m", [value]))
    xmlrpc.client.loads(format_bare(value))


client_texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n<&>\"'")
)
client_values = trees(
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False)
    | client_texts
    | st.binary(),
    client_texts,
)


@given(st.lists(client_values, max_size=3), st.sampled_from(["utf-8", "iso-8859-1", "utf-16", "us-ascii"]))
def test_what_pythons_client_writes_is_read_alike(params, encoding):
    text = xmlrpc.client.dumps(tuple(params), "m", allow_none=True, encoding=encoding)
    body = text.encode(encoding, "xmlcharrefreplace")
    assert parse_call(body).params == params


@given(st.lists(client_values, max_size=3))
def test_what_is_written_pythons_client_reads_alike(params):
    read, method = xmlrpc.client.loads(format_call("m", params), use_builtin_types=True)
    assert (list(read), method) == (params, "m")


@given(client_values)
def test_pythons_extensions_and_clients_agree(value):
    stdout = xmlrpc.client.dumps(({"Status": "Success", "Value": value},), "", methodresponse=True, allow_none=True)
    assert parse_extension_output(stdout.encode()) == Success(value)
    (answer,), _ = xmlrpc.client.loads(format_success(value), use_builtin_types=True)
    assert answer == {"Status": "Success", "Value": as_xapi_writes(value)}


def read_all(data: bytes) -> None:
    """Read the bytes as everything; anything raised but `XmlRpcSyntaxError` fails the test."""
    for reader in READERS:
        try:
            reader(data)
        except XmlRpcSyntaxError as error:
            message = str(error)
            assert "\n" not in message
            assert len(message) < 1000


@given(st.binary(max_size=300))
def test_any_bytes(data):
    read_all(data)


PIECES = [
    *(
        f"<{slash}{tag}>".encode()
        for tag in ["methodCall", "methodName", "params", "param", "value"]
        for slash in ("", "/")
    ),
    *(
        f"<{slash}{tag}>".encode()
        for tag in ["methodResponse", "fault", "struct", "member", "name"]
        for slash in ("", "/")
    ),
    *(
        f"<{slash}{tag}>".encode()
        for tag in ["array", "data", "int", "double", "base64", "boolean"]
        for slash in ("", "/")
    ),
    *(b"<nil/>", b"<ex:nil/>", b"xmlns:ex='e'", b"<?xml version='1.0'?>", b"<?xml version='1.0' encoding='idna'?>"),
    *(
        b"<!DOCTYPE m [",
        b"]>",
        b"<!ENTITY a 'b'>",
        b"&a;",
        b"&lt;",
        b"&#0;",
        b"&#xD800;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
    ),
    *(b"-->", b"\xff", b"\xfe", b"\0", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"5", b"-", b" ", b"\n", b"x", b"9" * 400),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_pieces(pieces):
    read_all(b"".join(pieces))


@given(st.lists(values, max_size=2), st.sampled_from(["utf-8", "utf-16", "iso-8859-1"]), st.data())
def test_damaged_documents(params, encoding, data):
    text = format_call("m", params).decode() if data.draw(st.booleans()) else format_success(params).decode()
    text = text.replace("?>", f' encoding="{encoding}"?>', 1)
    body = bytearray(text.encode(encoding, "xmlcharrefreplace"))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body)))
        removed = data.draw(st.integers(0, 8))
        body[position : position + removed] = data.draw(st.sampled_from(PIECES) | st.binary(max_size=3))
    read_all(bytes(body))
