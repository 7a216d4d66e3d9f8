from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.rpc.usage import UsageRead, format_usage, read_usage


def test_usage_is_one_line() -> None:
    assert format_usage(0.0123, 12345678, 0.0341, 2) == "cpu=0.012;memory=12345678;wall=0.034;processes=2"
    assert format_usage(0, 0, 0, 0) == "cpu=0.000;memory=0;wall=0.000"


@given(st.integers(0, 10**6), st.integers(0, 1 << 50), st.integers(0, 10**9), st.integers(0, 10**6))
def test_what_is_written_is_read(cpu: int, memory: int, wall: int, processes: int) -> None:
    read = read_usage(format_usage(cpu / 1000, memory, wall / 1000, processes))
    assert read == UsageRead(cpu / 1000, memory, wall / 1000, processes)


@pytest.mark.parametrize("text", ["", "cpu=1;memory=2;wall=3", "cpu=-1.000;memory=2;wall=3.000", "cpu=1.000\n"])
def test_anything_else_is_none(text: str) -> None:
    assert read_usage(text) is None
