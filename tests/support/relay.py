"""A connection between a client and a server that a test can cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Relay:
    """Passes on what both sides say, until it is cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._wires: list[asyncio.StreamWriter] = []
        self._ways: list[asyncio.Task[None]] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    def refuse(self) -> None:
        """Take no more connections."""
        assert self._server is not None
        self._server.close()

    def cut(self) -> None:
        """Break the connections that there are."""
        for wire in self._wires:
            wire.transport.abort()

    async def close(self) -> None:
        self.refuse()
        self.cut()
        await asyncio.gather(*self._ways)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._wires += [writer, to_writer]
        ways = (self._pass_on(reader, to_writer), self._pass_on(to_reader, writer))
        self._ways += [asyncio.create_task(way) for way in ways]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[Relay]:
    """A relay to a port of this machine."""
    between = Relay(port)
    await between.start()
    try:
        yield between
    finally:
        await between.close()
