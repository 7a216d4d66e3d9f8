"""When resident processes come and go: rules on plain values."""

from __future__ import annotations

import pytest

from dispatcher_service.engines.base import Outcome, Usage, Verdict
from dispatcher_service.residents.endings import HINT, Cause, end_for_calls
from dispatcher_service.residents.life import Life, missing, pause_after, reason_to_end
from graft_common.declarations.model import Residence

RESIDENCE = Residence(concurrency=4, processes=3, calls=10, age=100.0, idle=20.0)


@pytest.mark.parametrize(
    ("life", "busy", "why"),
    [
        (Life(born=0.0, last=0.0), False, ""),
        (Life(born=0.0, last=0.0, calls=9), True, ""),
        (Life(born=0.0, last=0.0, calls=10), True, "calls"),
        (Life(born=-88.0, last=0.0), True, ""),
        (Life(born=-99.0, last=0.0, calls=1), True, "age"),
        (Life(born=-99.0, last=0.0), True, ""),
        (Life(born=-99.0, last=0.0), False, "age"),
        (Life(born=-50.0, last=-19.0), True, ""),
        (Life(born=-50.0, last=-19.0), False, "idle"),
        (Life(born=-50.0, last=-18.0), False, ""),
    ],
)
def test_why_one_makes_room(life: Life, busy: bool, why: str) -> None:
    assert reason_to_end(life, RESIDENCE, 1.0, busy=busy) == why


def test_pauses_grow_to_a_bound() -> None:
    pauses = [pause_after(deaths) for deaths in range(20)]
    assert pauses[:4] == [0.0, 0.0, 0.1, 0.5]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30.0


@pytest.mark.parametrize(
    ("waiting", "starting", "living", "more"),
    [(0, 0, 0, 0), (1, 0, 0, 1), (4, 0, 0, 1), (5, 0, 0, 2), (5, 1, 1, 1), (4, 1, 1, 0), (100, 0, 0, 3), (9, 0, 3, 0)],
)
def test_how_many_are_started(waiting: int, starting: int, living: int, more: int) -> None:
    assert missing(waiting, starting, living, RESIDENCE) == more


USED = Usage(cpu=3.0, memory_peak=1000, wall=50.0)


@pytest.mark.parametrize(
    ("outcome", "cause", "served", "within", "expected"),
    [
        (Outcome(Verdict.EXITED), None, True, False, (Verdict.BROKE_OFF, "it has ended without an answer")),
        (Outcome(Verdict.EXITED), None, True, True, (Verdict.BROKE_OFF, "it has ended within a frame")),
        (
            Outcome(Verdict.EXITED),
            None,
            False,
            False,
            (Verdict.BROKE_OFF, f"it has ended without a hello; {HINT}"),
        ),
        (Outcome(Verdict.EXITED, exit_code=3), None, False, False, (Verdict.EXITED, "")),
        (Outcome(Verdict.SIGNALED, signal=9), None, True, False, (Verdict.SIGNALED, "")),
        (Outcome(Verdict.NOT_STARTED, reason="no"), None, False, False, (Verdict.NOT_STARTED, "no")),
        (
            Outcome(Verdict.CPU_EXCEEDED),
            None,
            True,
            False,
            (Verdict.BROKE_OFF, "its calls together have used up their CPU time"),
        ),
        (
            Outcome(Verdict.KILLED, reason="killed on request"),
            Cause(Verdict.KILLED, "another call", logged="another call 4"),
            True,
            False,
            (Verdict.KILLED, "another call"),
        ),
    ],
)
def test_what_an_end_is_for_calls(
    outcome: Outcome, cause: Cause | None, served: bool, within: bool, expected: tuple[Verdict, str]
) -> None:
    end = end_for_calls(outcome, cause, b"said", served=served, within=within)
    assert (end.verdict, end.reason, end.stderr, end.usage) == (*expected, b"said", Usage())


def test_calls_are_told_how_much_memory_there_was() -> None:
    end = end_for_calls(Outcome(Verdict.MEMORY_EXCEEDED, usage=USED), None, b"", served=True, within=False)
    assert (end.verdict, end.usage.memory_peak, end.usage.cpu) == (Verdict.MEMORY_EXCEEDED, 1000, 0.0)
