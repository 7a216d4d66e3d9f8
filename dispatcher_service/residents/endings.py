"""How calls of a resident process end: as values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from dispatcher_service.engines.base import Outcome, Usage, Verdict
from dispatcher_service.residents.frames import ARGUMENT

HINT = f"an executable that is declared resident has to serve {ARGUMENT}"


@dataclass(slots=True)
class UnderWay:
    """A call that a process has, or is about to get."""

    answer: asyncio.Future[Outcome | None]
    began: float
    deadline: float
    heard: int | None
    """What had been heard of the process when it began; None where another call was under way at the same time."""
    let_go: bool = False
    """Whether nobody waits for it any more."""

    def tell(self, outcome: Outcome | None) -> None:
        """Answer it, unless that was done."""
        if not self.answer.done():
            self.answer.set_result(outcome)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a process is killed: for the log, and for the calls that it takes along."""

    verdict: Verdict
    reason: str
    logged: str


def end_for_calls(outcome: Outcome, cause: Cause | None, said: bytes, *, served: bool, within: bool) -> Outcome:
    """Return what the end of a process is for the calls that were under way.

    Args:
        outcome: how it has ended.
        cause: why it was killed; None where it was not.
        said: what it has written to its standard error.
        served: whether it ever said hello.
        within: whether it had begun a frame and not ended it.
    """
    # What it has used is not the calls' own, but where a limit has ended it.
    usage = Usage(memory_peak=outcome.usage.memory_peak if outcome.verdict is Verdict.MEMORY_EXCEEDED else 0)
    outcome = replace(outcome, stderr=said, usage=usage)
    if cause is not None:
        return Outcome(cause.verdict, stderr=said, reason=cause.reason)
    if outcome.verdict is Verdict.CPU_EXCEEDED:
        return replace(outcome, verdict=Verdict.BROKE_OFF, reason="its calls together have used up their CPU time")
    if outcome.verdict is not Verdict.EXITED or outcome.exit_code:
        return outcome
    reason = "it has ended without an answer"
    if not served:
        reason = f"it has ended without a hello; {HINT}"
    elif within:
        reason = "it has ended within a frame"
    return replace(outcome, verdict=Verdict.BROKE_OFF, reason=reason)
