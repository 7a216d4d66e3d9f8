"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common import units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90.0),
        (90, 90.0),
        (1.5, 1.5),
        ("30s", 30.0),
        ("250ms", 0.25),
        ("5min", 300.0),
        ("5m", 300.0),
        (" 1.5 h ", 5400.0),
        ("1d", 86400.0),
        ("30S", 30.0),
    ],
)
def test_seconds(text: str | float, expected: float) -> None:
    assert units.seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("65536", 65536),
        (65536, 65536),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("1k", 1024),
        ("256MiB", 256 << 20),
        ("1.5 GiB", 3 << 29),
        ("2GB", 2_000_000_000),
    ],
)
def test_sizes(text: str | float, expected: int) -> None:
    assert units.size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1 2", "1,5s", "1e9", "inf", "nan", "1.s", ".5s", "5 parsecs", "9" * 400, "٣s"]
)
@pytest.mark.parametrize("read", [units.seconds, units.size])
def test_what_is_neither_is_named(read: object, text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (duration|size) such as") as caught:
        read(text)  # type: ignore[operator]
    assert repr(text) in str(caught.value)


@given(st.integers(min_value=1, max_value=2**49))
def test_a_size_reads_back_as_it_is_written(value: int) -> None:
    assert units.size(units.format_size(value).removesuffix("ytes")) == value


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_reads_back_as_it_is_written(milliseconds: int) -> None:
    assert units.seconds(units.format_seconds(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
