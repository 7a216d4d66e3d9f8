"""The record of logins, logouts and changes of users, made while they happen."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from graft_common.audit import Argument
from graft_common.errors import GraftError
from registry_service.identity import rules
from registry_service.identity.values import LoginRecord, Request, Session
from registry_service.store.store import Store

DENIALS = frozenset({"SESSION_AUTHENTICATION_FAILED", "RBAC_PERMISSION_DENIED"})


class Action:
    """One action of one caller, timed from its construction."""

    def __init__(
        self, name: str, request: Request, now: Callable[[], datetime], arguments: Sequence[Argument] = ()
    ) -> None:
        """Begin.

        Args:
            name: of what is done.
            request: where it comes from.
            now: tells the time.
            arguments: what it is done to; no secret is among the values.
        """
        self._name = name
        self._arguments = tuple(
            Argument(given.name, None if given.value is None else rules.printable(given.value)) for given in arguments
        )
        self._request = Request(rules.printable(request.peer), rules.printable(request.request_id))
        self._now = now
        self._started = time.perf_counter()

    def record(self, session: Session | None, outcome: str, *, user: str = "", originator: str = "") -> LoginRecord:
        """Describe the action, which has ended; `user` and `originator` where there is no session."""
        return LoginRecord(
            id=0,
            time=self._now(),
            user=session.user if session else user,
            roles=session.roles if session else (),
            track_id=session.track_id if session else "",
            action=self._name,
            denied=outcome in DENIALS,
            outcome=outcome,
            duration=timedelta(seconds=time.perf_counter() - self._started),
            request=self._request,
            originator=session.originator if session else originator,
            user_uuid=session.user_uuid if session else "",
            arguments=self._arguments,
        )

    @asynccontextmanager
    async def recorded(self, store: Store, session: Session) -> AsyncIterator[None]:
        """Record a failure of what is done meanwhile; success is recorded in the transaction of the change itself."""
        try:
            yield
        except GraftError as error:
            await store.record(self.record(session, error.code))
            raise
