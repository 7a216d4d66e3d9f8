"""Logins that fail: how long the refusal takes, how many may be tried at once, and what is told of them in an alert.

All of it is this process's own and in memory, within bounds; the login audit has each failure.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from graft_common.errors import server_busy
from registry_service import metrics
from registry_service.identity import rules
from registry_service.identity.values import Request
from registry_service.tuning import Tuning

MAX_COUNTED = 10_000
"""Users, hosts and pairs of them whose failures are counted; beyond, those that failed longest ago are forgotten."""
MAX_AT_ONCE = 16
"""Logins of one user from one host that are tried at once, after some have failed and none has succeeded since."""
MANY = 5
"""Failures after which that counts: who uses a right password is seldom so unlucky."""
MAX_WAITING = 1024
"""Refusals that are held back at once; beyond, they are given at once: what hashing costs bounds them still."""
MAX_TOLD = 10
"""Clients that an alert names."""
MAX_CLIENTS = 1000
"""Clients that are told apart for an alert."""

_log = structlog.get_logger("graft.registry")


@dataclass(frozen=True, slots=True)
class Client:
    """Who has failed to log in; `user` is empty where nobody has the name: it may be a password in the wrong field."""

    user: str
    originator: str
    host: str


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a client has failed, and when last."""

    client: Client
    number: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """What has failed since the last alert: the busiest clients, and all in number."""

    total: int
    clients: tuple[Failures, ...]


@dataclass(slots=True)
class _Count:
    failures: int
    last: float


class FailedLogins:
    """Slows down who guesses passwords.

    A refusal comes the later the more logins have failed of the same user, or from the same host, in the last minutes
    (xapi waits 5 s after each, xapi_session.ml). A right password is never held back.
    """

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._key = secrets.token_bytes(32)
        self._counts: OrderedDict[tuple[str, bytes], _Count] = OrderedDict()
        self._trying: Counter[bytes] = Counter()
        self._waiting = 0
        self._told: dict[Client, Failures] = {}
        self._total = 0

    @contextmanager
    def attempt(self, name: str, request: Request) -> Iterator[None]:
        """Count a login as being tried.

        Raises:
            GraftError: SERVER_BUSY when as many of the same user from the same host are as may be.
        """
        key = self._pair(name, request)
        if self._trying[key] >= MAX_AT_ONCE and self._failures("pair", key) >= MANY:
            metrics.LOGINS_HELD.inc()
            raise server_busy("too many logins of this user are being refused here; try again in some seconds")
        self._trying[key] += 1
        try:
            yield
        finally:
            self._trying[key] -= 1
            if not self._trying[key]:
                del self._trying[key]

    async def failed(self, name: str, user: str, originator: str, request: Request) -> None:
        """Count a failure, and return when the client may hear of it.

        Args:
            name: what was given as the user's name.
            user: the user of that name; empty where there is none.
            originator: what the client calls itself.
            request: where it comes from.
        """
        host = rules.host_of(request.peer)
        self._note(Client(user, originator, rules.printable(host)))
        self._add("pair", self._pair(name, request))
        failures = max(self._add("user", self._digest(name)), self._add("host", self._digest(host)))
        delay = rules.refusal_delay(failures, self._tuning.failed_login_delay, self._tuning.failed_login_delay_at_most)
        if not delay or self._waiting >= MAX_WAITING:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(delay)
        finally:
            self._waiting -= 1

    def succeeded(self, name: str, request: Request) -> None:
        """Forget the user's failures; those of a host stay, for it may know one password of many."""
        self._counts.pop(("user", self._digest(name)), None)
        self._counts.pop(("pair", self._pair(name, request)), None)

    def alert(self) -> Alert | None:
        """Tell in the log what has failed since the last time, if anything has (xapi, `failed_login_alert_freq`)."""
        if not self._total:
            return None
        busiest = sorted(self._told.values(), key=lambda one: (-one.number, one.last, one.client.host))[:MAX_TOLD]
        alert = Alert(self._total, tuple(busiest))
        self._told.clear()
        self._total = 0
        _log.warning(
            "login.failures",
            total=alert.total,
            clients=[
                {
                    "user": one.client.user,
                    "originator": one.client.originator,
                    "host": one.client.host,
                    "number": one.number,
                    "last": one.last.isoformat(timespec="seconds"),
                }
                for one in alert.clients
            ],
        )
        return alert

    def _note(self, client: Client) -> None:
        self._total += 1
        now = self._tuning.now()
        known = self._told.get(client)
        if known is not None:
            self._told[client] = replace(known, number=known.number + 1, last=now)
        elif len(self._told) < MAX_CLIENTS:
            self._told[client] = Failures(client, 1, now)

    def _failures(self, kind: str, digest: bytes) -> int:
        count = self._counts.get((kind, digest))
        if count is None or time.monotonic() - count.last > self._tuning.failed_logins_count_for:
            return 0
        return count.failures

    def _add(self, kind: str, digest: bytes) -> int:
        failures = self._failures(kind, digest) + 1
        self._counts[kind, digest] = _Count(failures, time.monotonic())
        self._counts.move_to_end((kind, digest))
        while len(self._counts) > MAX_COUNTED:
            self._counts.popitem(last=False)
        return failures

    def _pair(self, name: str, request: Request) -> bytes:
        return self._digest(name) + self._digest(rules.host_of(request.peer))

    def _digest(self, text: str) -> bytes:
        """Return what stands for a text in memory: a name may be a password in the wrong field."""
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
