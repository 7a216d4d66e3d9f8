"""HTTP/1 by hand over a real socket, for tests that look at bytes; and a gateway over fakes to send them to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from fakes import FakePlatform
from gateway.app import GatewayApp
from gateway.http_protocol import BoundedHttpProtocol
from gateway.server import HttpServer
from graft_common.settings import Settings

TIMEOUT = 20.0


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)


@dataclass
class Running:
    """A gateway that listens."""

    platform: FakePlatform
    app: GatewayApp
    server: HttpServer
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def post(self, body: bytes, path: str = "/RPC2", **headers: str) -> Reply:
        async with await Wire.open(self.port) as wire:
            return await wire.post(body, path, **headers)


@asynccontextmanager
async def running_gateway(
    platform: FakePlatform | None = None, protocol: type[BoundedHttpProtocol] = BoundedHttpProtocol, **settings: Any
) -> AsyncIterator[Running]:
    platform = platform or FakePlatform()
    app = await GatewayApp.open(Settings(**settings), *platform.clients())
    server = HttpServer(app.asgi, protocol)
    port = await server.start("127.0.0.1:0")
    try:
        yield Running(platform, app, server, port)
    finally:
        await server.stop(0)
        await app.close()


@dataclass
class Reply:
    """An answer."""

    status: int
    head: bytes
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=64 << 20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, *, has_body: bool = True) -> Reply:
        async with asyncio.timeout(TIMEOUT):
            head = (await self.reader.readuntil(b"\r\n\r\n"))[:-4]
            reply = Reply(int(head.split(b" ", 2)[1]), head, b"")
            if has_body and reply.status != 100:
                reply.body = await self.reader.readexactly(int(reply.headers["content-length"]))
            return reply

    async def post(self, body: bytes, path: str = "/RPC2", **headers: str) -> Reply:
        await self.send(request(body, path, **headers))
        return await self.reply()

    async def closed(self) -> bool:
        """Tell whether the other side closes, without another byte."""
        async with asyncio.timeout(TIMEOUT):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


def request(body: bytes, path: str = "/RPC2", version: str = "1.1", **headers: str) -> bytes:
    lines = [f"POST {path} HTTP/{version}", "host: gateway", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def call(method: str, *values: str) -> bytes:
    """Write a call; each value is what stands inside of `<value>`."""
    params = "".join(f"<param><value>{value}</value></param>" for value in values)
    return (
        f'<?xml version="1.0"?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>'
    ).encode()


HEAD = '<?xml version="1.0"?><methodResponse><params><param>'
TAIL = "</param></params></methodResponse>"


def success(value: str) -> bytes:
    return (
        f"{HEAD}<value><struct><member><name>Status</name><value>Success</value></member>"
        f"<member><name>Value</name>{value}</member></struct></value>{TAIL}"
    ).encode()


def failure(*error: str) -> bytes:
    items = "".join(f"<value>{text}</value>" for text in error)
    return (
        f"{HEAD}<value><struct><member><name>Status</name><value>Failure</value></member>"
        f"<member><name>ErrorDescription</name><value><array><data>{items}</data></array></value></member>"
        f"</struct></value>{TAIL}"
    ).encode()
