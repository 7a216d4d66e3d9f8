"""The registry's Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

LOGINS = Counter("graft_logins_total", "Logins, by result: OK or the code of the error.", ["result"])
LOGINS_HELD = Counter(
    "graft_logins_refused_unread_total", "Logins that were not tried because many of the same user and host had failed."
)
SESSIONS = Gauge("graft_sessions", "Open sessions, as of the last look.")
WATCHERS = Gauge("graft_watchers", "Followers of the registry's changes.")
REVISION = Gauge("graft_registry_revision", "The registry's revision.")
COMPACTED = Gauge("graft_registry_compacted_revision", "The newest revision whose changes are no longer kept.")
