"""The HTTP server of a process: uvicorn on sockets of our own, beside whatever else the event loop runs."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from gateway.http_protocol import MAX_CONNECTIONS, BoundedHttpProtocol
from graft_common.errors import StartupError
from graft_common.settings import split_address

BACKLOG = 2048
KEEP_ALIVE = 75
"""Seconds for which an idle connection is kept: longer than the minute after which proxies give theirs up."""
MIN_GRACE = 0.05
"""Seconds that connections without a request take to close."""
CANCEL_TIMEOUT = 5.0
"""Seconds that requests have for a last word once the time for an orderly end is over."""


class HttpServer:
    """Serves one ASGI application at one address."""

    def __init__(
        self,
        app: ASGIApp,
        protocol: type[asyncio.Protocol] = BoundedHttpProtocol,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        config = uvicorn.Config(
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
        config.load()
        # uvicorn would read files for itself, and later; it makes no difference to it where this comes from.
        config.ssl = tls
        self._server = self.uvicorn(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self, address: str) -> int:
        """Listen at `host:port`, and return the port: a free one for port 0.

        Raises:
            StartupError: the address cannot be listened on.
        """
        sockets = _listen(address)
        await self.serve(sockets)
        return int(sockets[0].getsockname()[1])

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Take connections of sockets that listen; return as soon as it does."""
        _allow_descriptors()
        self._serving = asyncio.create_task(self._server.serve(sockets), name="graft-http")
        ready = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({self._serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._serving.done():
            self._serving.result()

    def uvicorn(self, config: uvicorn.Config) -> Uvicorn:
        """Make what serves."""
        return Uvicorn(config)

    async def stop(self, grace: float) -> None:
        """Take no more connections, let running requests end within `grace` seconds, and cancel the rest."""
        if self._serving is None:
            return
        # uvicorn declares whole seconds, and hands them to asyncio.wait_for.
        self._server.config.timeout_graceful_shutdown = max(grace, MIN_GRACE)  # type: ignore[assignment]
        self._server.exit_soon()
        await self._serving
        self._serving = None
        state = self._server.server_state
        if state.tasks:
            await asyncio.wait(set(state.tasks), timeout=CANCEL_TIMEOUT)
        for connection in list(state.connections):
            transport = connection.transport
            if transport is not None:
                transport.abort()


class Uvicorn(uvicorn.Server):
    """uvicorn as one of several servers of a process: signals are the process's, and it tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._exiting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    def exit_soon(self) -> None:
        """Have `serve` begin its orderly end."""
        self.should_exit = True
        self._exiting.set()

    async def main_loop(self) -> None:
        """Keep the date of the answers right, without waking up ten times a second to see whether to end."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._exiting.wait(), 1.0)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _allow_descriptors() -> None:
    """Raise the soft limit of descriptors, 1,024 by tradition, to what this many connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * MAX_CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(address: str) -> list[socket.socket]:
    """Bind every address that a host's name stands for, all to the same port."""
    host, port = split_address(address)
    sockets: list[socket.socket] = []
    try:
        found = dict.fromkeys(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
        for family, _, _, _, place in found:
            if sockets:
                port = sockets[0].getsockname()[1]
            try:
                sockets.append(_bind(family, str(place[0]), port))
            except OSError as error:
                # `localhost` may stand for ::1 on a machine without IPv6.
                is_last_hope = not sockets and place == [*found][-1][4]
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT} or is_last_hope:
                    raise
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise StartupError(
            f"cannot listen on {address} for HTTP: {error.strerror or error};"
            " stop what is there, or set GRAFT_HTTP to another address"
        ) from error
    return sockets


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is; else every answer that
    # goes out in two packets waits 40 ms for the client's acknowledgement.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        opened.bind((host, port))
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    opened.setblocking(False)
    return opened
