"""How values are printed."""

from __future__ import annotations

import pytest

from graft_cli.output import plain, print_table, readable, to_json
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, naïve 日本", "plain text, naïve 日本"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31mred", "\\x9b31mred"),
        ("a\x00b\x7f\r", "a\\x00b\\x7f\\r"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_nothing_that_is_shown_steers_a_terminal(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_a_row_of_a_table_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "STATE"), [("new\nline", "ok"), ("\x1b[2Jgone", "ok")])
    assert capsys.readouterr().out.splitlines()[1:] == ["new\\nline    ok", "\\x1b[2Jgone  ok"]
