"""What surrounds every RPC, on the wire and in-process: request id, metrics, and the last word on exceptions."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import grpc
import structlog
from prometheus_client import Counter, Histogram

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
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            tracing.server_span(rpc, context.invocation_metadata() or ()),
            _observed(label or rpc, request_id),
        ):
            return await handler(request, context)

    return guarded


def guard_stream(
    rpc: str, handler: Callable[[Any, CallContext], AsyncGenerator[Any, None]]
) -> Callable[[Any, CallContext], AsyncGenerator[Any, None]]:
    """Wrap a servicer's method with a stream of answers, to one request or to an iterator of them."""

    async def guarded(request: Any, context: CallContext) -> AsyncGenerator[Any, None]:
        with _observed(rpc, metadata_value(context, REQUEST_ID) or uuid.uuid4().hex):
            # A follower that leaves must end the handler now, not when the collector finds it.
            async with aclosing(handler(request, context)) as responses:
                async for response in responses:
                    yield response

    return guarded


@contextmanager
def _observed(rpc: str, request_id: str) -> Iterator[None]:
    started = time.perf_counter()
    result = "OK"
    try:
        yield
    except GraftError as error:
        result = error.code
        raise
    except asyncio.CancelledError:
        result = "CANCELLED"
        raise
    except GeneratorExit:
        result = "CLOSED"
        raise
    except grpc.aio.AbortError:
        result = "ABORTED"
        raise
    except Exception as error:
        result = "INTERNAL_ERROR"
        _log.exception("rpc.crashed", rpc=rpc)
        raise internal_error(f"The server has made a mistake; its log has the request id {request_id}.") from error
    finally:
        RPC_SECONDS.labels(rpc).observe(time.perf_counter() - started)
        RPC_TOTAL.labels(rpc, _result_label(result)).inc()


def _result_label(result: str) -> str:
    """Keep the label set bounded: extensions make up codes of their own."""
    if result in _seen_results or len(_seen_results) < _KNOWN_RESULTS:
        _seen_results.add(result)
        return result
    return "OTHER"
