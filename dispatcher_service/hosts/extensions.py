"""Which extensions hosts have: this host says in the store what it has, so that any answers for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Protocol

from dispatcher_service.background import repeat
from dispatcher_service.store.extensions import ExtensionTable

PERIOD = 1.0
"""Seconds after which the others know of a change."""


class Lease(Protocol):
    """This host, and the lease that it has now."""

    @property
    def host_uuid(self) -> str:
        """This host."""

    @property
    def epoch(self) -> int:
        """The number of its lease; whoever registers has said nothing yet."""


class HostExtensions:
    """Knows of this host at once, and of others what they have said."""

    def __init__(
        self,
        table: ExtensionTable,
        lease: Lease,
        here: Callable[[str], Awaitable[bool]],
        names: Callable[[], Iterable[str]],
    ) -> None:
        """Begin to say which extensions this host has.

        Args:
            table: where hosts say it.
            lease: who this host is.
            here: looks whether this host has an extension at this moment.
            names: names all that it has.
        """
        self._table = table
        self._lease = lease
        self._here = here
        self._names = names
        self._said: int | None = None
        """The lease under which the others were told of all that there is now."""
        self._saying = repeat("extensions of this host", self.say, PERIOD)

    def changed(self) -> None:
        """Take note that extensions may have come or gone."""
        self._said = None

    async def has(self, host: str, name: str) -> bool:
        """Tell whether a host, named by its UUID, has an extension.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer.
        """
        return await (self._here(name) if host == self._lease.host_uuid else self._table.has(host, name))

    async def everywhere(self, name: str) -> bool:
        """Tell whether this host and all others that are there have an extension.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when the store does not answer.
        """
        return await self._here(name) and await self._table.all_others_have(self._lease.host_uuid, name)

    async def say(self) -> None:
        """Tell the others what there is now, unless they know."""
        epoch = self._lease.epoch
        if self._said == epoch:
            return
        # What changes from here on is told the next time.
        self._said = epoch
        try:
            await self._table.say(self._lease.host_uuid, self._names())
        except BaseException:
            self._said = None
            raise

    async def close(self) -> None:
        """Say nothing more."""
        self._saying.cancel()
        with suppress(asyncio.CancelledError):
            await self._saying
