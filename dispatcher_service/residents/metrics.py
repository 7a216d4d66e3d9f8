"""What Prometheus is told of resident processes."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

PROCESSES = Gauge("graft_resident_processes", "Resident processes that there are.")
STARTS = Counter("graft_resident_starts_total", "Resident processes that were started.")
ENDS = Counter(
    "graft_resident_ends_total",
    "Resident processes that have ended, by why: calls, age, idle, changed, room, stopping (all in order); died, left, "
    "late, protocol, closed, overtime, unwell.",
    ["why"],
)
CALLS = Counter("graft_resident_calls_total", "Calls that were given to resident processes.")
