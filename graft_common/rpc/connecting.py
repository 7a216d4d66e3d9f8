"""Channels whose calls wait, for a short time, for a connection that is lost or not there yet.

gRPC lets a call that finds no connection fail at once while the next attempt to connect is due, or wait as long as an
attempt lasts. Between services that start and stop by themselves neither is right: a service that is back would be told
to be away. What waits here has not been sent yet, and is sent once, when there is a connection. An interceptor of gRPC
could wait as well, but would make a task of every call, connected or not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self

import grpc

_READY = grpc.ChannelConnectivity.READY
_CLOSED = grpc.ChannelConnectivity.SHUTDOWN
_LOOK = 0.02
"""Seconds between two looks at a connection that is waited for."""


class Connection:
    """Whether a channel is connected; where it has several addresses, to one of them at least.

    Args:
        channel: what is looked at.
        patience: seconds that a call waits.
    """

    def __init__(self, channel: grpc.aio.Channel, patience: float) -> None:
        self.patience = patience
        self._channel = channel
        self._waiting = 0
        self._look: asyncio.Task[None] | None = None

    @property
    def is_there(self) -> bool:
        """Whether calls can be sent now; it costs next to nothing to ask."""
        return self._channel.get_state() is _READY

    async def wait(self, seconds: float) -> bool:
        """Wait until calls can be sent, but no longer than some seconds; tell whether they can."""
        deadline = time.monotonic() + seconds
        self._waiting += 1
        try:
            while (state := self._channel.get_state()) is not _READY:
                left = deadline - time.monotonic()
                if left <= 0 or state is _CLOSED:
                    return False
                if self._look is None or self._look.done():
                    self._look = asyncio.create_task(self._until_there(), name="wait for a connection")
                await asyncio.wait({self._look}, timeout=left)
        finally:
            self._waiting -= 1
        return True

    async def _until_there(self) -> None:
        """Look for all who wait together."""
        # gRPC's own watch of a state ends neither with who waits nor with the channel.
        while self._waiting and self._channel.get_state(try_to_connect=True) not in {_READY, _CLOSED}:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)


class Method:
    """A multi-callable of gRPC, and the connection that its calls need."""

    __slots__ = ("_method", "connection")

    def __init__(self, method: Callable[..., Any], connection: Connection) -> None:
        self._method = method
        self.connection = connection

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make a call as gRPC does; whoever wants it to wait for the connection does that before."""
        return self._method(*args, **kwargs)


class PatientChannel(grpc.aio.Channel):
    """A channel of gRPC whose methods tell what connection they need, for `client` and `uploads`."""

    def __init__(self, channel: grpc.aio.Channel, patience: float) -> None:
        self._channel = channel
        self._connection = Connection(channel, patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Disconnect; whoever waits for the connection is told that it will not come."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Tell the state as gRPC knows it."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait as gRPC does."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait as gRPC does."""
        await self._channel.channel_ready()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Make the callable of a method."""
        return Method(self._channel.unary_unary(*args, **kwargs), self._connection)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Make the callable of a method."""
        return Method(self._channel.unary_stream(*args, **kwargs), self._connection)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Make the callable of a method."""
        return Method(self._channel.stream_unary(*args, **kwargs), self._connection)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Make the callable of a method."""
        return Method(self._channel.stream_stream(*args, **kwargs), self._connection)
