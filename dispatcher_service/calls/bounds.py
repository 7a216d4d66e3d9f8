"""How many calls may run and wait: of a host, of one method, of one caller, of one caller to one method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from graft_common.settings import Settings


@dataclass(frozen=True, slots=True)
class Bound:
    """What one of them may have at once."""

    concurrency: int
    """Calls that run."""
    queue: int
    """Calls that wait."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a host."""

    host: Bound
    """All calls together."""
    method: Bound
    """Calls of any one method."""
    caller: Bound
    """Calls of any one caller."""
    line: Bound
    """Calls of any one caller to any one method."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what is set, and for what is not a share that leaves something to others.

        A method may have three quarters of the host's, a caller may have three quarters, and one caller to one method
        three quarters of that: whoever floods a method can still call others, and others can still call that one.
        """
        at_once, waiting = settings.call_concurrency, settings.call_queue
        share = _share(at_once)
        method = Bound(settings.call_method_concurrency or share, _chosen(settings.call_method_queue, _share(waiting)))
        caller = Bound(
            # Of two places a caller may have both: that his calls of another method wait would be no better.
            settings.call_caller_concurrency or max(share, min(at_once, 2)),
            _chosen(settings.call_caller_queue, _share(waiting)),
        )
        line = Bound(
            _within(settings.call_method_concurrency, settings.call_caller_concurrency, _share(share)),
            _within(settings.call_method_queue, settings.call_caller_queue, _share(_share(waiting))),
        )
        return cls(Bound(at_once, waiting), method, caller, line)


def _share(whole: int) -> int:
    return min(whole, max(1, whole * 3 // 4))


def _chosen(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _within(method: int | None, caller: int | None, otherwise: int) -> int:
    """Return what a line may have: all that is set for its method or its caller, else a share."""
    return min((value for value in (method, caller) if value is not None), default=otherwise)
