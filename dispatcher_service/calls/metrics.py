"""What Prometheus is told of calls."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

from dispatcher_service.calls.record import CallRecord

CALLS = Counter("graft_calls_total", "Calls that have ended.", ["source", "result"])
CALL_SECONDS = Histogram(
    "graft_call_seconds",
    "Time from the arrival of a call to its end, the wait for a turn included.",
    ["source"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
RUNNING = Gauge("graft_calls_running", "Executables that run.")
WAITING = Gauge("graft_calls_waiting", "Calls that wait for a turn, accepted tasks included.")
HELD_BACK = Gauge(
    "graft_calls_held_back",
    "Calls that wait for a turn, by the bound that keeps them: host, method, caller, line (a caller of a method).",
    ["by"],
)
REFUSED = Counter(
    "graft_calls_refused_total", "Calls refused because a queue is full: of host, method, caller, line.", ["by"]
)
CALL_CPU = Histogram(
    "graft_call_cpu_seconds",
    "CPU time of what a call has run; calls of resident methods are not among them.",
    ["source"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
CALL_MEMORY = Histogram(
    "graft_call_memory_bytes",
    "The most memory at once of what a call has run; calls of resident methods are not among them.",
    ["source"],
    buckets=tuple(float(1 << bits) for bits in range(20, 35)),
)
EXCEEDED = Counter(
    "graft_call_limit_exceeded_total",
    "Calls that have run into a limit, killed for it or refused something.",
    ["limit"],
)

_RESULTS = frozenset(
    {
        *("OK", "CANCELLED", "SESSION_INVALID", "MESSAGE_METHOD_UNKNOWN", "RBAC_PERMISSION_DENIED", "INTERNAL_ERROR"),
        *("MESSAGE_PARAMETER_COUNT_MISMATCH", "FIELD_TYPE_ERROR", "VALUE_NOT_SUPPORTED", "HANDLE_INVALID"),
        *("SERVER_BUSY", "SERVICE_UNAVAILABLE", "TASK_CANCELLED"),
    }
)


def count(record: CallRecord, source: str, exceeded: Iterable[str] = ()) -> None:
    """Count a call that has ended; codes of extensions' own are all one, so that the labels stay few."""
    _ended(source, record.outcome if record.outcome in _RESULTS else "EXTENSION_ERROR").inc()
    _of(CALL_SECONDS, source).observe(record.duration)
    if record.usage is not None and record.usage.memory_peak:
        _of(CALL_CPU, source).observe(record.usage.cpu)
        _of(CALL_MEMORY, source).observe(record.usage.memory_peak)
    for limit in exceeded:
        EXCEEDED.labels(limit).inc()


@lru_cache(maxsize=256)
def _ended(source: str, result: str) -> Counter:
    return CALLS.labels(source, result)


@lru_cache(maxsize=64)
def _of(histogram: Histogram, source: str) -> Histogram:
    return histogram.labels(source)
