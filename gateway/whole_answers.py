"""Answers that are complete when they are sent: handed to the HTTP server in one piece, and written in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import Message, Send

WHOLE = "graft.response"
"""The type of an ASGI message that `gateway.exchange` takes besides ASGI's own."""
AT_ONCE = "graft.at_once"
"""The key of a scope under which our own HTTP server takes whole answers."""

Header = tuple[bytes, bytes]
AtOnce = Callable[[int, Sequence[Header], bytes], bool]
"""Writes an answer of a status, headers and a body; tells whether it could, else the answer is sent in ASGI's way."""


async def send_whole(send: Send, status: int, headers: Sequence[Header], body: bytes) -> None:
    """Send an answer through a `send` of `gateway.exchange`; its headers tell the length."""
    await send({"type": WHOLE, "status": status, "headers": headers, "body": body})


async def pass_on(message: Message, more_headers: Sequence[Header], at_once: AtOnce | None, send: Send) -> None:
    """Give a whole answer, with further headers, to the server."""
    status, body = message["status"], message["body"]
    headers = [*message["headers"], *more_headers]
    if at_once is not None and at_once(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def head_lines(headers: Sequence[Header]) -> bytes | None:
    """Write headers as they stand in an answer; None where one of them would not stay on its line."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    count = len(headers)
    return lines if lines.count(b"\n") == lines.count(b"\r") == count and b"\0" not in lines else None
