"""Sessions behind Basic credentials and certificates: one login serves many requests.

Checking a password is slow on purpose. None is kept: entries are found by a digest of the credentials, keyed with
random bytes that this process has made for itself and shows nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

import structlog

from gateway.backends import Backends, Caller
from gateway.credentials import Credentials
from graft_common.errors import GraftError

MAX_SESSIONS = 1024
"""Sessions that are held; beyond that the one that was used longest ago is logged out."""
IDLE = 300.0
"""Seconds after which a session that nobody uses is logged out."""
RECHECK = 3600.0
"""Seconds after which a password is checked again, however much its session is used."""
SWEEP = 15.0
"""Seconds between two looks for such sessions."""
LOGOUT_TIMEOUT = 5.0
"""Seconds that logging out may take at the end of the process."""

NOBODY = Caller("", "")
"""Who logs out a session that a client has left."""

_log = structlog.get_logger("graft.gateway")


@dataclass(frozen=True, slots=True)
class Login:
    """An open session."""

    ref: str
    user: str


LogIn = Callable[[Credentials, Caller], Awaitable[Login]]
LogOut = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class _Held:
    login: Login
    opened: float
    used: float


async def open_session(backends: Backends, credentials: Credentials, caller: Caller) -> Login:
    """Open a session that nobody shares.

    Raises:
        GraftError: the registry does not, or does not answer.
    """
    # Without an originator: sessions with one are limited in number over all users.
    if credentials.certificate:
        opened = await backends.log_in_with_certificate(credentials.certificate, "", caller)
        return Login(opened.session_ref, opened.session.user)
    response = await backends.log_in(credentials.user, credentials.password, "", caller)
    return Login(response.session_ref, response.session.user)


class Logins:
    """Opens sessions for credentials, holds them for as long as they are used, and closes them."""

    def __init__(
        self,
        log_in: LogIn,
        log_out: LogOut,
        *,
        max_sessions: int = MAX_SESSIONS,
        idle: float = IDLE,
        recheck: float = RECHECK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log_in = log_in
        self._log_out = log_out
        self._max_sessions = max_sessions
        self._idle = idle
        self._recheck = recheck
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._held: OrderedDict[bytes, _Held] = OrderedDict()
        self._by_ref: dict[str, bytes] = {}
        self._opening: dict[bytes, asyncio.Task[Login]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, backends: Backends) -> Self:
        """Open and close sessions at the registry."""

        async def log_in(credentials: Credentials, caller: Caller) -> Login:
            return await open_session(backends, credentials, caller)

        async def log_out(ref: str) -> None:
            await backends.log_out(ref, NOBODY)

        return cls(log_in, log_out)

    async def session(self, credentials: Credentials, caller: Caller) -> Login:
        """Return the session of these credentials, which many requests may share; the caller is named at a login.

        Raises:
            GraftError: SESSION_AUTHENTICATION_FAILED, or the registry does not answer. Failures are not remembered.
        """
        key = self._digest(credentials)
        held, now = self._held.get(key), self._clock()
        if held is not None and now - held.used < self._idle and now - held.opened < self._recheck:
            self._use(key, held)
            return held.login
        opening = self._opening.get(key)
        if opening is None:
            opening = asyncio.create_task(self._open(key, credentials, caller), name="graft-login")
            self._opening[key] = opening
            opening.add_done_callback(lambda task: self._opened(key, task))
        # Others may wait for the same login, and must not lose it with whoever asked first.
        return await asyncio.shield(opening)

    def used(self, ref: str) -> Login | None:
        """Note that a session is used by its reference, as from a cookie; None for one that is not held here."""
        key = self._by_ref.get(ref)
        if key is None:
            return None
        held = self._held[key]
        self._use(key, held)
        return held.login

    def forget(self, ref: str) -> None:
        """Drop a session that has ended, so that the next request with its credentials opens another."""
        key = self._by_ref.pop(ref, None)
        if key is not None:
            del self._held[key]

    def sweep(self) -> None:
        """Log out what has not been used for too long."""
        oldest = self._clock() - self._idle
        for key, held in list(self._held.items()):
            if held.used > oldest:
                return
            self._drop(key)

    async def close(self) -> None:
        """Log everything out, as far as that can be done in a short time."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for opening in self._opening.values():
            opening.cancel()
        for key in list(self._held):
            self._drop(key)
        waiting = {*self._closing, *self._opening.values()}
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=LOGOUT_TIMEOUT)
            for task in late:
                task.cancel()

    async def _open(self, key: bytes, credentials: Credentials, caller: Caller) -> Login:
        login = await self._log_in(credentials, caller)
        if key in self._held:
            self._drop(key)
        while len(self._held) >= self._max_sessions:
            self._drop(next(iter(self._held)))
        now = self._clock()
        self._held[key] = _Held(login, now, now)
        self._by_ref[login.ref] = key
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="graft-logins")
        return login

    def _opened(self, key: bytes, task: asyncio.Task[Login]) -> None:
        self._opening.pop(key, None)
        if not task.cancelled():
            # Told to those who wait; if none is left, nobody needs to hear of it.
            task.exception()

    def _use(self, key: bytes, held: _Held) -> None:
        held.used = self._clock()
        self._held.move_to_end(key)

    def _drop(self, key: bytes) -> None:
        login = self._held.pop(key).login
        self._by_ref.pop(login.ref, None)
        task = asyncio.create_task(self._end(login.ref), name="graft-logout")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _end(self, ref: str) -> None:
        try:
            await self._log_out(ref)
        except GraftError as error:
            # The registry ends it by itself once it has been idle.
            _log.info("login.logout_failed", code=error.code)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep()

    def _digest(self, credentials: Credentials) -> bytes:
        text = f"{len(credentials.user)}:{credentials.user}:{len(credentials.password)}:{credentials.password}"
        whole = text.encode("utf-8", "surrogatepass") + credentials.certificate
        return hashlib.blake2b(whole, key=self._key, digest_size=32).digest()
