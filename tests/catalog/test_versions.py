"""The order of versions: Ambari's own table, and the laws that it breaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.versions import compare_versions, newest_first, version_key


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("2.10", "2.4", 1),
        ("2.4", "2.4.*", 0),
        ("2.4", "2.4.0", 0),
        ("2.4", "1.0.*", 1),
        ("2.3.MYNAME", "2.3", 0),
        ("MYNAME.2.3", "2.3", -1),
        ("2024.1", "2023.12", 1),
        ("2.6.4.0-91", "2.6.4.0-100", 0),
        ("1.2.3.4.5", "1.2.3.4.6", 0),
        ("2.2.2.0.20", "2.2.2.145", -1),
        ("${ambariVersion}", "0", 0),
        # where Ambari errs
        ("2.100", "2.99", 1),
        ("10.123", "10.13", 1),
        ("20241", "3.0", 1),
        # TestVersionUtils
        ("2.2.0.0", "2.2.0.1", -1),
        ("2.2.0.0", "2.2.0.10", -1),
        ("2.2.2.145", "2.2.2.20", 1),
        ("2.2.0.0-200", "2.2.0.1-100", -1),
        ("2.2.2.0.20-996", "2.2.2.145-846", -1),
        ("2.2", "2.2.VER", 0),
        ("2.2.VAR", "2.2.VER", 0),
        ("2.2.3", "2.2.3.VER1.V", 0),
        ("1.2.3", "1.2.4", -1),
        ("1.2.3.6.7\n", "1.2.3.4\n", 1),
        ("1.2.4_MYAMBARI_000000", "1.2.3_MYAMBARI_000000", 1),
        ("1.2.3_MYAMBARI_000000", "1.2.3.0_MYAMBARI_000000", 0),
        ("1.2.3_MYAMBARI_000000", "1.2.3.1_MYAMBARI_000000", -1),
        (" 1.0 ", "1.0", 0),
    ],
)
def test_ambaris_table(left: str, right: str, expected: int) -> None:
    assert compare_versions(left, right) == expected
    assert compare_versions(right, left) == -expected


@pytest.mark.parametrize(("left", "right", "name"), [("", "1", "version1"), ("1", "  ", "version2")])
def test_empty_versions_are_refused(left: str, right: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} cannot be empty$"):
        compare_versions(left, right)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_numbers_compare_as_numbers(left: list[int], right: list[int]) -> None:
    padded = [[*numbers, 0, 0, 0][:4] for numbers in (left, right)]
    expected = (padded[0] > padded[1]) - (padded[0] < padded[1])
    assert compare_versions(".".join(map(str, left)), ".".join(map(str, right))) == expected


@given(st.text(min_size=1, max_size=40))
def test_any_text_has_a_place(version: str) -> None:
    assert len(version_key(version)) == 4


def test_newest_first() -> None:
    assert newest_first(["2.4", "2.10", "2.9.1", "1.0-5"]) == ["2.10", "2.9.1", "2.4", "1.0-5"]
