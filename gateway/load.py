"""How much is being served at once, and no more."""

from __future__ import annotations

import asyncio
from typing import Self

from graft_common.errors import server_busy
from graft_common.units import format_size


class Load:
    """Counts the requests being served and the bytes of bodies that they hold."""

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._requests = 0
        self._bytes = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def request(self) -> Held:
        """Count a request for as long as the context that is returned lasts, and with it the bytes that it holds.

        To enter it raises GraftError: SERVER_BUSY, as many requests as are allowed are being served.
        """
        return Held(self)

    def begin(self) -> None:
        """Count a request that begins.

        Raises:
            GraftError: SERVER_BUSY, as many requests as are allowed are being served.
        """
        if self._requests >= self._max_requests:
            raise server_busy(f"the gateway is serving {self._requests} requests, as many as it may; try again")
        if not self._requests:
            self._idle.clear()
        self._requests += 1

    def end(self, size: int) -> None:
        """Count a request no more, nor the bytes that it has held."""
        self._bytes -= size
        self._requests -= 1
        if not self._requests:
            self._idle.set()

    def hold(self, size: int) -> None:
        """Count bytes that are kept in memory.

        Raises:
            GraftError: SERVER_BUSY, there is no room for them.
        """
        if self._bytes + size > self._max_bytes:
            raise server_busy(
                f"the gateway holds {format_size(self._bytes)} of requests and may hold"
                f" {format_size(self._max_bytes)}; try again"
            )
        self._bytes += size

    async def wait_idle(self) -> None:
        """Wait until nothing is being served."""
        await self._idle.wait()


class Held:
    """The bytes that one request holds, until the context ends."""

    __slots__ = ("_load", "size")

    def __init__(self, load: Load) -> None:
        self._load = load
        self.size = 0

    def __enter__(self) -> Self:
        self._load.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._load.end(self.size)

    def add(self, size: int) -> None:
        """Hold more of them, until the request ends.

        Raises:
            GraftError: SERVER_BUSY, as for `Load.hold`.
        """
        self._load.hold(size)
        self.size += size
