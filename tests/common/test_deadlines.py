from __future__ import annotations

import asyncio
import contextlib

import pytest

from graft_common.deadlines import Within


@pytest.mark.parametrize("seconds", [0.01, 0.0, -1.0])
async def test_what_takes_too_long_is_ended(seconds: float) -> None:
    ended = asyncio.Event()

    async def last_word() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(TimeoutError), Within(seconds):
        await last_word()
    assert ended.is_set()
    await asyncio.sleep(0)  # and nothing is left that would cancel what comes after


@pytest.mark.parametrize("seconds", [60.0, None])
async def test_what_ends_in_time_is_left_alone(seconds: float | None) -> None:
    with Within(seconds):
        await asyncio.sleep(0)
    with pytest.raises(KeyError), Within(seconds):
        raise KeyError


async def test_a_task_that_is_cancelled_by_others_stays_so() -> None:
    inside = asyncio.Event()

    async def held() -> None:
        with Within(60):
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(held())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_to_be_late_and_cancelled_is_to_be_cancelled() -> None:
    async def late() -> None:
        with Within(0.0), contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        # Whoever swallows the cancellation has ended in time after all; asyncio.timeout sees it the same way.

    await late()

    async def held() -> None:
        with Within(0.005):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                asyncio.current_task().cancel()
                await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(held())


async def test_the_outer_bound_counts_where_it_ends_first() -> None:
    async def outer() -> str:
        try:
            with Within(0.005), Within(60):
                await asyncio.sleep(60)
        except TimeoutError:
            return "late"
        return "in time"

    assert await outer() == "late"
