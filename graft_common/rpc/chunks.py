"""Requests that bring a file in pieces: first a head, then the chunks, read within bounds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

from graft_common.errors import value_not_supported
from graft_common.rpc.uploads import CHUNK

IDLE = 60.0
"""Seconds that the next request may take."""


class TooLarge(Exception):  # noqa: N818  (what was sent, not a mistake in the code)
    """More was sent than is taken."""


class Stalled(Exception):  # noqa: N818  (the same)
    """Nothing came for too long."""


async def read_head(requests: AsyncIterator[Any], idle: float = IDLE) -> Any:
    """Return the `head` of the first request.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if it has none.
        Stalled: there is no request in time.
    """
    request = await _following(requests, idle)
    if request is None or request.WhichOneof("part") != "head":
        raise value_not_supported("head", "", "the first request must hold the head, and those after it the chunks")
    return request.head


async def read_chunks(requests: AsyncIterator[Any], idle: float = IDLE) -> AsyncGenerator[bytes, None]:
    """Return the `chunk` of each further request.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if a request holds something else, or more than `CHUNK` bytes.
        Stalled: the next one does not come in time.
    """
    while (request := await _following(requests, idle)) is not None:
        if request.WhichOneof("part") != "chunk":
            raise value_not_supported("head", "", "only the first request holds the head; those after it hold chunks")
        if len(request.chunk) > CHUNK:
            raise value_not_supported("chunk", f"{len(request.chunk)} bytes", f"a chunk has at most {CHUNK} bytes")
        yield request.chunk


async def save(chunks: AsyncIterator[bytes], path: Path, limit: int) -> AsyncGenerator[int, None]:
    """Write chunks to a new file that only its owner can read; tell after each how many bytes there are.

    Raises:
        TooLarge: there are more than `limit` bytes.
        OSError: they cannot be written.
    """
    written = 0
    # Not in a thread: one that is no longer waited for would open a file that nobody closes.
    with _create(path) as file:
        async for chunk in chunks:
            written += len(chunk)
            if written > limit:
                raise TooLarge
            await asyncio.to_thread(file.write, chunk)
            yield written


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


async def _following(requests: AsyncIterator[Any], idle: float) -> Any:
    try:
        async with asyncio.timeout(idle):
            return await anext(requests, None)
    except TimeoutError:
        raise Stalled(f"nothing has come for {idle:g} s") from None
