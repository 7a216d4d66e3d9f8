from __future__ import annotations

import random
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.audit_log import Record, RecordPages, pieces_of
from graft_common.errors import GraftError, service_unavailable

NOW = 1_000_000.0


def source(times: list[int], page: int, asked: list[str], until: float = NOW) -> RecordPages:
    """Return the records of these seconds, the first of them first, a page at a time."""

    async def read(_since: Any, token: str, _metadata: Any) -> tuple[list[Record], str]:
        asked.append(token)
        start = int(token or 0)
        found = [Record(time=Timestamp(seconds=second)) for second in times[start : start + page]]
        return found, str(start + page) if start + page < len(times) else ""

    return RecordPages(read, None, (), until)


async def seconds(first: RecordPages, second: RecordPages) -> list[int]:
    written = [piece async for piece in pieces_of(first, second, lambda record: b"%d " % record.time.seconds)]
    assert all(piece.count(b" ") <= 200 for piece in written)
    return [int(text) for text in b"".join(written).split()]


@pytest.mark.parametrize("page", [1, 7, 1000])
async def test_records_of_both_come_in_the_order_of_their_times(page: int) -> None:
    numbers = random.Random(5).sample(range(2000), 900)
    first, second = sorted(numbers[:600]), sorted(numbers[600:])
    assert await seconds(source(first, page, []), source(second, page, [])) == sorted(numbers)


async def test_what_is_written_meanwhile_is_not_waited_for() -> None:
    asked: list[str] = []
    growing = source(list(range(10)), 2, asked, until=5.0)
    assert await seconds(growing, source([], 5, [])) == [0, 1, 2, 3, 4, 5]
    assert asked == ["", "2", "4", "6"]


async def test_a_page_that_cannot_be_read_ends_it() -> None:
    async def read(_since: Any, token: str, _metadata: Any) -> tuple[list[Record], str]:
        if token:
            raise service_unavailable("registry", "away")
        return [Record(time=Timestamp(seconds=1))], "1"

    with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
        await seconds(RecordPages(read, None, (), NOW), source([5], 5, []))
