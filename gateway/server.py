"""The HTTP server of a process: uvicorn on sockets of our own, beside whatever else the event loop runs."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from gateway.http_protocol import BoundedHttpProtocol
from graft_common.errors import StartupError
from graft_common.settings import split_address

BACKLOG = 2048
KEEP_ALIVE = 75
"""Seconds for which an idle connection is kept: longer than the minute after which proxies give theirs up."""
CANCEL_TIMEOUT = 5.0
"""Seconds that requests have for a last word once the time for an orderly end is over."""


class HttpServer:
    """Serves one ASGI application at one address."""

    def __init__(self, app: ASGIApp, protocol: type[asyncio.Protocol] = BoundedHttpProtocol) -> None:
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.ERROR,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE,
                reset_contextvars=True,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self, address: str) -> int:
        """Listen at `host:port`, and return the port: a free one for port 0.

        Raises:
            StartupError: the address cannot be listened on.
        """
        sockets = _listen(address)
        self._serving = asyncio.create_task(self._server.serve(sockets), name="graft-http")
        ready = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({self._serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._serving.done():
            self._serving.result()
        return int(sockets[0].getsockname()[1])

    async def stop(self, grace: float) -> None:
        """Take no more connections, let running requests end within `grace` seconds, and cancel the rest."""
        if self._serving is None:
            return
        # uvicorn declares whole seconds, and hands them to asyncio.wait_for.
        self._server.config.timeout_graceful_shutdown = grace  # type: ignore[assignment]
        self._server.should_exit = True
        await self._serving
        self._serving = None
        state = self._server.server_state
        if state.tasks:
            await asyncio.wait(set(state.tasks), timeout=CANCEL_TIMEOUT)
        for connection in list(state.connections):
            transport = connection.transport
            if transport is not None:
                transport.abort()


class _Uvicorn(uvicorn.Server):
    """uvicorn as one of several servers of a process: signals are the process's, and it tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(address: str) -> list[socket.socket]:
    """Bind every address that a host's name stands for, all to the same port."""
    host, port = split_address(address)
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, place in dict.fromkeys(found):
            if sockets:
                port = sockets[0].getsockname()[1]
            dual = family == socket.AF_INET6 and place[0] == "::" and socket.has_dualstack_ipv6()
            sockets.append(socket.create_server((place[0], port), family=family, backlog=BACKLOG, dualstack_ipv6=dual))
    except OSError as error:
        for opened in sockets:
            with suppress(OSError):
                opened.close()
        raise StartupError(
            f"cannot listen on {address} for HTTP: {error.strerror or error};"
            " stop what is there, or set GRAFT_HTTP to another address"
        ) from error
    for opened in sockets:
        opened.setblocking(False)
    return sockets
