"""The gateway as a part of a process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from gateway.app import GatewayApp
from gateway.local_socket import LocalServer
from gateway.server import HttpServer
from graft_cli.health_checks import check_gateway
from graft_cli.parts import PROBE_TIMEOUT
from graft_common.errors import StartupError
from graft_common.settings import Settings
from graft_common.tls import http_context

_log = structlog.get_logger("graft.process")


class HttpPart:
    """The gateway behind its HTTP port."""

    name = "gateway"

    def __init__(self, app: GatewayApp, address: str, settings: Settings, *, optional: bool = False) -> None:
        """Take the application and its places.

        Args:
            app: the application.
            address: where it answers.
            settings: tell its local socket, and whether it speaks TLS.
            optional: whether to go on where that socket cannot be made.

        Raises:
            StartupError: the certificates that are set cannot be used.
        """
        self._app = app
        self._address = address
        self._settings = settings
        self._server = HttpServer(app.asgi, tls=http_context(settings))
        self._local_path = settings.http_socket_path
        self._local_is_optional = optional
        self._local = LocalServer(app.asgi)

    @property
    def local(self) -> Path | None:
        """The local socket, while there is one."""
        return self._local.path

    async def start(self) -> None:
        """Listen."""
        await self._server.start(self._address)
        if self._local_path is None:
            return
        try:
            await self._local.start_at(self._local_path)
        except StartupError as error:
            if not self._local_is_optional:
                raise
            _log.warning("http.no_local_socket", reason=str(error))

    async def problem(self) -> str | None:
        """Ask `/readyz`."""
        ready, _, detail = await check_gateway(self._settings, self._address, PROBE_TIMEOUT)
        return None if ready else detail

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (it is a share of the whole)
        """Refuse new connections and new calls, and let running ones end."""
        await asyncio.gather(self._server.stop(timeout), self._local.stop(timeout), self._app.drain(timeout))

    async def close(self) -> None:
        """Stop listening and close the app."""
        await self._server.stop(0)
        await self._local.stop(0)
        await self._app.close()
