"""What surrounds every RPC, on the wire and in-process: request id, metrics, and the last word on exceptions."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import lru_cache
from types import TracebackType
from typing import Any

import grpc
import structlog
from prometheus_client import Counter, Histogram
from structlog.contextvars import bind_contextvars, reset_contextvars

from graft_common import tracing
from graft_common.errors import GraftError, internal_error
from graft_common.rpc.context import REQUEST_ID, CallContext, metadata_value

_log = structlog.get_logger("graft.rpc")

RPC_SECONDS = Histogram(
    "graft_rpc_seconds",
    "Time from the arrival of an RPC to its end.",
    ["rpc"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
RPC_TOTAL = Counter(
    "graft_rpcs_total", "RPCs that have ended, by result: OK or the code of the error.", ["rpc", "result"]
)

_CRASHED = "INTERNAL_ERROR"
_KNOWN_RESULTS = 64
_seen_results: set[str] = set()

UnaryHandler = Callable[[Any, CallContext], Awaitable[Any]]


def guard_unary(rpc: str, handler: UnaryHandler, label: str = "") -> UnaryHandler:
    """Wrap a servicer's method with one answer; what it is asked is one request, or an iterator of them.

    Args:
        rpc: its full name.
        handler: the method.
        label: what metrics call it, where there are so many that they must share one.
    """

    async def guarded(request: Any, context: CallContext) -> Any:
        request_id = metadata_value(context, REQUEST_ID) or uuid.uuid4().hex
        bound = bind_contextvars(request_id=request_id)
        try:
            with (
                tracing.server_span(rpc, context.invocation_metadata() or ()),
                _Observed(label or rpc, request_id),
            ):
                return await handler(request, context)
        finally:
            reset_contextvars(**bound)

    return guarded


def guard_stream(
    rpc: str, handler: Callable[[Any, CallContext], AsyncGenerator[Any, None]]
) -> Callable[[Any, CallContext], AsyncGenerator[Any, None]]:
    """Wrap a servicer's method with a stream of answers, to one request or to an iterator of them."""

    async def guarded(request: Any, context: CallContext) -> AsyncGenerator[Any, None]:
        with _Observed(rpc, metadata_value(context, REQUEST_ID) or uuid.uuid4().hex):
            # A follower that leaves must end the handler now, not when the collector finds it.
            async with aclosing(handler(request, context)) as responses:
                async for response in responses:
                    yield response

    return guarded


class _Observed:
    """Counts and times what runs in its context, and lets no exception out that is none of Graft's."""

    __slots__ = ("_request_id", "_rpc", "_started")

    def __init__(self, rpc: str, request_id: str) -> None:
        self._rpc = rpc
        self._request_id = request_id
        self._started = time.perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        result = _result(error)
        seconds, total = _metrics(self._rpc, _result_label(result))
        seconds.observe(time.perf_counter() - self._started)
        total.inc()
        if result == _CRASHED and not isinstance(error, GraftError):
            _log.error("rpc.crashed", rpc=self._rpc, exc_info=error)
            text = f"The server has made a mistake; its log has the request id {self._request_id}."
            raise internal_error(text) from error


def _result(error: BaseException | None) -> str:
    match error:
        case None:
            return "OK"
        case GraftError():
            return error.code
        case asyncio.CancelledError():
            return "CANCELLED"
        case GeneratorExit():
            return "CLOSED"
        case grpc.aio.AbortError():
            return "ABORTED"
        case Exception():
            return _CRASHED
        case _:
            return "OK"


@lru_cache(maxsize=1024)
def _metrics(rpc: str, result: str) -> tuple[Histogram, Counter]:
    return RPC_SECONDS.labels(rpc), RPC_TOTAL.labels(rpc, result)


def _result_label(result: str) -> str:
    """Keep the label set bounded: extensions make up codes of their own."""
    if result in _seen_results or len(_seen_results) < _KNOWN_RESULTS:
        _seen_results.add(result)
        return result
    return "OTHER"
