"""When a resident process has served long enough, and how soon another one is started: rules on plain values."""

from __future__ import annotations

from dataclasses import dataclass

from graft_common.declarations.model import Residence

_PAUSES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before another process is started, by how many have died in a row; the last one repeats."""
PATIENCE = 1.0
"""Seconds of such a pause that calls wait for; of a longer one they are told at once."""


@dataclass(slots=True)
class Life:
    """What a process has done so far; times are those of one clock, in seconds."""

    born: float
    last: float
    """When it was last of use."""
    calls: int = 0


def reason_to_end(life: Life, residence: Residence, now: float, *, busy: bool) -> str:
    """Tell why a process is to make room: `calls`, `age` or `idle`; empty: it may stay.

    However long it took to start, it may answer one call.
    """
    if life.calls >= residence.calls:
        return "calls"
    if now - life.born >= residence.age and (life.calls or not busy):
        return "age"
    if not busy and now - life.last >= residence.idle:
        return "idle"
    return ""


def pause_after(deaths: int) -> float:
    """Return how long to wait before another process is started.

    Args:
        deaths: how many in a row have died by themselves without having answered a call.
    """
    return _PAUSES[min(max(deaths - 1, 0), len(_PAUSES) - 1)]


def missing(waiting: int, starting: int, living: int, residence: Residence) -> int:
    """Return how many more processes are to be started.

    Args:
        waiting: calls that wait for a place.
        starting: processes that are to serve and do not yet.
        living: those and the ones that serve; whoever makes room does not count.
        residence: how many there may be, and how many calls each takes.
    """
    wanted = -(-waiting // residence.concurrency) - starting
    return max(0, min(wanted, residence.processes - living))
