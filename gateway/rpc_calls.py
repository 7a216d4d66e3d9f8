"""What all envelopes of calls do with a call, once they have read it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import structlog
from prometheus_client import Counter

from gateway import metrics
from gateway.backends import Caller
from gateway.exchange import Exchange
from gateway.xenapi import XenApi, route
from graft_common.errors import GraftError, internal_error
from graft_common.values import Prepared, Value

Result = TypeVar("Result")

LARGE = 64 << 10
"""Bytes from which something is parsed and written beside the event loop, so that other requests go on meanwhile."""

_NOT_READ = "none"
_WORKERS = 2
_LARGE_VALUE_DEPTH = 3

_log = structlog.get_logger("graft.gateway")


class RpcCalls:
    """Makes calls, counts them, and lends threads for what is large.

    Args:
        api: serves them.
        counter: has the labels `kind` and `outcome`.
    """

    def __init__(self, api: XenApi, counter: Counter) -> None:
        self._api = api
        self._count = lru_cache(maxsize=256)(counter.labels)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="graft-rpc")

    def close(self) -> None:
        """End the threads."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def make(self, method: str, params: Sequence[Value], caller: Caller) -> Value:
        """Make a call.

        Raises:
            GraftError: it has failed; a mistake of ours is an INTERNAL_ERROR that names the request.
        """
        outcome = metrics.OK
        try:
            return await self._api.call(method, params, caller)
        except GraftError as error:
            outcome = error.code
            raise
        except Exception as error:
            failure = crashed(caller.request_id)
            outcome = failure.code
            raise failure from error
        finally:
            self._count(route(method).kind.value, metrics.outcome_label(outcome)).inc()

    def count_unread(self, outcome: str) -> None:
        """Count a request that was answered before there was a call."""
        self._count(_NOT_READ, metrics.outcome_label(outcome)).inc()

    async def parse(self, work: Callable[[bytes], Result], body: bytes) -> Result:
        """Parse a body, beside the event loop if it is large."""
        return work(body) if len(body) < LARGE else await self._beside(work, body)

    async def write(self, work: Callable[[Value], bytes], value: Value) -> bytes:
        """Write a value, beside the event loop if it is large."""
        is_small = _size(value, _LARGE_VALUE_DEPTH) < LARGE
        return work(value) if is_small else await self._beside(work, value)

    async def write_once(self, work: Callable[[Value], bytes], value: Value) -> bytes:
        """Write a value as `write` does, but one that many are given only once; the work is a function that lasts."""
        if not isinstance(value, Prepared):
            return await self.write(work, value)
        return value.made(work) or await self.write(lambda _: value.form(work), value)

    async def _beside(self, work: Callable[..., Result], argument: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, argument)


def caller_of(exchange: Exchange) -> Caller:
    """Return who asks, for a request of one call, whose use is told with the answer."""
    return Caller(
        exchange.request_id, exchange.peer, exchange.take_usage, exchange.local_uid, exchange.certificate, exchange.task
    )


def crashed(request_id: str) -> GraftError:
    """Log the mistake of ours that is being handled, and return what a client sees of it."""
    _log.exception("http.crashed")
    return internal_error(f"The server has made a mistake; its log has the request id {request_id}.")


def _size(value: Value, depth: int) -> int:
    """Estimate how long a value will be when written, without walking through all of a large one."""
    match value:
        case str() | bytes():
            return len(value)
        case list() if depth:
            return _sum_sizes(value, depth)
        case dict() if depth:
            return _sum_sizes(list(value.values()), depth)
        case list() | dict():
            return LARGE
        case _:
            return 32


def _sum_sizes(values: Sequence[Value], depth: int) -> int:
    total = 0
    for value in values:
        total += 32 + _size(value, depth - 1)
        if total >= LARGE:
            break
    return total
