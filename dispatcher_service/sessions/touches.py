"""Reports to the registry which sessions are in use, so that they do not expire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from dispatcher_service.sessions.session import Session
from graft.registry.v1 import identity_pb2
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata

_log = structlog.get_logger("graft.registry_follower")

STEP = 600.0
"""Seconds between two reports of one session that is used but not busy (xapi, threshold_last_active)."""
EVERY = 30.0
"""Seconds between two reports."""
MAX_SESSIONS = 100_000
_CHUNK = 5_000
_TIMEOUT = 10.0


@dataclass(slots=True)
class _Use:
    step: float
    last_used: float
    reported: float
    """What the registry knows the last use to be. All three are seconds since the epoch but the step."""
    was_busy: bool = False


class TouchReporter:
    """Collects uses and sends them in batches; what was not taken is sent again."""

    def __init__(self, registry: RegistryClients, token: str, idle: float) -> None:
        """Prepare.

        Args:
            registry: whom to tell.
            token: the services' credential.
            idle: seconds after which an unused session ends.
        """
        self.busy: Callable[[], Iterable[str]] = frozenset
        """Names the digests of the sessions whose calls or tasks are running now."""
        self._registry = registry
        self._metadata = call_metadata(token)
        self._every = min(EVERY, idle / 20)
        self._uses: dict[str, _Use] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to report."""
        self._task = asyncio.create_task(self._report_for_ever(), name="report sessions in use")

    async def close(self) -> None:
        """Send a last report, within a few seconds, and stop."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(GraftError, TimeoutError):
            async with asyncio.timeout(2.0):
                await self.report(final=True)

    def used(self, session: Session) -> None:
        """Note that a session is used now."""
        use = self._uses.get(session.digest)
        if use is not None:
            use.last_used = time.time()
            use.reported = max(use.reported, session.last_active)
        elif len(self._uses) < MAX_SESSIONS:
            self._uses[session.digest] = _Use(min(STEP, session.idle / 10), time.time(), session.last_active)

    def last_used(self, session: Session) -> float:
        """Tell when a session was last used as far as this dispatcher and the registry know, since the epoch."""
        use = self._uses.get(session.digest)
        return max(session.last_active, use.last_used) if use is not None else session.last_active

    async def report(self, *, final: bool = False) -> None:
        """Send what the registry is to know by now; all that it does not know yet when `final`.

        Raises:
            GraftError: the registry has not taken the report; the next one repeats it.
        """
        busy = frozenset() if final else frozenset(self.busy())
        now = time.time()
        for digest in busy & self._uses.keys():
            self._uses[digest].last_used = now
        due = [
            (digest, use.last_used)
            for digest, use in self._uses.items()
            if digest in busy or use.was_busy or use.last_used - use.reported >= (0.001 if final else use.step)
        ]
        for start in range(0, len(due), _CHUNK):
            chunk = due[start : start + _CHUNK]
            await self._send(chunk, busy)
            for digest, last_used in chunk:
                if (use := self._uses.get(digest)) is not None:
                    use.reported, use.was_busy = last_used, digest in busy
        self._forget(now)

    async def _send(self, uses: list[tuple[str, float]], busy: frozenset[str]) -> None:
        request = identity_pb2.TouchSessionsRequest()
        for digest, last_used in uses:
            touch = request.touches.add(digest=digest, busy=digest in busy)
            touch.last_active.FromMicroseconds(int(last_used * 1e6))
        touch_sessions = self._registry.identity.TouchSessions
        # The next report repeats what this one could not tell.
        await call(
            touch_sessions, request, timeout=_TIMEOUT, metadata=self._metadata, service="registry", patient=False
        )

    def _forget(self, now: float) -> None:
        """Drop what has nothing left to say."""
        for digest, use in list(self._uses.items()):
            if not use.was_busy and use.last_used <= use.reported and now - use.last_used > use.step:
                del self._uses[digest]

    async def _report_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.report()
            except GraftError as error:
                _log.info("sessions.unreported", reason=str(error))
