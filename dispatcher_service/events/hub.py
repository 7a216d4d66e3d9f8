"""The events of one dispatcher: what changes in both stores, and who is told of it.

Nothing is queued for a watcher: it comes with a token and is told the last change of each object since. All are told at
the same moments, up to the same token, so that those who want the same share an answer that is made once. The more are
told at once, the longer it is until the next such moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from typing import Protocol

import structlog
from prometheus_client import Gauge

from dispatcher_service.events.answers import Answer, Teller
from dispatcher_service.events.axis import Axis, Entry
from dispatcher_service.events.kinds import Kind, RegistryKind, Scope, StoredKind
from dispatcher_service.events.subscriptions import Subscriptions
from dispatcher_service.events.tokens import Token, events_lost
from dispatcher_service.events.waiting import Room, Waiter, Wish
from dispatcher_service.sessions.applying import ObjectChange, Operation
from dispatcher_service.sessions.objects import Role
from dispatcher_service.sessions.session import Session
from dispatcher_service.store.changes import Changed, ChangeTable
from graft_common.errors import GraftError, handle_invalid, server_busy, service_unavailable, session_invalid

_log = structlog.get_logger("graft.events")

WATCHERS = Gauge("graft_event_watchers", "Callers that wait for events on this dispatcher.")

MAX_SECONDS = 600.0
"""The longest wait; a client is told then that there was nothing, and asks again."""
MAX_WATCHERS = 3000
"""Those who wait, and streams. Of the RPCs that a server takes, they and those who watch tasks leave some to calls."""
BATCH = 0.05
"""Seconds for which changes are gathered (xapi; those who are told of tasks only do not wait for it)."""
POLL = 0.25
"""Seconds between two looks for what other dispatchers have changed, while somebody waits."""
REVISION_WAIT = 1.0
"""Seconds for which the registry's changes are waited for that a watcher has seen already elsewhere."""
COST = 0.004
"""Seconds between two moments of telling, for each that was told between them. An answer takes a quarter of it on its
whole way through one process, so that watchers, however many, leave most of it to calls."""
KEPT_GONE = 10_000
"""How many of the objects that are gone are remembered, of each store; the registry's since this process began."""
_AT_ONCE = 4
"""How many are told without a pause."""
_LOOKED_AT_ONCE = 50
"""Of how many it is found out without a pause what they are to be told, where that is nothing."""
_RETRY = 1.0
_MAX_ANSWERS = 64


class Registry(Protocol):
    """What is known of the registry."""

    async def wait_for(self, revision: int, seconds: float) -> bool:
        """Wait until a revision is known; tell whether it is."""


class EventHub:
    """Tells watchers what has changed.

    Args:
        changes: the changes of the dispatchers' store.
        registry: how the registry is followed.
        kinds: the classes that there are events of.
    """

    def __init__(self, changes: ChangeTable, registry: Registry, kinds: Sequence[Kind]) -> None:
        self._changes = changes
        self._registry = registry
        self._kinds = kinds
        self._owners = {kind.name: kind.owner for kind in kinds if isinstance(kind, RegistryKind)}
        self._store = Axis(kind.name for kind in kinds if isinstance(kind, StoredKind))
        self._followed = Axis(self._owners)
        self._teller = Teller(kinds, self._store, self._followed)
        self._room = Room()
        self._answers: dict[tuple[Wish, Token], asyncio.Task[Answer]] = {}
        self._told = Token()
        """What watchers are told of by now."""
        self._told_at = 0.0
        self._given = 0
        """How many have been told of that."""
        self._dirty = asyncio.Event()
        self._unread = True
        """Whether this dispatcher has changed something in the store since that was read."""
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        self._resting = True
        """Whether nobody waits, and so nobody looks."""
        self._places = 0
        """How many there are who watch."""
        self._telling = False
        self._owing = False
        """Whether somebody waits who was not told what all others know."""
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._tell_for_ever(), name="events")

    async def drain(self) -> None:
        """End all waits, with SERVICE_UNAVAILABLE, and take no new ones."""
        self._closing = True
        for waiter in self._room.all():
            waiter.fail(_closing())

    async def close(self) -> None:
        """End everything."""
        await self.drain()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for answer in self._answers.values():
            answer.cancel()

    def noted(self) -> None:
        """Take notice that this dispatcher has changed something in the store."""
        self._unread = True
        self._dirty.set()

    def registry_moved(self, revision: int, changed: Sequence[ObjectChange]) -> None:
        """Take what has become of the registry's objects; the first time, what there is."""
        begins = self._followed.current == 0
        for change in changed:
            found = change.found
            owner = self._owners.get(change.kind)
            if owner is not None:
                gone = change.operation is Operation.DEL
                before = self._followed.get(change.kind, found.ref)
                added = revision if before is None else before.added
                self._followed.put(Entry(change.kind, found.ref, revision, added, gone, owner(found), found))
            if isinstance(found, Session) and change.operation is Operation.DEL:
                self._end_session(found)
        self._followed.current = revision
        if begins:
            self._followed.forget(revision)
        self._followed.bound(KEPT_GONE)
        if any(isinstance(change.found, Role) for change in changed):
            self._ask_anew()
        if changed:
            self._dirty.set()

    async def current(self) -> Token:
        """Return how far things are.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer.
        """
        await self._refresh()
        return self._now()

    async def next(self, session: Session, wanted: Subscriptions, since: Token, seconds: float) -> Answer:
        """Return what has happened since a token as soon as there is something, and nothing after so many seconds.

        Args:
            session: who asks; it is told of what it may see. Where it ends meanwhile, so does the wait.
            wanted: what is asked for.
            since: how far the watcher has seen.
            seconds: how long to wait; at most `MAX_SECONDS` count.

        Raises:
            GraftError: EVENTS_LOST; SESSION_INVALID [""]; SERVER_BUSY; SERVICE_UNAVAILABLE.
        """
        with self.place():
            return await self.following(session, wanted, since, seconds)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Count as a watcher, also while not waiting.

        Raises:
            GraftError: SERVER_BUSY.
        """
        if self._places >= MAX_WATCHERS:
            raise server_busy(f"{MAX_WATCHERS} watchers wait for events on this host")
        self._places += 1
        WATCHERS.inc()
        try:
            yield
        finally:
            self._places -= 1
            WATCHERS.dec()

    async def following(self, session: Session, wanted: Subscriptions, since: Token, seconds: float) -> Answer:
        """Do as `next`, for one who has a place already."""
        if self._closing:
            raise _closing()
        until = time.monotonic() + min(max(seconds, 0.0), MAX_SECONDS)
        waiter = Waiter(session.digest)
        self._room.come(waiter)
        try:
            await self._catch_up(wanted, since)
            return await self._wait(waiter, Wish(wanted, Scope.of(session, self._kinds), since), until)
        finally:
            self._room.leave(waiter)

    async def inject(self, session: Session, kind: str, ref: str) -> Token:
        """Have an object told again to all who watch it, and return a token that this comes after.

        Raises:
            GraftError: HANDLE_INVALID [class, ref], when there is no such object, or none that the session may see;
                SERVICE_UNAVAILABLE.
        """
        name = kind.lower()
        await self._refresh()
        scope = Scope.of(session, self._kinds)
        entry = self._store.get(name, ref) or self._followed.get(name, ref)
        if entry is None or name not in self._store.kinds | self._followed.kinds or not scope.includes(entry):
            raise handle_invalid(kind, ref)
        # What is the registry's is marked only, and forgotten with what is gone.
        revision = await self._changes.note(Changed(name, ref, gone=name not in self._store.kinds))
        return Token(revision - 1, self._followed.current)

    def _now(self) -> Token:
        return Token(self._store.current, self._followed.current)

    def _end_session(self, session: Session) -> None:
        for waiter in self._room.of(session.digest):
            waiter.fail(session_invalid(""))

    def _ask_anew(self) -> None:
        """Let all who wait ask again: what roles may see is another thing now."""
        for waiter in self._room.all():
            if waiter.seat is not None:
                waiter.tell(self._nothing(waiter.seat))

    async def _catch_up(self, wanted: Subscriptions, since: Token) -> None:
        """Know at least what the watcher has seen already, perhaps from another dispatcher."""
        is_free = not self._room.wishes and not self._telling
        is_old = self._unread or time.monotonic() >= self._read_at + POLL
        if (is_free and is_old) or since.store > self._store.current:
            await self._refresh()
        if since.registry > self._followed.current:
            await self._registry.wait_for(since.registry, REVISION_WAIT)
        now = self._now()
        is_ahead = since.store > now.store or (since.registry > now.registry and wanted.want_any(self._followed.kinds))
        if is_ahead or self._teller.lost(wanted, since):
            # Of another store than this, such as one that was restored, or from before what is remembered.
            raise events_lost()
        is_free = not self._room.wishes and not self._telling
        if is_free and time.monotonic() >= self._due():
            self._advance(now)

    async def _wait(self, waiter: Waiter, wish: Wish, until: float) -> Answer:
        while True:
            told = self._told
            answer = await self._answer(wish, told)
            if answer.events or time.monotonic() >= until:
                self._given += 1
                return answer
            if told is self._told:
                break
        # From this look on nothing has been told that the waiter would not be told of.
        self._room.sit(replace(wish, since=answer.token), waiter)
        if self._resting or self._now() != told:
            self._dirty.set()
        try:
            async with asyncio.timeout(until - time.monotonic()):
                return await waiter.wait()
        except TimeoutError:
            return self._nothing(waiter.seat or wish)
        finally:
            self._room.get_up(waiter)

    def _nothing(self, wish: Wish) -> Answer:
        """Tell one who waits that there was nothing. What others are being told of just now is still to be told."""
        return Answer((), wish.since, self._teller.counts(wish.scope))

    async def _answer(self, wish: Wish, until: Token) -> Answer:
        """Make an answer, or share one that was made, or is being made, for others."""
        key = (wish, until)
        task = self._answers.get(key)
        if task is None:
            found = self._teller.find(wish.wanted, wish.scope, wish.since, until)
            if not any(found):
                return Answer((), wish.since.upto(until), self._teller.counts(wish.scope))
            if len(self._answers) >= _MAX_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
            making = self._teller.tell(found, wish.scope, wish.since, until)
            task = self._answers[key] = asyncio.create_task(making, name="event answer")
            task.add_done_callback(_look)
        try:
            return await asyncio.shield(task)
        except GraftError:
            self._answers.pop(key, None)
            raise

    async def _refresh(self) -> None:
        """Read what has changed in the store."""
        async with self._reading:
            self._unread, self._read_at = False, time.monotonic()
            try:
                await self._read()
            except BaseException:
                self._unread = True
                raise

    async def _read(self) -> None:
        revisions, changes = await self._changes.since(self._store.current)
        if revisions.forgotten > self._store.current:
            # Something that is known here may have been removed, and forgotten, since the last look.
            revisions, changes = await self._changes.since(0)
            self._store.clear()
            self._answers.clear()
        for change in changes:
            entry = Entry(change.kind, change.ref, change.revision, change.added, change.gone, change.owner)
            self._store.put(entry)
        self._store.current = max(revisions.current, self._store.current)
        self._store.forget(revisions.forgotten)

    def _advance(self, token: Token) -> None:
        self._told, self._told_at, self._given = token, time.monotonic(), 0
        self._answers.clear()

    def _due(self) -> float:
        """Return the moment from which on watchers may be told of more."""
        return self._told_at + max(BATCH, self._given * COST)

    async def _tell_for_ever(self) -> None:
        failing = False
        while True:
            self._resting = not self._room.wishes
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self._resting else POLL):
                    await self._dirty.wait()
            self._dirty.clear()
            if not self._room.wishes:
                continue
            try:
                await self._tell()
                failing = False
            except GraftError as error:
                if not failing:
                    _log.warning("events.failed", reason=str(error))
                failing = True
                await asyncio.sleep(_RETRY)
            except Exception:  # noqa: BLE001  (one bad turn must not leave all watchers without events for good)
                _log.exception("events.failed")
                await asyncio.sleep(_RETRY)

    async def _tell(self) -> None:
        """Tell those who wait what has happened, once it is time."""
        if not (self._unread or self._owing):
            await self._refresh()
            if self._now() == self._told:
                return
        gathering = 0.0 if all(wish.wanted.prompt for wish in self._room.wishes) else BATCH
        pause = max(self._due() - time.monotonic(), gathering)
        while pause > 0:
            await asyncio.sleep(pause)
            # Meanwhile others may have been told of what is known.
            pause = self._due() - time.monotonic()
        if self._unread:
            await self._refresh()
        now = self._now()
        wishes, self._room.wishes = self._room.wishes, {}
        self._advance(now)
        self._telling = self._owing = True
        try:
            for number in count(1):
                if not wishes:
                    break
                if number % _LOOKED_AT_ONCE == 0:
                    await asyncio.sleep(0)
                wish, waiters = next(iter(wishes.items()))
                answer = await self._answer(wish, now)
                del wishes[wish]
                if answer.events:
                    await self._give(answer, waiters)
                else:
                    self._room.move(waiters, Wish(wish.wanted, wish.scope, answer.token))
            self._owing = False
        finally:
            self._telling = False
            # What could not be told now will be.
            for wish, waiters in wishes.items():
                self._room.move(waiters, wish)

    async def _give(self, answer: Answer, waiters: set[Waiter]) -> None:
        """Tell them one after another, so that calls are served in between."""
        for number, waiter in enumerate(tuple(waiters)):
            if number >= _AT_ONCE:
                await asyncio.sleep(COST)
            waiter.tell(answer)
            self._given += 1


def _look(task: asyncio.Task[Answer]) -> None:
    """Have a failure count as seen, also where nobody waits for it any more."""
    if not task.cancelled():
        task.exception()


def _closing() -> GraftError:
    return service_unavailable("dispatcher", "it is shutting down")
