"""Answers that go out in one piece are those that would have gone out in two."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.whole_answers import head_lines, pass_on, send_whole
from graft_common.xmlrpc import format_call, format_success
from support.wire import Running, Wire


@pytest.mark.parametrize(
    ("headers", "lines"),
    [
        ([], b""),
        ([(b"a", b"1"), (b"b", b"")], b"a: 1\r\nb: \r\n"),
        ([(b"a", b"1\r\nset-cookie: x")], None),
        ([(b"a", b"1\nx")], None),
        ([(b"a\r", b"1")], None),
        ([(b"a", b"\r"), (b"b", b"\n")], None),
        ([(b"a", b"\0")], None),
    ],
)
def test_a_header_stays_on_its_line(headers: list[tuple[bytes, bytes]], lines: bytes | None) -> None:
    assert head_lines(headers) == lines


@pytest.mark.parametrize("takes", [True, False, None])
async def test_what_a_server_does_not_take_at_once_is_sent_as_asgi_has_it(takes: bool | None) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    def at_once(status: int, headers: Any, body: bytes) -> bool:
        if takes:
            sent.append((status, headers, body))
        return bool(takes)

    async def send_observed(message: Any) -> None:
        await pass_on(message, [(b"x-request-id", b"1")], None if takes is None else at_once, send)

    await send_whole(send_observed, 200, [(b"content-length", b"2")], b"ok")
    headers = [(b"content-length", b"2"), (b"x-request-id", b"1")]
    asgi = [
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": b"ok"},
    ]
    assert sent == ([(200, headers, b"ok")] if takes else asgi)


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
async def test_one_connection_serves_many(gateway: Running, session: str, size: int) -> None:
    text = "x" * size
    body = format_call("Test.echo", [session, text])
    async with await Wire.open(gateway.port) as wire:
        for _ in range(3):
            reply = await wire.post(body)
            assert (reply.status, reply.body) == (200, format_success(text))
            assert {"date", "content-length", "x-request-id"} <= reply.headers.keys()


async def test_a_connection_that_is_to_end_ends(gateway: Running, session: str) -> None:
    body = format_call("Test.echo", [session, "x"])
    async with await Wire.open(gateway.port) as wire:
        reply = await wire.post(body, connection="close")
        assert reply.headers["connection"] == "close"
        assert await wire.reader.read() == b""
