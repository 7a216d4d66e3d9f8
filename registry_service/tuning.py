"""The registry's bounds and intervals: fixed for operators, open to tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """Tell the time, aware of its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """What one argon2id hash costs; the defaults are OWASP's first recommendation (19 MiB, 2 passes, 1 lane)."""

    passes: int = 2
    memory_kib: int = 19 * 1024
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Tuning:
    """Everything that a test may want smaller, sooner or cheaper."""

    password_cost: PasswordCost = field(default_factory=PasswordCost)
    password_workers: int = 2
    """Passwords that are hashed at once; each holds `memory_kib`."""
    password_queue: int = 512
    """Logins that hash or wait for it; SERVER_BUSY beyond."""

    sessions_per_user: int = 500
    sessions_per_originator: int = 500
    busy_lease: timedelta = timedelta(minutes=10)
    """How long a session counts as busy after a report that it is; longer than the time between two reports."""
    login_records: int = 100_000
    issuer_pause: float = 10.0
    """Seconds at least between two questions to the issuer of tokens, whatever keys tokens name."""
    failed_login_delay: float = 0.5
    """Seconds that the refusal of a first failed login takes; twice as long for each further one."""
    failed_login_delay_at_most: float = 5.0
    failed_logins_count_for: float = 600.0
    """Seconds without a failure after which they are forgotten."""
    failed_login_alert_every: float = 3600.0
    """Seconds between alerts of failed logins (xapi, `failed_login_alert_freq`)."""

    watchers: int = 256
    batch: int = 500
    """Changes in one response of a watch, but for a revision that has more."""
    bookmark_every: float = 30.0
    keep_events: int = 10_000
    keep_events_for: timedelta = timedelta(hours=1)
    keep_events_at_most: int = 200_000

    keep_bundles_for: timedelta = timedelta(hours=1)
    """How long the bytes of methods stay that nothing names any more: somebody may be about to fetch them."""

    poll_every: float = 1.0
    """Seconds between looks for changes that another replica has made."""
    sweep_every: float = 60.0
    """Seconds between the removals of what has expired."""

    now: Callable[[], datetime] = utc_now
