"""Hashing of passwords with argon2id, in threads, bounded in number and in queue."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2

from graft_common.errors import server_busy
from registry_service.identity.rules import MAX_PASSWORD
from registry_service.tuning import Tuning

T = TypeVar("T")


class Passwords:
    """Makes and checks hashes; every check costs the same, whoever is asked for."""

    def __init__(self, tuning: Tuning) -> None:
        cost = tuning.password_cost
        self._hasher = argon2.PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        self._executor = ThreadPoolExecutor(tuning.password_workers, thread_name_prefix="argon2")
        self._places = threading.BoundedSemaphore(tuning.password_queue)
        self._decoy = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            GraftError: SERVER_BUSY when too many hashes wait.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Compare a password with a hash; None, of a user that does not exist, takes as long and is False.

        Raises:
            GraftError: SERVER_BUSY when too many hashes wait.
        """
        possible = password_hash is not None and len(password) <= MAX_PASSWORD
        tried = (password_hash or self._decoy) if possible else self._decoy
        return await self._run(lambda: self._verify(tried, password[:MAX_PASSWORD])) and possible

    def close(self) -> None:
        """End the threads; what still waits is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except argon2.exceptions.VerificationError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise server_busy("too many passwords are being checked; try again")
        future = self._executor.submit(work)
        # The place is held until the thread is done, even if the caller has gone.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
