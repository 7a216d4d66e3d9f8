"""The one encoding of values between the services: nothing is lost, and nothing else comes through."""

from __future__ import annotations

import contextlib
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.values import (
    MAX_DEPTH,
    DateTime,
    Value,
    ValueDecodeError,
    ValueEncodeError,
    decode_value,
    decode_values,
    encode_value,
    encode_values,
    type_name,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary()
    | texts.map(DateTime)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


def same(left: Value, right: Value) -> bool:
    """Equal, and of the same types all through: 1 is not True, nor 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    return left == right


def nested(depth: int) -> Value:
    value: Value = "deepest"
    for level in range(depth):
        value = [value] if level % 2 else {"inner": value}
    return value


@given(values)
def test_a_value_comes_back_as_it_was(value):
    assert same(decode_value(encode_value(value)), value)


@given(st.lists(values, max_size=4))
def test_parameters_come_back_as_they_were(params):
    assert same(decode_values(encode_values(params)), params)


def test_nan_comes_back():
    back = decode_value(encode_value(math.nan))
    assert isinstance(back, float)
    assert math.isnan(back)


def test_a_date_is_neither_string_nor_struct():
    assert decode_value(encode_value([DateTime("20260101T00:00:00Z")])) == [DateTime("20260101T00:00:00Z")]
    assert DateTime("x") != "x"
    assert len({DateTime("x"), DateTime("x"), DateTime("y")}) == 2


@pytest.mark.parametrize("depth", [0, 1, MAX_DEPTH])
def test_nesting_up_to_the_limit(depth):
    assert same(decode_value(encode_value(nested(depth))), nested(depth))
    assert same(decode_values(encode_values([nested(depth)])), [nested(depth)])


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 300])
def test_nesting_beyond_the_limit(depth):
    with pytest.raises(ValueDecodeError, match="nest more than 64 deep"):
        decode_value(encode_value(nested(depth)))
    with pytest.raises(ValueDecodeError, match="nest more than 64 deep"):
        decode_values(encode_values([nested(depth)]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        (b"\xc0\xc0", "trailing"),
        (b"\xdd\xff\xff\xff\xff", "truncated"),
        (b"\xdf\xff\xff\xff\xff", "truncated"),
        (b"\x91" * 100_000, "recursion"),
        (b"\xcf" + b"\xff" * 8, "does not fit into 64 bits"),
        (b"\xa1\xff", "utf-8"),
        (b"\x81\x01\xc0", "member names are strings, not int"),
        (b"\x81\x91\xa1a\xc0", "member names are strings, not tuple"),
        (b"\x81\x81\xa1a\xc0\xc0", "hashable"),
        (b"\xd6\xff\x00\x00\x00\x00", "datetime is no value"),
        (b"\xd4\x07\x00", "extension type 7 is unknown"),
        (b"\xd4\x01\xff", "utf-8"),
        (b"\xc1", "malformed"),
    ],
)
def test_what_is_no_value_is_refused(data, message):
    with pytest.raises(ValueDecodeError, match=message):
        decode_value(data)


@pytest.mark.parametrize("value", [None, "text", 5, {"a": 1}, b""])
def test_parameters_are_an_array(value):
    with pytest.raises(ValueDecodeError, match=f"one MessagePack array, not {type_name(value)}"):
        decode_values(encode_value(value))


@given(st.binary(max_size=200))
def test_any_bytes_are_values_or_an_error(data):
    try:
        value = decode_value(data)
    except ValueDecodeError:
        return
    encode_value(value)


@given(values, st.data())
def test_damaged_values_are_values_or_an_error(value, data):
    encoded = bytearray(encode_value(value))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueDecodeError):
        decode_value(bytes(encoded))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800", DateTime("\udfff"), nested(5000)])
def test_what_cannot_be_encoded(value):
    with pytest.raises(ValueEncodeError):
        encode_value(value)


@pytest.mark.parametrize("value", [object(), [1j], {"a": range(3)}])
def test_what_is_no_value_is_not_encoded(value):
    with pytest.raises(TypeError, match="no value of a call"):
        encode_value(value)


def test_the_encoding_is_plain_messagepack():
    assert encode_values(["a", 5, None, True, b"x"]) == msgspec.msgpack.encode(["a", 5, None, True, b"x"])
    assert encode_value(DateTime("t")) == b"\xd4\x01t"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "nil"),
        (True, "boolean"),
        (1, "int"),
        (1.0, "double"),
        ("", "string"),
        (b"", "base64"),
        (DateTime(""), "dateTime.iso8601"),
        ([], "array"),
        ({}, "struct"),
    ],
)
def test_type_names_are_those_of_xml_rpc(value, name):
    assert type_name(value) == name
