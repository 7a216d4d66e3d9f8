"""Turns are taken in order, within bounds, and given back whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from dispatcher_service.calls.slots import Slots
from graft_common.errors import GraftError


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def hold(slots: Slots, release: asyncio.Event, order: list[int], number: int) -> None:
    async with slots.slot():
        order.append(number)
        await release.wait()


async def test_turns_come_in_order() -> None:
    slots, release, order = Slots(2, 10), asyncio.Event(), []
    tasks = [asyncio.create_task(hold(slots, release, order, number)) for number in range(5)]
    await settle()
    assert (slots.running, slots.waiting, order) == (2, 3, [0, 1])
    release.set()
    await asyncio.gather(*tasks)
    assert (slots.running, slots.waiting, order) == (0, 0, [0, 1, 2, 3, 4])


async def test_beyond_the_queue_is_busy() -> None:
    slots, release = Slots(1, 1), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, release, [], number)) for number in range(2)]
    await settle()
    with pytest.raises(GraftError) as caught:
        slots.check()
    assert caught.value.code == "SERVER_BUSY"
    with pytest.raises(GraftError):
        async with slots.slot():
            pytest.fail("there is no turn")
    release.set()
    await asyncio.gather(*tasks)
    slots.check()


async def test_the_wait_is_bounded_by_the_callers() -> None:
    slots = Slots(1, 5)
    async with slots.slot():
        with pytest.raises(GraftError, match="SERVER_BUSY"):
            async with slots.slot(0.01):
                pytest.fail("there is no turn")
        assert slots.waiting == 0
    async with slots.slot(0.01):
        assert slots.running == 1
    assert slots.running == 0


async def test_who_leaves_while_waiting_loses_no_turn() -> None:
    slots, release, order = Slots(1, 5), asyncio.Event(), []
    tasks = [asyncio.create_task(hold(slots, release, order, number)) for number in range(3)]
    await settle()
    tasks[1].cancel()
    await settle()
    assert slots.waiting == 1
    release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2]
    assert slots.running == 0


async def test_who_is_cancelled_as_the_turn_comes_gives_it_on() -> None:
    slots, release, order = Slots(1, 5), asyncio.Event(), []
    tasks = [asyncio.create_task(hold(slots, release, order, number)) for number in range(3)]
    await settle()
    release.set()
    # The first ends in the next step, and hands its turn to the second, which is being cancelled.
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert 2 in order
    assert (slots.running, slots.waiting) == (0, 0)


async def test_all_who_wait_can_be_sent_away() -> None:
    slots, release = Slots(1, 5), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, release, [], number)) for number in range(3)]
    await settle()
    slots.refuse(GraftError("SERVICE_UNAVAILABLE", "dispatcher", "over"))
    release.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert ends[0] is None
    assert [str(end) for end in ends[1:]] == ["SERVICE_UNAVAILABLE['dispatcher', 'over']"] * 2
    assert slots.running == 0
