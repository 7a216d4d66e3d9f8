"""Answers that go on as server-sent events (WHATWG HTML, 9.2): each is a JSON document; a refusal ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from starlette.types import Receive, Send

from gateway.methods.errors import body_of
from graft_common.errors import GraftError

EVENT_STREAM = "text/event-stream"
PING = 15.0
"""Seconds after which something is sent where nothing happens, so that whoever stands between keeps the connection."""

_HEADERS = (
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # nginx would gather what is to be seen at once.
    (b"x-accel-buffering", b"no"),
)


def event(document: bytes, name: str = "") -> bytes:
    """Write one event; the document is JSON in one line."""
    head = f"event: {name}\n".encode() if name else b""
    return b"%bdata: %b\n\n" % (head, document)


async def send_events(
    first: bytes, events: AsyncGenerator[bytes, None], stopping: asyncio.Event, receive: Receive, send: Send
) -> None:
    """Send events until there are no more, the client goes, or the server stops; then close what they come from.

    Whoever takes them slowly holds up their source, and nobody else.
    """
    gone, stopped = asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[bytes] | None = None
    try:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await _send(send, first)
        while True:
            coming = coming or asyncio.ensure_future(_next(events))
            signs: set[asyncio.Future[Any]] = {gone, stopped, coming}
            await asyncio.wait(signs, timeout=PING, return_when=asyncio.FIRST_COMPLETED)
            if gone.done() or stopped.done():
                break
            if not coming.done():
                await _send(send, b":\n\n")
                continue
            found, coming = coming.result(), None
            if not found:
                break
            await _send(send, found)
        await send({"type": "http.response.body", "body": b""})
    finally:
        for waiting in (gone, stopped, coming):
            if waiting is not None:
                waiting.cancel()
                await asyncio.wait({waiting})
        await events.aclose()


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _next(events: AsyncGenerator[bytes, None]) -> bytes:
    """Return the next event; nothing at the end."""
    try:
        return await anext(events)
    except StopAsyncIteration:
        return b""
    except GraftError as error:
        return event(body_of(error), "error")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
