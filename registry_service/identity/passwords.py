"""Hashing of passwords with argon2id, in threads, bounded in number and in queue."""

from __future__ import annotations

import secrets

import argon2

from registry_service.identity.rules import MAX_PASSWORD
from registry_service.identity.turns import Turns
from registry_service.tuning import Tuning


class Passwords:
    """Makes and checks hashes; every check costs the same, whoever is asked for."""

    def __init__(self, tuning: Tuning) -> None:
        cost = tuning.password_cost
        self._hasher = argon2.PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        refusal = "too many passwords are being checked; try again"
        self._turns = Turns(tuning.password_workers, tuning.password_queue, "argon2", refusal)
        self._decoy = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            GraftError: SERVER_BUSY when too many hashes wait.
        """
        return await self._turns.run("", lambda: self._hasher.hash(password))

    async def matches(self, password_hash: str | None, password: str, whose: str = "") -> bool:
        """Compare a password with a hash; None, of a user that does not exist, takes as long and is False.

        Args:
            password_hash: what the password is compared with.
            password: what somebody says it is.
            whose: who asks, for others do not wait for more than one check of theirs; empty for the registry itself,
                and for those whom it knows.

        Raises:
            GraftError: SERVER_BUSY when too many hashes wait.
        """
        possible = password_hash is not None and len(password) <= MAX_PASSWORD
        tried = (password_hash or self._decoy) if possible else self._decoy
        return await self._turns.run(whose, lambda: self._verify(tried, password[:MAX_PASSWORD])) and possible

    def close(self) -> None:
        """End the threads; what still waits is dropped."""
        self._turns.close()

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except argon2.exceptions.VerificationError:
            return False
