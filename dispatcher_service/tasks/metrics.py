"""What Prometheus is told of tasks."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

TASKS_RUNNING = Gauge("graft_tasks_running", "Tasks of this host that have not ended.")
TASKS_TOTAL = Counter(
    "graft_tasks_total", "Tasks of this host that have ended: success, failure, cancelled or lost.", ["result"]
)
