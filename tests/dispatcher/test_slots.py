"""Turns are within bounds, fair, refused exactly where a queue is full, and given back whatever happens."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher_service.calls.bounds import Bound, Bounds
from dispatcher_service.calls.slots import Slots, Turn
from graft_common.errors import GraftError
from graft_common.settings import Settings

KINDS = ("host", "method", "caller", "line")


def bounds(concurrency: int, queue: int, **others: tuple[int, int]) -> Bounds:
    """Bounds of a host; all others have the same unless it is said otherwise."""
    return Bounds(**{kind: Bound(*others.get(kind, (concurrency, queue))) for kind in KINDS})


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


@dataclass(eq=False)
class Call:
    """A call as the model of the test sees it."""

    method: str
    caller: str
    number: int
    state: str = "waiting"
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    turn: Turn | None = None

    @property
    def shares(self) -> list[tuple[str, str]]:
        line = f"{self.method} {self.caller}"
        return [("host", ""), ("method", self.method), ("caller", self.caller), ("line", line)]


class Crowd:
    """Calls that come, wait, run and go, beside a plain count of what that must lead to."""

    def __init__(self, within: Bounds) -> None:
        self.bounds = within
        self.slots = Slots(within)
        self.calls: list[Call] = []
        self.started: list[Call] = []

    def having(self, state: str) -> list[Call]:
        return [call for call in self.calls if call.state == state]

    def counts(self, *states: str) -> Counter[tuple[str, str]]:
        return Counter(share for call in self.calls if call.state in states for share in call.shares)

    def bound(self, share: tuple[str, str]) -> Bound:
        found = getattr(self.bounds, share[0])
        assert isinstance(found, Bound)
        return found

    def fits(self, call: Call, *states: str) -> bool:
        taken = self.counts(*states)
        return all(taken[share] < self.bound(share).concurrency for share in call.shares)

    def has_queue(self, call: Call) -> bool:
        waiting = self.counts("waiting", "reserved")
        return all(waiting[share] < self.bound(share).queue for share in call.shares)

    async def comes(self, method: str, caller: str, *, reserve: bool = False, accepted: bool = False) -> Call:
        call = Call(method, caller, len(self.calls))
        if reserve:
            expected = self.fits(call, "running", "reserved") or self.has_queue(call)
            try:
                call.turn, call.state = self.slots.reserve(method, caller), "reserved"
            except GraftError:
                call.state = "refused"
            assert (call.state == "reserved") == expected
        else:
            expected = accepted or self.fits(call, "running") or self.has_queue(call)
            call.turn = self.slots.slot(method, caller, accepted=accepted)
            self.go(call)
            await settle()
            assert (call.state != "refused") == expected
        self.calls.append(call)
        return call

    def go(self, call: Call) -> None:
        call.state = "waiting"
        call.task = asyncio.create_task(self._live(call))

    async def _live(self, call: Call) -> None:
        assert call.turn is not None
        try:
            async with call.turn:
                call.state = "running"
                self.started.append(call)
                await call.over.wait()
            call.state = "over"
        except GraftError:
            call.state = "refused"
        except asyncio.CancelledError:
            call.state = "over"

    def check(self) -> None:
        running, waiting = self.counts("running"), self.counts("waiting")
        assert all(count <= self.bound(share).concurrency for share, count in running.items())
        assert self.slots.running == running["host", ""]
        assert self.slots.waiting == waiting["host", ""] + len(self.having("reserved"))
        assert sum(self.slots.held_back().values()) == waiting["host", ""]
        idle = [call for call in self.having("waiting") if self.fits(call, "running")]
        assert not idle, "a place is free, and somebody who could have it waits"

    async def end(self) -> None:
        for call in self.having("reserved"):
            assert call.turn is not None
            call.turn.drop()
            call.state = "over"
        while running := self.having("running"):
            running[0].over.set()
            await settle()
            self.check()
        assert not self.having("waiting"), "somebody starves"
        assert (self.slots.running, self.slots.waiting) == (0, 0)
        traces = [*self.slots._methods, *self.slots._callers, *self.slots._lines, *self.slots._ring]
        assert traces == []

    async def act(self, what: str, which: int, method: str, caller: str) -> None:
        """Do one thing of those that hypothesis has chosen; nothing where there is nobody to do it."""
        states = {"takes": "reserved", "drops": "reserved", "ends": "running", "cancelled": "waiting"}
        if what not in states:
            await self.comes(method, caller, reserve=what == "reserves", accepted=what == "accepted")
            return
        calls = self.having(states[what])
        if not calls:
            return
        call = calls[which % len(calls)]
        if what == "takes":
            self.go(call)
        elif what == "ends":
            call.over.set()
        elif what == "cancelled":
            assert call.task is not None
            call.task.cancel()
        else:
            assert call.turn is not None
            call.turn.drop()
            call.state = "over"


BOUND = st.tuples(st.integers(1, 4), st.integers(0, 5)).map(lambda pair: Bound(*pair))
ACT = st.tuples(
    st.sampled_from(["comes", "comes", "comes", "reserves", "accepted", "takes", "drops", "ends", "ends", "cancelled"]),
    st.integers(0, 99),
    st.sampled_from("ABC"),
    st.sampled_from("xyz"),
)


@settings(max_examples=60, deadline=None)
@given(st.builds(Bounds, BOUND, BOUND, BOUND, BOUND), st.lists(ACT, max_size=50))
def test_whatever_happens(within: Bounds, acts: list[tuple[str, int, str, str]]) -> None:
    async def run() -> None:
        crowd = Crowd(within)
        for one in acts:
            await crowd.act(*one)
            await settle()
            crowd.check()
        await crowd.end()
        lines: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for call in crowd.started:
            if call.turn is not None and not call.turn.accepted:
                lines[call.method, call.caller].append(call.number)
        assert all(numbers == sorted(numbers) for numbers in lines.values()), "somebody was overtaken in his own line"

    asyncio.run(run())


async def test_turns_come_in_order() -> None:
    crowd = Crowd(bounds(2, 10))
    for _ in range(5):
        await crowd.comes("A", "x")
    assert (crowd.slots.running, crowd.slots.waiting) == (2, 3)
    await crowd.end()
    assert [call.number for call in crowd.started] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("host", "1 calls on this host run and 1 wait (GRAFT_CALL_QUEUE=1)"),
        ("method", "1 calls of A run and 1 wait (GRAFT_CALL_METHOD_QUEUE=1)"),
        ("caller", "1 calls of the caller x run and 1 wait (GRAFT_CALL_CALLER_QUEUE=1)"),
        ("line", "1 calls of A for the caller x run and 1 wait (their share of GRAFT_CALL_QUEUE=9)"),
    ],
)
async def test_who_is_refused_learns_which_bound_it_is(kind: str, told: str) -> None:
    crowd = Crowd(bounds(9, 9, **{kind: (1, 1)}))
    for _ in range(2):
        await crowd.comes("A", "x")
    with pytest.raises(GraftError) as caught:
        async with crowd.slots.slot("A", "x"):
            pytest.fail("there is no turn")
    assert caught.value.error_info() == ["SERVER_BUSY", told]
    with pytest.raises(GraftError) as caught:
        crowd.slots.reserve("A", "x")
    assert caught.value.error_info() == ["SERVER_BUSY", told]
    assert crowd.slots.held_back() == {kind: 1}
    await crowd.end()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("host", "1 calls on this host run (GRAFT_CALL_CONCURRENCY=1)"),
        ("method", "1 calls of A run (GRAFT_CALL_METHOD_CONCURRENCY=1)"),
        ("caller", "1 calls of the caller x run (GRAFT_CALL_CALLER_CONCURRENCY=1)"),
        ("line", "1 calls of A for the caller x run (their share of GRAFT_CALL_CONCURRENCY=9)"),
    ],
)
async def test_the_wait_is_bounded_by_the_callers(kind: str, told: str) -> None:
    slots = Slots(bounds(9, 9, **{kind: (1, 1)}))
    async with slots.slot("A", "x"):
        with pytest.raises(GraftError) as caught:
            async with slots.slot("A", "x", seconds=0.01):
                pytest.fail("there is no turn")
        assert slots.waiting == 0
    assert caught.value.error_info() == ["SERVER_BUSY", f"no turn within the 0.01 s that the caller waits: {told}"]
    async with slots.slot("A", "x", seconds=0.01):
        assert slots.running == 1
    assert slots.running == 0


async def test_who_is_cancelled_as_the_turn_comes_gives_it_on() -> None:
    crowd = Crowd(bounds(1, 5))
    calls = [await crowd.comes("A", "x") for _ in range(4)]
    calls[0].over.set()
    # The first ends in the next step, and hands its turn to the second, which is being cancelled.
    await asyncio.sleep(0)
    assert calls[1].task is not None
    calls[1].task.cancel()
    # The third is cancelled before its turn can come, and has not noticed when it would.
    assert calls[2].task is not None
    calls[2].task.cancel()
    await settle()
    crowd.check()
    assert calls[3].state == "running"
    await crowd.end()


async def test_all_who_wait_can_be_sent_away_and_all_who_come() -> None:
    crowd = Crowd(bounds(1, 5))
    calls = [await crowd.comes("A", "x") for _ in range(3)]
    reserved = await crowd.comes("A", "x", reserve=True)
    crowd.slots.close(GraftError("SERVICE_UNAVAILABLE", "dispatcher", "over"))
    crowd.go(reserved)
    await settle()
    with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
        async with crowd.slots.slot("A", "x"):
            pytest.fail("it is over")
    with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
        crowd.slots.reserve("A", "x")
    assert [call.state for call in (*calls, reserved)] == ["running", "refused", "refused", "refused"]


async def test_turns_go_round_callers_and_their_methods() -> None:
    crowd = Crowd(bounds(9, 99, host=(1, 99)))
    await crowd.comes("first", "first")
    for method, caller in [("A", "x")] * 3 + [("B", "x")] * 2 + [("A", "y")] * 2 + [("C", "z")]:
        await crowd.comes(method, caller)
    await crowd.end()
    order = [call.method + call.caller for call in crowd.started[1:]]
    assert order == ["Ax", "Ay", "Cz", "Bx", "Ay", "Ax", "Bx", "Ax"]


FLOODS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "of one method by one caller": lambda _: ("slow", "flood"),
    "of one method by many callers": lambda chance: ("slow", f"flood{chance.randrange(20)}"),
    "of many methods by one caller": lambda chance: (f"slow{chance.randrange(20)}", "flood"),
    "of one method while the same caller calls others": lambda chance: (
        ("slow", f"flood{chance.randrange(4)}") if chance.random() < 0.5 else ("quick", "victim")
    ),
}


@pytest.mark.parametrize("victim", [("quick", "victim"), ("slow", "victim"), ("quick", "flood"), ("slow2", "flood3")])
@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_delays_others_by_a_round_at_most(flood: str, victim: tuple[str, str]) -> None:
    """Whenever a call ends at least one more comes; whoever else calls has his turn after a bounded number of ends."""
    if flood.endswith("calls others") and victim == ("quick", "victim"):
        pytest.skip("that is the flood itself")
    chance = random.Random(flood)
    crowd = Crowd(Bounds.of(Settings.model_validate({"call_concurrency": 8, "call_queue": 200})))
    for _ in range(130):
        await crowd.comes(*FLOODS[flood](chance))
    call = await crowd.comes(*victim)
    ends = 0
    while call.state != "running":
        chance.choice(crowd.having("running")).over.set()
        await settle()
        await crowd.comes(*FLOODS[flood](chance))
        crowd.check()
        ends += 1
        assert call.state in {"waiting", "running"}
        assert ends <= 60
    if flood == "of one method by one caller":
        assert ends == 0, "another method, or another caller, has places left"
    await crowd.end()


@pytest.mark.parametrize("call_queue", [0, 1, 2, 1024])
@pytest.mark.parametrize("call_concurrency", range(1, 34))
def test_a_share_leaves_something_to_others(call_concurrency: int, call_queue: int) -> None:
    made = Bounds.of(Settings.model_validate({"call_concurrency": call_concurrency, "call_queue": call_queue}))
    at_once = made.host.concurrency
    assert 1 <= made.line.concurrency <= made.method.concurrency <= at_once == call_concurrency
    assert made.line.concurrency <= made.caller.concurrency <= at_once
    if at_once > 1:
        assert made.method.concurrency < at_once
        assert made.line.concurrency < made.caller.concurrency
    if at_once > 2:
        assert made.caller.concurrency < at_once
        assert made.line.concurrency < made.method.concurrency
    expected = {0: (0, 0, 0), 1: (1, 1, 1), 2: (1, 1, 1), 1024: (768, 768, 576)}[call_queue]
    assert (made.method.queue, made.caller.queue, made.line.queue) == expected


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, Bounds(Bound(8, 100), Bound(6, 75), Bound(6, 75), Bound(4, 56))),
        ({"method_concurrency": 8}, Bounds(Bound(8, 100), Bound(8, 75), Bound(6, 75), Bound(8, 56))),
        (
            {"method_concurrency": 2, "caller_concurrency": 3, "method_queue": 0, "caller_queue": 5},
            Bounds(Bound(8, 100), Bound(2, 0), Bound(3, 5), Bound(2, 0)),
        ),
    ],
)
def test_what_is_set_goes_before_the_shares(chosen: dict[str, int], expected: Bounds) -> None:
    values = {"call_concurrency": 8, "call_queue": 100} | {f"call_{name}": value for name, value in chosen.items()}
    assert Bounds.of(Settings.model_validate(values)) == expected


async def test_a_method_may_have_fewer_places_than_its_bound() -> None:
    slots = Slots(bounds(3, 1))
    first, second, third = (slots.slot("A.b", f"c{number}", places=2) for number in range(3))
    await first.__aenter__()
    await second.__aenter__()
    waiting = asyncio.create_task(third.__aenter__())
    await settle()
    assert slots.held_back() == {"method": 1}
    with pytest.raises(GraftError) as caught:
        slots.reserve("A.b", "d", places=2)
    assert caught.value.error_info()[0] == "SERVER_BUSY"
    with pytest.raises(GraftError) as caught:
        async with slots.slot("A.b", "d", seconds=0, places=2):
            pass
    assert "GRAFT_CALL_METHOD_QUEUE=1" in str(caught.value)
    slots.leave(first)
    await waiting
    # Another declaration, and one more call has a turn at once.
    fourth = slots.slot("A.b", "c4", places=3)
    await asyncio.wait_for(fourth.__aenter__(), 1)
    for turn in (second, third, fourth):
        slots.leave(turn)
    assert slots.running == 0


async def test_whoever_waits_for_a_place_is_told_which() -> None:
    slots = Slots(bounds(3, 5))
    first = slots.slot("A.b", "c", places=1)
    await first.__aenter__()
    with pytest.raises(GraftError) as caught:
        await slots.slot("A.b", "d", seconds=0.01, places=1).__aenter__()
    assert "1 calls of A.b run (its resident processes have 1 places)" in str(caught.value)
    slots.leave(first)
