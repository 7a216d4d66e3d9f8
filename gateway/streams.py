"""Request bodies that are too large to be held: read piece by piece while they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.types import Receive

from gateway.body import ClientGoneError, RefusedError
from graft_common.errors import service_unavailable
from graft_common.units import format_seconds, format_size


class BodyStream:
    """The body of one request; it is read once, by one reader.

    Args:
        receive: ASGI's.
        size: how many bytes the head says that there are; 0 where it does not.
        limit: how many there may be.
        idle: the longest wait for the next piece, in seconds.
    """

    def __init__(self, receive: Receive, size: int, limit: int, idle: float) -> None:
        self.size = size
        self.limit = limit
        self.ended = False
        """Whether the body was read to its end, so that the connection can be used again."""
        self._receive = receive
        self._idle = idle
        self._first: bytes | None = None
        self._taken = 0
        self._read = False

    async def peek(self) -> bytes:
        """Return what the body begins with, without taking it; empty only where there is no body.

        Raises:
            RefusedError: 408 when nothing comes, 413 when it has more than `limit` bytes.
            ClientGoneError: there is nobody left to answer.
        """
        while not self._first and not self.ended:
            self._first = await self._following()
        return self._first or b""

    async def pieces(self, most: int) -> AsyncGenerator[bytes, None]:
        """Return the whole body in pieces of at most `most` bytes.

        Raises:
            RefusedError, ClientGoneError: as for `peek`.
            GraftError: SERVICE_UNAVAILABLE, if a part of it was taken before: it cannot be had again.
        """
        if self._read:
            raise service_unavailable("registry", "it has ended the session while the body came; send it again")
        piece = await self.peek()
        self._read = True
        while True:
            for at in range(0, len(piece), most):
                yield piece[at : at + most]
            if self.ended:
                return
            piece = await self._following()

    async def read(self, most: int) -> bytes:
        """Return the whole body, which can then be had again.

        Raises:
            RefusedError: 413 when it has more than `most` bytes; as for `peek`.
            ClientGoneError: as for `peek`.
        """
        body = bytearray(await self.peek())
        while not self.ended and len(body) <= most:
            body += await self._following()
        if len(body) > most:
            raise _too_large(most)
        self._first = bytes(body)
        return self._first

    async def _following(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle):
                message = await self._receive()
        except TimeoutError:
            raise RefusedError(408, f"Nothing of the body has come for {format_seconds(self._idle)}.") from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self.ended = not message.get("more_body", False)
        piece = bytes(message.get("body", b""))
        self._taken += len(piece)
        if self._taken > self.limit:
            raise _too_large(self.limit)
        return piece


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"The body is larger than {format_size(limit)}, the most that is read.")
