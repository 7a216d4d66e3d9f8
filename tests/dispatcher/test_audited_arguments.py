from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.audit.arguments import MAX_VALUE, MAX_VALUES, arguments_of, value_text, without
from graft_common.audit import Argument
from graft_common.declarations.model import Method, Param
from graft_common.declarations.types import STRING
from graft_common.values import DateTime, Value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ('a"\n\ud800', '"a\\"\\n?"'),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        (b"abc", '"3 bytes"'),
        (DateTime("20260101T00:00:00Z"), '"20260101T00:00:00Z"'),
        ([], "[]"),
        (["a", [1]], '["a",[1]]'),
        ({"k": {"l": [None]}}, '{"k":{"l":[null]}}'),
        ("x" * 1000, f'"{"x" * MAX_VALUE}…"'),
    ],
)
def test_a_value_is_told_as_json(value: Value, text: str) -> None:
    assert value_text(value) == text


def test_a_credential_in_the_place_of_something_else_is_not_told() -> None:
    told = (Argument("self", '"OpaqueRef:1"'), Argument("label", '"x"'), Argument("secret"), Argument("n", "5"))
    assert without("OpaqueRef:1", told) == (Argument("self"), *told[1:])
    assert without("OpaqueRef:2", told) == told
    assert without("", told) == told


def test_all_values_of_a_record_are_bounded() -> None:
    params = tuple(Param(f"p{number}", STRING, public=True) for number in range(64))
    told = arguments_of(Method("A.b", params=params), ["\U0001f600" * 1000] * 64, checked=True)
    assert [argument.name for argument in told] == [param.name for param in params]
    values = [argument.value.encode() for argument in told if argument.value is not None]
    assert MAX_VALUES < sum(map(len, values)) < MAX_VALUES + 5 * MAX_VALUE
    assert told[len(values) :] == tuple(Argument(param.name) for param in params[len(values) :])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=100), inner, max_size=20),
    max_leaves=60,
)


@given(VALUES)
def test_a_value_of_any_size_is_json_of_bounded_size(value: Value) -> None:
    text = value_text(value)
    json.loads(text)
    assert len(text) < 20 * MAX_VALUE
