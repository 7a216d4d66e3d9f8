"""The gateway as a part of a process."""

from __future__ import annotations

import asyncio

from gateway.app import GatewayApp
from gateway.server import HttpServer
from graft_cli.health_checks import check_gateway
from graft_cli.parts import PROBE_TIMEOUT


class HttpPart:
    """The gateway behind its HTTP port."""

    name = "gateway"

    def __init__(self, app: GatewayApp, address: str) -> None:
        self._app = app
        self._address = address
        self._server = HttpServer(app.asgi)

    async def start(self) -> None:
        """Listen."""
        await self._server.start(self._address)

    async def problem(self) -> str | None:
        """Ask `/readyz`."""
        ready, _, detail = await check_gateway(self._address, PROBE_TIMEOUT)
        return None if ready else detail

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (it is a share of the whole)
        """Refuse new connections and new calls, and let running ones end."""
        await asyncio.gather(self._server.stop(timeout), self._app.drain(timeout))

    async def close(self) -> None:
        """Stop listening and close the app."""
        await self._server.stop(0)
        await self._app.close()
