"""Defaults as xapi writes them in its datamodel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.declarations.types import parse_type
from graft_common.declarations.xenapi_defaults import read_default, write_default
from graft_common.values import DateTime


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", '""', ""),
        ("string", '"()"', "()"),
        ("string", '"a "b" -> {c}, "', 'a "b" -> {c}, '),
        ("int", "-7", -7),
        ("int", "9223372036854775807", 2**63 - 1),
        ("float", "2.", 2.0),
        ("float", "-0.25", -0.25),
        ("float", "1e+20", 1e20),
        ("float", "inf", float("inf")),
        ("bool", "true", True),
        ("datetime", "19700101T00:00:00Z", DateTime("19700101T00:00:00Z")),
        ("enum state", "Halted", "Halted"),
        ("VM ref", "Null", ""),
        ("VM ref", "OpaqueRef:NULL", "OpaqueRef:NULL"),
        ("string set", "{}", []),
        ("string set", '{"a", "b, c", "d"e"}', ["a", "b, c", 'd"e']),
        ("VM ref set", "{Null, OpaqueRef:1}", ["", "OpaqueRef:1"]),
        ("int set set", "{{1, 2}, {}}", [[1, 2], []]),
        ("(string -> string) map", '{"a" -> "b", "" -> "c -> d"}', {"a": "b", "": "c -> d"}),
        ("(int -> float set) map", "{1 -> {2., 3.5}, -2 -> {}}", {"1": [2.0, 3.5], "-2": []}),
        ("(VM ref -> bool) map", "{Null -> true}", {"": True}),
        ("(enum state -> int) map", "{on -> 1}", {"on": 1}),
    ],
)
def test_what_a_default_says(kind: str, text: str, value: Any) -> None:
    found = parse_type(kind)
    read = read_default(text, found)
    assert (read, type(read)) == (value, type(value))
    assert write_default(read, found) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("string", ""),
        ("string", "a"),
        ("string", '"'),
        ("string", '"a'),
        ("int", ""),
        ("int", "1.5"),
        ("int", "9223372036854775808"),
        ("float", "much"),
        ("bool", "True"),
        ("datetime", "soon"),
        ("enum state", ""),
        ("int set", "1"),
        ("int set", "{1"),
        ("int set", "{1}}"),
        ("int set", "{1,2}"),
        ("string set", '{"a}'),
        ("(string -> int) map", '{"a"}'),
        ("VM record", "{}"),
    ],
)
def test_what_is_no_default_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_default(text, parse_type(kind))


@given(
    st.text(alphabet='{}"->, ab1.N', max_size=30), st.sampled_from(["string", "int set", "(string -> string set) map"])
)
def test_any_text_is_read_or_refused(text: str, kind: str) -> None:
    found = parse_type(kind)
    try:
        value = read_default(text, found)
    except ValueError:
        return
    assert read_default(write_default(value, found), found) == value


_TEXTS = st.text(alphabet="ab {}<&", max_size=8)


@given(st.dictionaries(_TEXTS, st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3), max_size=4))
def test_what_is_written_is_read_again(value: Any) -> None:
    kind = parse_type("(string -> int set) map")
    assert read_default(write_default(value, kind), kind) == value
