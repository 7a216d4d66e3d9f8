"""Taking turns in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from graft_common.errors import GraftError
from registry_service.identity.turns import Turns

STRANGERS = 5


class Held:
    """Work that goes on only when it is told to, and tells whose was begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._may_go = threading.Semaphore(0)

    def work(self, whose: str) -> str:
        self.begun.append(whose)
        assert self._may_go.acquire(timeout=20)
        return whose

    def let(self, number: int) -> None:
        self._may_go.release(number)


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def turns(held: Held) -> Iterator[Turns]:
    made = Turns(1, STRANGERS, "turns", "too much")
    yield made
    held.let(100)
    made.close()


def ask(turns: Turns, held: Held, whose: str) -> asyncio.Task[str]:
    return asyncio.create_task(turns.run(whose, lambda: held.work(whose)))


async def refused(task: asyncio.Task[str]) -> str:
    with pytest.raises(GraftError) as raised:
        await task
    return raised.value.code


async def test_whoever_asks_for_much_is_waited_for_once(turns: Turns, held: Held) -> None:
    strangers = [ask(turns, held, "stranger") for _ in range(STRANGERS - 2)]
    await asyncio.sleep(0)
    others = [ask(turns, held, whose) for whose in ("ann", "bob")]
    held.let(STRANGERS)
    assert await asyncio.gather(*strangers, *others) == ["stranger"] * 3 + ["ann", "bob"]
    assert held.begun == ["stranger", "stranger", "ann", "bob", "stranger"]


async def test_where_no_place_is_left_the_longest_line_loses_its_last(turns: Turns, held: Held) -> None:
    strangers = [ask(turns, held, "stranger") for _ in range(STRANGERS)]
    await asyncio.sleep(0)
    assert await refused(ask(turns, held, "stranger")) == "SERVER_BUSY"
    ann = ask(turns, held, "ann")
    assert await refused(strangers[-1]) == "SERVER_BUSY"
    bob = ask(turns, held, "bob")
    assert await refused(strangers[-2]) == "SERVER_BUSY"
    # One waits for each of the three, and nobody asks for more than another.
    eve = ask(turns, held, "eve")
    assert await refused(strangers[-3]) == "SERVER_BUSY"
    assert await refused(ask(turns, held, "joe")) == "SERVER_BUSY"
    held.let(STRANGERS)
    assert await asyncio.gather(ann, bob, eve, *strangers[:-3]) == ["ann", "bob", "eve", "stranger", "stranger"]


async def test_who_has_gone_leaves_the_place_to_others(turns: Turns, held: Held) -> None:
    asked = [ask(turns, held, "ann") for _ in range(STRANGERS)]
    await asyncio.sleep(0)
    # The first is at work, which nothing ends; the others only wait.
    for task in asked:
        task.cancel()
    await asyncio.wait(asked)
    again = [ask(turns, held, "ann") for _ in range(STRANGERS - 1)]
    await asyncio.sleep(0)
    assert await refused(ask(turns, held, "ann")) == "SERVER_BUSY"
    held.let(STRANGERS)
    assert await asyncio.gather(*again) == ["ann"] * (STRANGERS - 1)


async def test_what_fails_is_told_to_whoever_has_asked(turns: Turns, held: Held) -> None:
    with pytest.raises(ZeroDivisionError):
        await turns.run("ann", lambda: 1 // 0)
    held.let(1)
    assert await ask(turns, held, "ann") == "ann"


async def test_what_waits_at_the_end_is_dropped(held: Held) -> None:
    turns = Turns(1, STRANGERS, "turns", "too much")
    asked = [ask(turns, held, "ann") for _ in range(3)]
    await asyncio.sleep(0)
    held.let(1)
    turns.close()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [str, asyncio.CancelledError, asyncio.CancelledError]
    assert held.begun == ["ann"]
