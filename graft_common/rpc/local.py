"""Stubs that call a servicer of the same process, for `graft up`: the interface of gRPC's stubs without the hop."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from graft_common.deadlines import Within
from graft_common.errors import GraftError
from graft_common.rpc.errors import cut, error_limit
from graft_common.rpc.guard import guard_stream, guard_unary
from graft_common.rpc.service import RpcService


class LocalContext:
    """A call's context where there is no wire."""

    __slots__ = ("_deadline", "_metadata")

    def __init__(self, metadata: Sequence[tuple[str, str]], timeout: float | None) -> None:
        self._metadata = metadata
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        """Return the pairs of key and value that came with the call."""
        return self._metadata

    def time_remaining(self) -> float | None:
        """Return the seconds until the caller's deadline; None where there is none."""
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def peer(self) -> str:
        """Name the caller."""
        return "local"


class LocalStub:
    """Has one attribute per RPC of a service, each with the signature of a gRPC multi-callable.

    Where requests are streamed the handler is given the caller's own iterator.
    """

    def __init__(self, service: RpcService) -> None:
        for method in service.descriptor.methods:
            rpc = f"/{service.name}/{method.name}"
            handler = getattr(service.servicer, method.name)
            if method.server_streaming:
                setattr(self, method.name, _local_stream(guard_stream(rpc, handler)))
            else:
                setattr(self, method.name, _local_unary(guard_unary(rpc, handler)))


def _local_unary(handler: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    async def invoke(
        request: Any,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  (gRPC's own signature)
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Any:
        context = LocalContext(metadata, timeout)
        try:
            # A TimeoutError that leaves is this one: the guard lets none of the handler's through.
            with Within(timeout):
                return await handler(request, context)
        except GraftError as error:
            raise cut(error, error_limit(context)) from None

    return invoke


def _local_stream(handler: Callable[[Any, Any], AsyncGenerator[Any, None]]) -> Callable[..., AsyncIterator[Any]]:
    async def invoke(request: Any, *, metadata: Sequence[tuple[str, str]] = ()) -> AsyncIterator[Any]:
        context = LocalContext(metadata, None)
        try:
            # Whoever leaves ends the handler at once, as the wire would.
            async with aclosing(handler(request, context)) as responses:
                async for response in responses:
                    yield response
        except GraftError as error:
            raise cut(error, error_limit(context)) from None

    return invoke
