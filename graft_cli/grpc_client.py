"""The registry and the dispatcher as commands reach them: over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc

from graft_cli.addresses import reachable
from graft_cli.configuration import load
from graft_cli.exits import UNREACHABLE, CliError
from graft_common.errors import GraftError
from graft_common.tls import connect

TIMEOUT = 15.0

Result = TypeVar("Result")


def over_channel(address: str, what: str, use: Callable[[grpc.aio.Channel], Awaitable[Result]]) -> Result:
    """Open a channel to a service, use it, and close it.

    Raises:
        CliError: the service does not answer.
        GraftError: what it has answered.
    """
    settings = load()

    async def run() -> Result:
        async with connect(settings, reachable(address)) as channel:
            return await use(channel)

    try:
        return asyncio.run(run())
    except GraftError as error:
        if error.code == "SERVICE_UNAVAILABLE":
            raise CliError(f"cannot reach the {what} at {address}: {error.params[-1]}", UNREACHABLE) from None
        raise
