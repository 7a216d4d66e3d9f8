"""The grammar of `graft call`'s arguments."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_cli.arguments import ArgumentError, parse_argument
from graft_common.values import DateTime, Value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("World", "World"),
        ("", ""),
        ("5", "5"),
        ("http://example/", "http://example/"),
        ("OpaqueRef:0-1", "OpaqueRef:0-1"),
        ("str:int:5", "int:5"),
        ("str:@x", "@x"),
        ("str:", ""),
        ("int:5", 5),
        ("int:-9223372036854775808", -(2**63)),
        ("int:9223372036854775807", 2**63 - 1),
        ("int:+07", 7),
        ("float:1.5", 1.5),
        ("float:-1e300", -1e300),
        ("bool:true", True),
        ("bool:false", False),
        ("nil:", None),
        ("date:20260101T00:00:00Z", DateTime("20260101T00:00:00Z")),
        ("date:2026-01-01T00:00:00+01:00", DateTime("2026-01-01T00:00:00+01:00")),
        ("base64:aGVsbG8=", b"hello"),
        ("base64:", b""),
        ('json:{"a": [1, 2.5, null, "x", true]}', {"a": [1, 2.5, None, "x", True]}),
        ("json:[]", []),
    ],
)
def test_what_arguments_mean(text: str, expected: Value) -> None:
    value = parse_argument(text)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "int:",
        "int:x",
        "int:1.0",
        "int:9223372036854775808",
        "int:" + "9" * 5000,
        "int:٣",
        "float:x",
        "bool:1",
        "bool:True",
        "nil:x",
        "date:tomorrow",
        "date:20260101",
        "base64:*",
        "base64:abc",
        "json:",
        "json:{",
        "json:NaN",
        "json:9223372036854775808",
        "json:" + "[" * 100 + "]" * 100,
        "json:" + "[" * 100_000,
        "@/no/such/file",
        "json:@/no/such/file",
        "@/",
    ],
)
def test_what_is_refused_is_quoted(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_argument(text)
    assert text.rpartition("@")[2].partition(":")[0][:20] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("line\nline\n")
    (tmp_path / "bytes").write_bytes(b"\xff\x00")
    (tmp_path / "json").write_text('{"a": 1}\n')
    assert parse_argument(f"@{tmp_path}/text") == "line\nline\n"
    assert parse_argument(f"base64:@{tmp_path}/bytes") == b"\xff\x00"
    assert parse_argument(f"json:@{tmp_path}/json") == {"a": 1}
    with pytest.raises(ArgumentError, match="not UTF-8"):
        parse_argument(f"@{tmp_path}/bytes")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_json_arrives_as_it_was_sent(value: Value) -> None:
    assert parse_argument(f"json:{json.dumps(value)}") == value


@given(st.text().filter(lambda text: "@" not in text))
def test_no_text_crashes_it_and_str_takes_any(text: str) -> None:
    assert parse_argument(f"str:{text}") == text
    with contextlib.suppress(ArgumentError):
        parse_argument(text)
