"""Connections at their handshake: few at once, and no burden to those that are through."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.server import HttpServer
from graft_common.handshakes import BoundedContext
from support.certificates import Authority

REQUEST = b"GET /x HTTP/1.1\r\nhost: graft.test\r\n\r\n"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], Any]]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner.run


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def context(authority: Authority) -> BoundedContext:
    made = BoundedContext()
    made.load_cert_chain(*authority.server().files)
    return made


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(context: BoundedContext) -> AsyncIterator[int]:
    server = HttpServer(application, tls=context)
    port = await server.start("127.0.0.1:0")
    try:
        yield port
    finally:
        await server.stop(1)


async def ask(port: int, path: Path) -> bytes:
    trusting = ssl.create_default_context(cafile=path)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="graft.test")
    try:
        writer.write(REQUEST * 2)
        return await asyncio.wait_for(reader.readuntil(b"ok"), 20) + await asyncio.wait_for(reader.readuntil(b"ok"), 20)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    return await asyncio.wait_for(rest_of(reader), 20) == b""


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@asynccontextmanager
async def knocking(port: int, sent: bytes = b"") -> AsyncIterator[asyncio.StreamReader]:
    """Connect without a handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def test_requests_come_through(run: Any, context: BoundedContext, authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(context) as port:
            for answer in await asyncio.gather(*(ask(port, authority.path) for _ in range(4))):
                assert answer.count(b"200 OK") == 2

    run(scenario())


# asyncio leaves connections at their handshake to the collector when its loop ends, which warns of them.
@pytest.mark.parametrize("run", ["uvloop"], indirect=True)
def test_handshakes_are_few_at_once(run: Any, context: BoundedContext, authority: Authority) -> None:
    context.max_handshakes = 3

    async def scenario() -> None:
        async with serving(context) as port, knocking(port), knocking(port):
            async with knocking(port), knocking(port) as late:
                assert await is_closed(late)
            # Who does not get on holds a place no longer than a handshake may take.
            context.handshake_time = 0.0
            assert b"200 OK" in await ask(port, authority.path)

    run(scenario())


def test_what_is_no_handshake_ends_at_once(run: Any, context: BoundedContext, authority: Authority) -> None:
    context.max_handshakes = 1

    async def scenario() -> None:
        async with serving(context) as port:
            for _ in range(3):
                async with knocking(port, REQUEST) as reader:
                    # It is told so by an alert.
                    assert len(await asyncio.wait_for(rest_of(reader), 20)) < 16
            assert b"200 OK" in await ask(port, authority.path)

    run(scenario())
