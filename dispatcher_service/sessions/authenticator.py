"""Finds the session that a credential opens: in the local view, and where that may be behind, at the registry."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass

from dispatcher_service.sessions.follower import RegistryFollower
from dispatcher_service.sessions.session import Session, read_session
from dispatcher_service.sessions.touches import TouchReporter
from graft.registry.v1 import identity_pb2
from graft_common.bearer_tokens import is_token
from graft_common.errors import GraftError, server_busy, service_unavailable, session_invalid
from graft_common.rpc.client import call, too_late
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata, digest

REVISION_WAIT = 1.0
"""Seconds that a call waits for a revision that its client has seen already."""
LOOKUP_TIMEOUT = 2.0
"""Seconds for an answer of the registry, the wait for the connection and for those who came before included."""
MAX_LOOKUPS = 16
"""Questions to the registry at once."""
MAX_WAITING = 1024
"""Calls that wait for answers of the registry."""
_UNKNOWN_FOR = 2.0
_AWAY_FOR = 1.0
"""Seconds for which a registry that has not answered is not asked about what is known without it."""
_FOUND_FOR = 5.0
_MAX_CACHED = 10_000
_TOKEN_REFUSED = frozenset({"SESSION_AUTHENTICATION_FAILED", "RBAC_PERMISSION_DENIED"})


@dataclass(frozen=True, slots=True)
class _Answer:
    session: Session | None
    revision: int
    until: float
    refusal: GraftError | None = None
    """Why there is none, where the registry has said more than that."""


class Authenticator:
    """Answers for every call; asks the registry about sessions that it does not know, once for all that wait."""

    def __init__(
        self, follower: RegistryFollower, touches: TouchReporter, registry: RegistryClients, token: str
    ) -> None:
        self._follower = follower
        self._touches = touches
        self._registry = registry
        self._metadata = call_metadata(token)
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._lookups: dict[str, asyncio.Task[_Answer]] = {}
        self._places = asyncio.Semaphore(MAX_LOOKUPS)
        self._waiting = 0
        self._away_until = 0.0

    async def session_of(self, ref: str, min_revision: int = 0) -> Session:
        """Return the session that a reference opens, and note that it is used.

        Args:
            ref: the credential.
            min_revision: a revision of the registry that the caller has seen; the answer is no older if that can be.

        Raises:
            GraftError: SESSION_INVALID [reference]; SERVICE_UNAVAILABLE when the session is unknown here and the
                registry does not answer; SERVER_BUSY when too many wait for its answers; of a token
                SESSION_AUTHENTICATION_FAILED or RBAC_PERMISSION_DENIED, if it is not taken.
        """
        if not ref:
            raise session_invalid(ref)
        key = digest(ref)
        if self._follower.view.revision < min_revision:
            await self._follower.wait_for(min_revision, REVISION_WAIT)
        is_behind = self._follower.view.revision < min_revision
        known = self._known(key)
        if known is None or is_behind or self._has_expired(known):
            found = await self._ask(key, known, ref)
            if found is None:
                raise self._refusal(key, ref)
            known = found
        self._touches.used(known)
        return known

    async def close(self) -> None:
        """Give up on answers that are still waited for."""
        for lookup in list(self._lookups.values()):
            lookup.cancel()
        await asyncio.gather(*self._lookups.values(), return_exceptions=True)

    def _known(self, key: str) -> Session | None:
        view = self._follower.view
        session = view.sessions.get(key)
        if session is None and (answer := self._cached(key)) is not None and answer.revision > view.revision:
            return answer.session
        return session

    def _cached(self, key: str) -> _Answer | None:
        answer = self._answers.get(key)
        return answer if answer is not None and answer.until > time.monotonic() else None

    def _has_expired(self, session: Session) -> bool:
        now = time.time()
        return now >= session.ends or now >= self._touches.last_used(session) + session.idle

    def _refusal(self, key: str, ref: str) -> GraftError:
        answer = self._cached(key)
        if answer is None or answer.refusal is None:
            return session_invalid(ref)
        return GraftError(answer.refusal.code, *answer.refusal.params)

    async def _ask(self, key: str, known: Session | None, ref: str) -> Session | None:
        """Ask the registry; while it is away, what is known and has not expired holds."""
        cached = self._cached(key)
        if cached is not None and cached.session is None:
            return None
        if known is not None and self._is_away():
            return None if self._has_expired(known) else known
        try:
            answer = await self._lookup(key, ref)
        except GraftError:
            if known is None:
                raise
            return None if self._has_expired(known) else known
        view = self._follower.view
        if view.revision > answer.revision and key not in view.sessions:
            return None
        return answer.session

    def _is_away(self) -> bool:
        return not self._follower.connected and time.monotonic() < self._away_until

    async def _lookup(self, key: str, ref: str) -> _Answer:
        lookup = self._lookups.get(key)
        if lookup is None:
            if self._waiting >= MAX_WAITING:
                raise server_busy("too many sessions are being looked up at the registry")
            lookup = self._lookups[key] = asyncio.create_task(self._ask_registry(key, ref))
            self._waiting += 1
            lookup.add_done_callback(lambda ended: self._end_lookup(key, ended))
        return await asyncio.shield(lookup)

    def _end_lookup(self, key: str, ended: asyncio.Task[_Answer]) -> None:
        self._waiting -= 1
        self._lookups.pop(key, None)
        if not ended.cancelled():
            ended.exception()  # nobody reads it when all who waited have gone

    async def _ask_registry(self, key: str, ref: str) -> _Answer:
        # The session of a token is opened by looking it up.
        token = ref if is_token(ref) else ""
        request = identity_pb2.LookupSessionRequest(digest="" if token else key, token=token)
        method = self._registry.identity.LookupSession
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT), self._places:
                response = await call(
                    method, request, timeout=LOOKUP_TIMEOUT, metadata=self._metadata, service="registry"
                )
        except TimeoutError:
            raise self._not_answered(too_late("registry", LOOKUP_TIMEOUT)) from None
        except GraftError as error:
            if error.code == "SESSION_INVALID":
                return self._remember(key, _Answer(None, 0, time.monotonic() + _UNKNOWN_FOR))
            if token and error.code in _TOKEN_REFUSED:
                return self._remember(key, _Answer(None, 0, time.monotonic() + _UNKNOWN_FOR, error))
            if error.params[:1] == ("issuer",):
                # It is the registry that says so, and there itself.
                raise
            raise self._not_answered(error) from error
        session = read_session(response.session, self._follower.view.book)
        return self._remember(key, _Answer(session, response.revision, time.monotonic() + _FOUND_FOR))

    def _not_answered(self, error: GraftError) -> GraftError:
        self._away_until = time.monotonic() + _AWAY_FOR
        return service_unavailable("registry", f"the session is not known here, and: {error}")

    def _remember(self, key: str, answer: _Answer) -> _Answer:
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while len(self._answers) > _MAX_CACHED:
            self._answers.popitem(last=False)
        return answer
