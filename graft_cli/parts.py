"""The parts that a process of Graft is made of: gRPC services, connections to others, the metrics page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol
from wsgiref.simple_server import WSGIServer

import grpc
from prometheus_client import start_http_server

from graft_cli.exits import CliError
from graft_cli.health_checks import check_grpc
from graft_common.rpc.server import RpcServer
from graft_common.rpc.service import RpcService
from graft_common.settings import Settings, split_address
from graft_common.tls import server_credentials

PROBE_TIMEOUT = 5.0
_READINESS_POLL = 0.05


class App(Protocol):
    """What a service package offers to the process that it lives in."""

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (the app divides it)
        """Let what runs end within `timeout` seconds."""

    async def close(self) -> None:
        """Let go of everything."""


class RpcApp(App, Protocol):
    """An app with gRPC services."""

    @property
    def services(self) -> Sequence[RpcService]:
        """What it serves."""


class GrpcPart:
    """The registry or the dispatcher behind a gRPC port."""

    def __init__(
        self,
        name: str,
        app: RpcApp,
        address: str,
        settings: Settings,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take the service and its place; the settings tell whether it speaks TLS.

        Raises:
            StartupError: the certificates that are set cannot be used.
        """
        self.name = name
        self._settings = settings
        self._credentials = server_credentials(settings)
        self._app = app
        self._address = address
        self._is_ready = is_ready
        self._server: RpcServer | None = None
        self._waiting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; the health check says SERVING as soon as the app is ready."""
        server = RpcServer(self._app.services)
        try:
            await server.start(self._address, serving=self._is_ready(), credentials=self._credentials)
        except OSError as error:
            raise CliError(str(error)) from None
        self._server = server
        if not self._is_ready():
            self._waiting = asyncio.create_task(self._announce_readiness(server))

    async def problem(self) -> str | None:
        """Make gRPC's standard health check."""
        ready, _, detail = await check_grpc(self._settings, self._address, PROBE_TIMEOUT)
        return None if ready else detail

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (it is a share of the whole)
        """Refuse new calls, and let running ones end."""
        self._stop_waiting()
        stopping = [] if self._server is None else [self._server.stop(timeout)]
        self._server = None
        await asyncio.gather(self._app.drain(timeout), *stopping)

    async def close(self) -> None:
        """Stop listening and close the app."""
        self._stop_waiting()
        if self._server is not None:
            await self._server.stop(0)
        await self._app.close()

    async def _announce_readiness(self, server: RpcServer) -> None:
        while not self._is_ready():  # noqa: ASYNC110  (an app tells whether it is ready when it is asked)
            await asyncio.sleep(_READINESS_POLL)
        await server.set_serving(serving=True)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()


class ChannelPart:
    """The connection to a service of another process."""

    def __init__(self, name: str, channel: grpc.aio.Channel) -> None:
        self.name = name
        self._channel = channel

    async def start(self) -> None:
        """Nothing is to be done: gRPC connects when it is first used."""

    async def problem(self) -> str | None:
        """None ever: a process may start before the service that it calls."""
        return None

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (the same for all parts)
        """Stay until the end: running calls need it."""

    async def close(self) -> None:
        """Disconnect."""
        await self._channel.close()


class MetricsPart:
    """Prometheus metrics of this process over HTTP."""

    name = "metrics"

    def __init__(self, address: str) -> None:
        self._address = address
        self._server: WSGIServer | None = None

    async def start(self) -> None:
        """Listen."""
        host, port = split_address(self._address)
        try:
            self._server, _ = start_http_server(port, host)
        except OSError as error:
            raise CliError(f"cannot listen on {self._address} (metrics): {error.strerror}") from None

    async def problem(self) -> str | None:
        """It answers as soon as it listens."""
        return None

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (the same for all parts)
        """Stay until the end: the last calls are counted too."""

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()
            self._server = None
