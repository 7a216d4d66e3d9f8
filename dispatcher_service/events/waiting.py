"""Who waits for events: those who want the same wait together, and are told the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from dispatcher_service.events.answers import Answer
from dispatcher_service.events.kinds import Scope
from dispatcher_service.events.subscriptions import Subscriptions
from dispatcher_service.events.tokens import Token
from graft_common.errors import GraftError


@dataclass(frozen=True, slots=True)
class Wish:
    """What is waited for."""

    wanted: Subscriptions
    scope: Scope
    since: Token


class Waiter:
    """One who waits."""

    __slots__ = ("_told", "failure", "seat", "session")

    def __init__(self, session: str) -> None:
        self.session = session
        """The digest of the session."""
        self.failure: GraftError | None = None
        """Why nothing is to be waited for any more."""
        self.seat: Wish | None = None
        """What is waited for now."""
        self._told: asyncio.Future[Answer] | None = None

    async def wait(self) -> Answer:
        """Return what this waiter is told.

        Raises:
            GraftError: there will be nothing.
        """
        if self.failure is not None:
            raise self.failure
        self._told = asyncio.get_running_loop().create_future()
        return await self._told

    def tell(self, answer: Answer) -> None:
        """End the wait with an answer."""
        if self._told is not None and not self._told.done():
            self._told.set_result(answer)

    def fail(self, error: GraftError) -> None:
        """End the wait with an error, also one that has not begun."""
        self.failure = error
        if self._told is not None and not self._told.done():
            self._told.set_exception(error)


class Room:
    """All who wait, by what they wait for, and by session."""

    def __init__(self) -> None:
        self.wishes: dict[Wish, set[Waiter]] = {}
        self._sessions: dict[str, set[Waiter]] = {}

    def come(self, waiter: Waiter) -> None:
        """Let somebody in, who waits for nothing yet."""
        self._sessions.setdefault(waiter.session, set()).add(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Let somebody go."""
        others = self._sessions[waiter.session]
        others.discard(waiter)
        if not others:
            del self._sessions[waiter.session]

    def sit(self, wish: Wish, waiter: Waiter) -> None:
        """Have somebody wait for something."""
        waiter.seat = wish
        self.wishes.setdefault(wish, set()).add(waiter)

    def move(self, waiters: Iterable[Waiter], wish: Wish) -> None:
        """Have those of them who still wait for something wait for this."""
        for waiter in waiters:
            if waiter.seat is not None:
                self.sit(wish, waiter)

    def get_up(self, waiter: Waiter) -> None:
        """Have somebody wait no more."""
        wish, waiter.seat = waiter.seat, None
        others = None if wish is None else self.wishes.get(wish)
        if wish is not None and others is not None:
            others.discard(waiter)
            if not others:
                del self.wishes[wish]

    def of(self, session: str) -> list[Waiter]:
        """Return those of a session."""
        return [*self._sessions.get(session, ())]

    def all(self) -> list[Waiter]:
        """Return everybody."""
        return [waiter for some in self._sessions.values() for waiter in some]
