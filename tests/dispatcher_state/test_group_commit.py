"""Writes of many callers in one transaction: who gets what, also where things go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from dispatcher_service.tasks.group_commit import GroupCommit
from graft_common.errors import GraftError


class Store:
    """Takes numbers, but for those that it cannot, and tells of each that it has it; stands still while it is held."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self.poison = -1
        self.answers = True

    async def write(self, wishes: Sequence[int]) -> list[str]:
        self.groups.append([*wishes])
        self.begun.set()
        await self.free.wait()
        if self.poison in wishes:
            raise OSError(f"not {self.poison}")
        return [f"has {wish}" for wish in wishes]

    async def reachable(self) -> bool:
        return self.answers


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def commit(store: Store) -> AsyncIterator[GroupCommit[int, str]]:
    made = GroupCommit(store.write, store.reachable, "test")
    yield made
    await made.close()


async def held(store: Store, commit: GroupCommit[int, str], *wishes: int) -> list[asyncio.Task[str]]:
    """Let the store stand still with the first of these, while the others wait."""
    store.free.clear()
    tasks = [asyncio.create_task(commit.submit(wish)) for wish in wishes[:1]]
    await store.begun.wait()
    tasks += [asyncio.create_task(commit.submit(wish)) for wish in wishes[1:]]
    await asyncio.sleep(0)
    return tasks


async def results(tasks: Sequence[asyncio.Task[str]]) -> list[str]:
    found = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    return [str(each) for each in found]


async def test_what_comes_together_is_written_together(store, commit):
    tasks = await held(store, commit, *range(300))
    store.free.set()
    assert await results(tasks) == [f"has {number}" for number in range(300)]
    assert [len(group) for group in store.groups] == [1, 256, 43]


async def test_what_nobody_waits_for_any_more_is_not_written(store, commit):
    """Whoever asks and goes away again, however often, has the dispatcher hold nothing."""
    tasks = await held(store, commit, 1, 2, 3)
    for task in tasks[:2]:
        task.cancel()
    await asyncio.wait(tasks[:2])
    store.free.set()
    assert await results(tasks[2:]) == ["has 3"]
    assert store.groups == [[1], [3]]


async def test_one_that_is_refused_takes_no_other_with_it(store, commit):
    tasks = await held(store, commit, 1, 2, 3, 4)
    store.poison = 3
    store.free.set()
    assert await results(tasks) == ["has 1", "has 2", "not 3", "has 4"]
    assert store.groups == [[1], [2, 3, 4], [2], [3], [4]]


async def test_nothing_is_tried_one_by_one_where_the_store_takes_nothing(store, commit):
    tasks = await held(store, commit, 1, 2, 3, 4)
    store.poison, store.answers = 3, False
    store.free.set()
    assert await results(tasks) == ["has 1", *["not 3"] * 3]
    assert store.groups == [[1], [2, 3, 4]]


async def test_whoever_waits_at_the_end_is_told_so(store, commit):
    tasks = await held(store, commit, 1, 2)
    await commit.close()
    for task in tasks:
        with pytest.raises(GraftError, match="it is shutting down"):
            await task
    with pytest.raises(GraftError, match="it is shutting down"):
        await asyncio.wait_for(commit.submit(3), 10)
