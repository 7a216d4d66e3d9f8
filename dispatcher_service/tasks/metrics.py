"""What Prometheus is told of tasks."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

TASKS_RUNNING = Gauge("graft_tasks_running", "Tasks of this host that have not ended.")
TASKS_TOTAL = Counter(
    "graft_tasks_total",
    "Tasks that have ended here: success, failure or cancelled; or lost with their host, counted by whoever noticed.",
    ["result"],
)
