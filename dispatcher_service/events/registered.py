"""The older way of XenAPI to watch: a session registers once, and asks for what is next."""

from __future__ import annotations

from typing import Protocol

from dispatcher_service.events.answers import Event
from dispatcher_service.events.hub import EventHub
from dispatcher_service.events.subscriptions import Subscriptions
from dispatcher_service.events.tokens import Token
from dispatcher_service.sessions.session import Session
from dispatcher_service.store.registrations import Registration
from graft_common.errors import GraftError

WAIT = 60.0
"""Seconds after which `event.next` returns nothing; xapi waits for ever, and proxies on the way do not."""
MAX_AGE = 86400.0
MAX_KEPT = 10_000


class Registrations(Protocol):
    """Where registrations are kept."""

    async def get(self, session: str) -> Registration | None:
        """Return that of a session, by its digest."""

    async def put(self, session: str, registration: Registration) -> None:
        """Keep one."""

    async def move(self, session: str, token: str) -> None:
        """Note how far a session was told."""


class Registered:
    """Serves sessions that have registered; how far each was told is in the store, so that any host may."""

    def __init__(self, hub: EventHub, kept: Registrations) -> None:
        self._hub = hub
        self._kept = kept

    async def register(self, session: Session, wanted: Subscriptions) -> None:
        """Tell a session of more, from now on where it was told of nothing yet.

        Raises:
            GraftError: VALUE_NOT_SUPPORTED, when that would be too many; as `EventHub.current`.
        """
        kept = await self._kept.get(session.digest)
        if kept is None:
            token = str(await self._hub.current())
            await self._kept.put(session.digest, Registration(wanted.texts(), token))
        else:
            every = (Subscriptions.parse(kept.classes) | wanted).texts()
            Subscriptions.parse(every)  # there may be so many of them, and no more
            await self._kept.put(session.digest, Registration(every, kept.token))

    async def unregister(self, session: Session, unwanted: Subscriptions) -> None:
        """Tell a session of less."""
        kept = await self._registration(session)
        left = Subscriptions.parse(kept.classes) - unwanted
        await self._kept.put(session.digest, Registration(left.texts(), kept.token))

    async def next(self, session: Session) -> list[Event]:
        """Return what has happened since a session was told last; nothing after a minute.

        Raises:
            GraftError: SESSION_NOT_REGISTERED [track id]; EVENTS_LOST, after which it goes on from now; as
                `EventHub.next`.
        """
        kept = await self._registration(session)
        try:
            answer = await self._hub.next(session, Subscriptions.parse(kept.classes), Token.parse(kept.token), WAIT)
        except GraftError as error:
            if error.code == "EVENTS_LOST":
                await self._kept.move(session.digest, str(await self._hub.current()))
            raise
        if str(answer.token) != kept.token:
            await self._kept.move(session.digest, str(answer.token))
        return [*answer.events]

    async def _registration(self, session: Session) -> Registration:
        kept = await self._kept.get(session.digest)
        if kept is None:
            # xapi names the track id too (xapi_event.ml).
            raise GraftError("SESSION_NOT_REGISTERED", session.track_id)
        return kept
