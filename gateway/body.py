"""Request bodies, read with a bound on their size and on the time that they take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import Receive

from gateway.load import Held
from graft_common.deadlines import Within
from graft_common.units import format_seconds, format_size

LINGER_TIME = 1.0
LINGER_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a client may ask for."""

    max_body: int
    """Bytes of one request's body."""
    body_timeout: float
    """Seconds in which a body must be complete."""


class RefusedError(Exception):
    """A request is answered with an HTTP status and one sentence, before anything is made of its content."""

    def __init__(self, status: int, sentence: str, allow: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.allow = allow
        """The methods that are answered, where it is the method that is refused."""


class ClientGoneError(Exception):
    """The client has closed the connection before its request was complete."""


def check_head(headers: Iterable[tuple[bytes, bytes]], limit: int) -> None:
    """Refuse what the head already tells: a body that is too large, or packed.

    Raises:
        RefusedError: 413 or 415.
    """
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise _too_large(limit)
        if name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            raise RefusedError(415, "The body has a Content-Encoding; send it unpacked, without that header.")


async def read_body(receive: Receive, limit: int, seconds: float, held: Held) -> bytes:
    """Read a body, sent whole or in chunks.

    Args:
        receive: ASGI's.
        limit: the most bytes.
        seconds: the longest time that it may take to come.
        held: told of every byte that is kept.

    Raises:
        RefusedError: 413 when it is too large, 408 when it is too slow.
        ClientGoneError: there is nobody left to answer.
        GraftError: SERVER_BUSY, as for `Held.add`.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        with Within(seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                chunk = message.get("body", b"")
                more = message.get("more_body", False)
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                held.add(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise RefusedError(408, f"The body was not complete within {format_seconds(seconds)}.") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def discard_body(receive: Receive) -> None:
    """Read on and throw away, for a while, so that a client that is still sending comes to read its answer.

    To close at once would reset the connection, and the answer would be lost on its way (RFC 9112, 9.6).
    """
    size = 0
    try:
        async with asyncio.timeout(LINGER_TIME):
            while size < LINGER_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                size += len(message.get("body", b""))
    except TimeoutError:
        return


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"The body is larger than {format_size(limit)}, the most that is read.")
