from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from registry_service.service import paging


@given(st.text(max_size=500).filter(lambda text: "\0" not in text))
def test_a_token_brings_the_position_back(position: str) -> None:
    assert paging.read_page(0, paging.token(position)).after == position


@given(st.text(max_size=100))
def test_any_other_token_is_refused_or_read(token: str) -> None:
    with suppress(GraftError):
        assert "\0" not in paging.read_page(0, token).after


@pytest.mark.parametrize(("size", "taken"), [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_sizes(size: int, taken: int) -> None:
    assert paging.read_page(size, "").size == taken


@pytest.mark.parametrize(
    ("items", "size", "page", "more"), [([], 2, [], False), ([1, 2], 2, [1, 2], False), ([1, 2, 3], 2, [1, 2], True)]
)
def test_cutting(items: list[int], size: int, page: list[int], more: bool) -> None:
    assert paging.cut(items, size) == (page, more)


@pytest.mark.parametrize(
    ("sizes", "kept"), [([], 0), ([2], 1), ([9], 1), ([9, 1], 1), ([3, 3], 2), ([3, 3, 3], 2), ([1, 1, 1, 9], 3)]
)
def test_a_page_takes_no_more_than_fits_but_something(
    sizes: list[int], kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_BYTES", 8 * 100)
    links = [pb.Link(problem="x" * (100 * size - 10)) for size in sizes]
    assert paging.fit(links) == links[:kept]
