"""How values are printed."""

from __future__ import annotations

import pytest

from graft_cli.output import readable, to_json
from graft_common.values import DateTime, Value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("two\nlines", "two\nlines"),
        ("", ""),
        (5, "5"),
        (True, "true"),
        (None, "nil"),
        (1.5, "1.5"),
        (b"hello", "aGVsbG8="),
        (DateTime("20260101T00:00:00Z"), "20260101T00:00:00Z"),
        ([], "(empty)"),
        ({}, "(empty)"),
        (["a", 1], "- a\n- 1"),
        ({"a": 1, "b": "x"}, "a: 1\nb: x"),
        ({"a": []}, "a: (empty)"),
        ({"a": {"b": [1, 2]}}, "a:\n  b:\n    - 1\n    - 2"),
        ([{"a": 1, "b": 2}, [3, 4]], "- a: 1\n  b: 2\n- - 3\n  - 4"),
        ({"log": "one\ntwo"}, "log:\n  one\n  two"),
    ],
)
def test_readable(value: Value, expected: str) -> None:
    assert readable(value) == expected


def test_json() -> None:
    value: Value = {"a": [b"hello", DateTime("20260101T00:00:00Z"), float("nan"), 1.5, None, True, 2**62]}
    assert to_json(value) == {"a": ["aGVsbG8=", "20260101T00:00:00Z", None, 1.5, None, True, 2**62]}
