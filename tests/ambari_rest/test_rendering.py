"""JSON as Ambari prints it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ambari.rendering import MAX_DEPTH, Json, render, render_container_error, render_error


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{ }"),
        ([], "[ ]"),
        (None, "null"),
        ({"a": []}, '{\n  "a" : [ ]\n}'),
        ({"a": True, "b": 1, "c": None, "d": "1"}, '{\n  "a" : true,\n  "b" : 1,\n  "c" : null,\n  "d" : "1"\n}'),
        (["x", "y"], '[\n  "x",\n  "y"\n]'),
        ({"a": [{"b": {"c": "d"}}]}, '{\n  "a" : [\n    {\n      "b" : {\n        "c" : "d"\n      }\n    }\n  ]\n}'),
        ({"ä\n": 'say "ü"'}, '{\n  "ä\\n" : "say \\"ü\\""\n}'),
    ],
)
def test_layout(value: Json, text: str) -> None:
    assert render(value) == text


def test_errors() -> None:
    assert render_error(404, "gone") == '{\n  "status" : 404,\n  "message" : "gone"\n}'
    assert render_container_error(404, "Not Found") == '{\n  "status": 404,\n  "message": "Not Found"\n}'


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_is_printed_is_what_was_given(value: Json) -> None:
    assert json.loads(render(value)) == value


def test_what_is_too_deep_is_cut_off() -> None:
    value: Json = "deep"
    for _ in range(10 * MAX_DEPTH):
        value = [value]
    assert render(value).count("[") == MAX_DEPTH + 1
