"""The life of a session: login, use, logout, eviction, expiry."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from graft_common.bearer_tokens import is_token
from graft_common.errors import GraftError, session_invalid, value_not_supported
from graft_common.rpc.context import digest as digest_of
from registry_service.identity import rules
from registry_service.identity.audit import Action
from registry_service.identity.values import Request, Session, SessionUse, Touch, User
from registry_service.store.change import Change
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.clock import RevisionClock

LOGOUT = "session.logout"
CHUNK = 500
"""Sessions that one transaction changes at most when many are touched or have expired."""

MAX_REMEMBERED = 10_000
"""Sessions that are found without a query."""

_log = structlog.get_logger("graft.registry")


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session, with the reference that nobody else will ever see."""

    ref: str
    session: Session
    revision: int


class Sessions:
    """Opens, finds and closes sessions.

    Limits are those of xapi (xapi_globs.ml): 500 per user and 500 per originator. xapi's 400 for sessions without a
    user name and 400 for its own internal sessions have no counterpart: here every session has a user, and services
    have none; and sessions without an originator are counted by user only.
    """

    def __init__(self, store: Store, clock: RevisionClock, idle: timedelta, tuning: Tuning) -> None:
        self.idle = idle
        self._store = store
        self._clock = clock
        self._found: dict[str, Session] = {}
        self._found_at = clock.revision
        self._tuning = tuning
        self._step = rules.touch_step(idle)
        self.open_token: Callable[[str], Awaitable[Session]] | None = None
        """Opens the session of a token that has none yet, or raises why it is not taken."""

    async def open_for(
        self, user: User, originator: str, action: Action, *, subject: str = "", ends: datetime | None = None
    ) -> Opened:
        """Open a session for somebody who has proved who it is, and record it; the oldest unused ones make room.

        Args:
            user: who; one of whom somebody else vouches for need not be known to the registry.
            originator: what the client calls itself; it must have been checked.
            action: the login.
            subject: who vouches for the user, as in `Session`.
            ends: when the session ends however much it is used.
        """
        async with self._store.change() as change:
            ref, session, evicted = await self._add(change, _new_ref(), user, originator, subject, ends)
            await change.record(action.record(session, "OK"))
        return self._opened(ref, session, evicted, change.revision)

    async def open_if(
        self, may: Callable[[Change], Awaitable[bool]], user: User, originator: str, action: Action
    ) -> Opened | None:
        """Open a session for a user of the registry's own, as `open_for`; None where that `may` no longer be."""
        async with self._store.change() as change:
            if not await may(change):
                return None
            ref, session, evicted = await self._add(change, _new_ref(), user, originator, "", None)
            await change.record(action.record(session, "OK"))
        return self._opened(ref, session, evicted, change.revision)

    async def open_for_token(self, token: str, user: User, action: Action, subject: str, ends: datetime) -> Opened:
        """Open the session of a token that clients send with every call; it has one, however many come at once."""
        digest = digest_of(token)
        async with self._store.change() as change:
            existing = await change.find_session(digest)
            if existing is not None and existing.expires(self.idle) > self._tuning.now():
                return Opened(token, existing, change.revision - 1)
            await change.delete_sessions([digest])
            _, session, evicted = await self._add(change, token, user, "", subject, ends)
            await change.record(action.record(session, "OK"))
        return self._opened(token, session, evicted, change.revision)

    async def _add(
        self, change: Change, ref: str, user: User, originator: str, subject: str, ends: datetime | None
    ) -> tuple[str, Session, list[str]]:
        now = self._tuning.now()
        session = Session(
            digest=digest_of(ref),
            uuid=str(uuid.uuid4()),
            user=user.name,
            user_uuid=user.uuid,
            roles=user.roles,
            originator=originator,
            created=now,
            last_active=now,
            subject=subject,
            ends=ends,
        )
        evicted = await self._make_room(change, session)
        await change.add_session(session)
        return ref, session, evicted

    def _opened(self, ref: str, session: Session, evicted: Sequence[str], revision: int) -> Opened:
        for digest in evicted:
            _log.info("session.closed", track_id=digest[:16], reason="evicted")
        _log.info("session.opened", user=session.user, track_id=session.track_id, originator=session.originator)
        return Opened(ref, session, revision)

    async def _make_room(self, change: Change, session: Session) -> list[str]:
        evicted: set[str] = set()
        for limit, group in (
            (self._tuning.sessions_per_user, {"user": session.user}),
            (self._tuning.sessions_per_originator, {"originator": session.originator}),
        ):
            if all(group.values()) and await change.count_sessions(**group) >= limit:
                # The user's surplus goes before the originator's is counted, so that no session is evicted twice.
                surplus = rules.to_evict(await change.session_uses(**group), limit, session.created)
                await change.delete_sessions(surplus)
                evicted.update(surplus)
        return sorted(evicted)

    async def logout(self, ref: str, request: Request) -> int:
        """Close a session and return the revision at which followers know.

        Raises:
            GraftError: SESSION_INVALID [reference].
        """
        action = Action(LOGOUT, request, self._tuning.now)
        session = await self.use(ref)
        async with self._store.change() as change:
            if not await change.delete_sessions([session.digest]):
                raise session_invalid(ref)
            await change.record(action.record(session, "OK"))
        _log.info("session.closed", user=session.user, track_id=session.track_id, reason="logout")
        return change.revision

    async def subjects(self) -> list[str]:
        """Return the identifiers of all who have a session, but of whoever has come by the local socket."""
        async with self._store.read() as view:
            return [identifier for identifier in await view.session_subjects() if identifier != rules.LOCAL_UUID]

    async def note(
        self, ref: str, put: Mapping[str, str], remove: Sequence[str], *, replace_all: bool, only_new: bool
    ) -> tuple[Session, int]:
        """Change what is noted with a session; return it, and the revision at which followers know.

        Raises:
            GraftError: SESSION_INVALID [reference]; MAP_DUPLICATE_KEY; VALUE_NOT_SUPPORTED.
        """
        digest = (await self.use(ref)).digest
        async with self._store.change() as change:
            session = await change.find_session(digest)
            if session is None:
                raise session_invalid(ref)
            known = dict(session.other_config)
            again = [key for key in put if key in known] if only_new else []
            if again:
                raise GraftError("MAP_DUPLICATE_KEY", "session", "other_config", f"OpaqueRef:{session.uuid}", again[0])
            noted = rules.noted(session.other_config, put, remove, replace_all=replace_all)
            changed = dataclasses.replace(session, other_config=noted)
            if changed != session:
                await change.replace_other_config(changed)
        return changed, change.known_revision

    async def check(self, ref: str) -> Session:
        """Return the session that the reference opens; a token opens one of its own.

        Raises:
            GraftError: SESSION_INVALID [reference]; as `open_token`.
        """
        session, _ = await self._find(digest_of(ref))
        if session is not None:
            return session
        if self.open_token is not None and is_token(ref):
            return await self.open_token(ref)
        raise session_invalid(ref)

    async def use(self, ref: str) -> Session:
        """Return the session that the reference opens, and note that it was used.

        Raises:
            GraftError: SESSION_INVALID [reference].
        """
        session = await self.check(ref)
        now = self._tuning.now()
        if now - session.last_active >= self._step:
            await self.touch([Touch(session.digest, now, busy=False)])
        return session

    async def lookup(self, digest: str) -> tuple[Session, int]:
        """Return a session by its digest, and the revision at which it was read.

        Raises:
            GraftError: SESSION_INVALID [digest].
        """
        session, revision = await self._find(digest) if rules.is_digest(digest) else (None, 0)
        if session is None:
            raise session_invalid(digest[: rules.MAX_NAME])
        return session, revision

    async def touch(self, touches: Sequence[Touch]) -> None:
        """Take a report of use; only what has moved enough is stored and told to followers.

        Raises:
            GraftError: VALUE_NOT_SUPPORTED if there are too many.
        """
        if len(touches) > rules.MAX_TOUCHES:
            raise value_not_supported("touches", str(len(touches)), f"at most {rules.MAX_TOUCHES} fit into one report")
        latest = {touch.digest: touch for touch in sorted(touches, key=lambda touch: touch.last_active)}
        known = [touch for touch in latest.values() if rules.is_digest(touch.digest)]
        for start in range(0, len(known), CHUNK):
            await self._touch(known[start : start + CHUNK])

    async def _touch(self, touches: Sequence[Touch]) -> None:
        digests = [touch.digest for touch in touches]
        async with self._store.read() as view:
            news = self._news(touches, await view.session_uses(digests=digests))
        if not news:
            return
        async with self._store.change() as change:
            # Asked again, since another report may have come in between.
            news = self._news(touches, await change.session_uses(digests=digests))
            await change.use_sessions(news)

    def _news(self, touches: Sequence[Touch], uses: Sequence[SessionUse]) -> list[SessionUse]:
        """Say how the uses become by the touches, leaving out those that stay as they are."""
        now = self._tuning.now()
        reported = {touch.digest: touch for touch in touches}
        after = [
            rules.touched(use, reported[use.digest], now, step=self._step, lease=self._tuning.busy_lease)
            for use in uses
        ]
        return [use for use, before in zip(after, uses, strict=True) if use != before]

    async def sweep(self) -> int:
        """Close every session that has not been used for too long, or has to end; return how many."""
        closed = 0
        while True:
            now = self._tuning.now()
            async with self._store.change() as change:
                expired = await change.expired_sessions(now - self.idle, now, CHUNK)
                await change.delete_sessions([session.digest for session in expired])
            for session in expired:
                _log.info("session.closed", user=session.user, track_id=session.track_id, reason="expired")
            closed += len(expired)
            if len(expired) < CHUNK:
                return closed

    async def _find(self, digest: str) -> tuple[Session | None, int]:
        session, revision = self._remembered(digest), self._found_at
        if session is None:
            async with self._store.read() as view:
                session = await view.find_session(digest)
                revision = (await view.revisions()).current
            # So a caller sees what it has written through another process, whatever is served from memory.
            await self._store.noticed(revision)
            if session is not None:
                self._remember(session, revision)
        if session is not None and session.expires(self.idle) <= self._tuning.now():
            return None, revision
        return session, revision

    def _remembered(self, digest: str) -> Session | None:
        """Return a session that was found since the registry was last changed; None where the store must be asked.

        Where other processes may write, it must be, every time: they may have closed the session.
        """
        if self._found_at != self._clock.revision or self._store.is_shared:
            self._found.clear()
            self._found_at = self._clock.revision
        return self._found.get(digest)

    def _remember(self, session: Session, revision: int) -> None:
        if revision == self._found_at == self._clock.revision and len(self._found) < MAX_REMEMBERED:
            self._found[session.digest] = session


def _new_ref() -> str:
    return f"OpaqueRef:{uuid.uuid4()}"
