"""XML-RPC over HTTP, as xapi serves it: envelopes and headers byte for byte, errors of HTTP in one sentence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple, TypeVar

import structlog
from prometheus_client import Counter
from starlette.types import Receive, Scope, Send

from gateway import metrics
from gateway.backends import Caller
from gateway.body import Bounds, ClientGoneError, RefusedError, check_head, discard_body, read_body
from gateway.exchange import Exchange, exchange_of, loggable_method
from gateway.load import Held, Load
from gateway.whole_answers import send_whole
from gateway.xenapi import LIST_METHODS, XenApi, route
from graft_common import tracing
from graft_common.errors import GraftError, internal_error, service_unavailable
from graft_common.values import Value
from graft_common.xmlrpc import Call, XmlRpcSyntaxError, format_bare, format_failure, format_success, parse_call

Result = TypeVar("Result")

# What is larger is parsed and written beside the event loop, so that other requests go on meanwhile.
LARGE = 64 << 10
_WORKERS = 2
_LARGE_VALUE_DEPTH = 3

_log = structlog.get_logger("graft.gateway")

_HEADER_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,1000}")
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate"})

# xapi, http_svr.ml: these go with every answer.
_COMMON_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"X-Requested-With"),
    (b"cache-control", b"no-cache, no-store"),
)
_XML = b"text/xml"
_TEXT = b"text/plain; charset=utf-8"


class _Answer(NamedTuple):
    status: int
    content_type: bytes
    body: bytes
    unread: bool = False
    """Whether the request's body was not read to its end, so that the connection is of no use any more."""


class XmlRpcEndpoint:
    """The ASGI application behind every path that takes XML-RPC."""

    def __init__(self, api: XenApi, bounds: Bounds, load: Load) -> None:
        self._api = api
        self._bounds = bounds
        self._load = load
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="graft-xml")
        self._stopping = False

    def refuse_new(self) -> None:
        """Answer calls that come from now on with SERVICE_UNAVAILABLE."""
        self._stopping = True

    def close(self) -> None:
        """End the worker threads."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a POST or OPTIONS request, as ASGI has it."""
        if scope["method"] == "OPTIONS":
            await _preflight(scope, send)
            return
        exchange = exchange_of(scope)
        headers = _trace_headers(scope)
        with tracing.server_span("xmlrpc", headers):
            try:
                answer = await self._answer(scope, receive, exchange)
            except ClientGoneError:
                exchange.outcome = "GONE"
                return
            except asyncio.CancelledError:
                # The server's time for an orderly end is over.
                await self._send(_failed(exchange, _stopping()), receive, send)
                raise
            await self._send(answer, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, exchange: Exchange) -> _Answer:
        kind = "none"
        try:
            self._check_running()
            with self._load.request() as held:
                call = await self._read_call(scope, receive, held)
                kind = route(call.method).kind.value
                exchange.rpc = loggable_method(call.method)
                return await self._call(call, exchange)
        except RefusedError as refusal:
            exchange.outcome = "REFUSED"
            return _refused(refusal)
        except XmlRpcSyntaxError as error:
            exchange.outcome = "MALFORMED"
            return _Answer(400, _TEXT, f"{_sentence(str(error))}\n".encode("utf-8", "replace"))
        except GraftError as error:
            # Without a call the body may not have been read to its end.
            return _failed(exchange, error, unread=kind == "none")
        except ClientGoneError:
            raise
        except Exception:  # noqa: BLE001  (no mistake of ours may reach a client as HTTP 500 or a traceback)
            _log.exception("http.crashed", rpc=exchange.rpc)
            text = f"The server has made a mistake; its log has the request id {exchange.request_id}."
            return _failed(exchange, internal_error(text), unread=kind == "none")
        finally:
            if exchange.outcome:
                _counter(kind, metrics.outcome_label(exchange.outcome)).inc()

    def _check_running(self) -> None:
        if self._stopping:
            raise _stopping()

    async def _read_call(self, scope: Scope, receive: Receive, held: Held) -> Call:
        check_head(scope["headers"], self._bounds.max_body)
        body = await read_body(receive, self._bounds.max_body, self._bounds.body_timeout, held)
        return parse_call(body) if len(body) < LARGE else await self._beside(parse_call, body)

    async def _call(self, call: Call, exchange: Exchange) -> _Answer:
        value = await self._api.call(
            call.method, call.params, Caller(exchange.request_id, exchange.peer, exchange.take_usage)
        )
        # The one method whose answer has no envelope (xapi, api_server.ml).
        write = format_bare if call.method == LIST_METHODS else format_success
        is_small = _size(value, _LARGE_VALUE_DEPTH) < LARGE
        body = write(value) if is_small else await self._beside(write, value)
        exchange.outcome = metrics.OK
        return _Answer(200, _XML, body)

    async def _beside(self, work: Callable[..., Result], argument: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, argument)

    async def _send(self, answer: _Answer, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", answer.content_type),
            *_COMMON_HEADERS,
            (b"content-length", str(len(answer.body)).encode()),
        ]
        if not (answer.unread or self._stopping):
            await send_whole(send, answer.status, headers, answer.body)
            return
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.unread:
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
            await discard_body(receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": answer.body})


async def _preflight(scope: Scope, send: Send) -> None:
    """Answer a browser that asks whether it may call, as xapi does (http_svr.ml): the wanted headers, and PUT."""
    wanted = next((value for name, value in scope["headers"] if name == b"access-control-request-headers"), b"")
    allowed = wanted + b", X-Requested-With" if wanted and _HEADER_NAMES.fullmatch(wanted) else b"X-Requested-With"
    headers = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-headers", allowed),
        (b"access-control-allow-methods", b"PUT"),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _refused(refusal: RefusedError) -> _Answer:
    return _Answer(refusal.status, _TEXT, f"{refusal.sentence}\n".encode(), unread=True)


def _failed(exchange: Exchange, error: GraftError, *, unread: bool = False) -> _Answer:
    exchange.outcome = error.code
    return _Answer(200, _XML, format_failure(error.error_info()), unread)


def _stopping() -> GraftError:
    return service_unavailable("gateway", "it is stopping")


def _trace_headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS
    }


@lru_cache(maxsize=256)
def _counter(kind: str, outcome: str) -> Counter:
    return metrics.XMLRPC_CALLS.labels(kind, outcome)


def _sentence(text: str) -> str:
    first = text[:1].upper() + text[1:]
    return first if first.endswith(".") else f"{first}."


def _size(value: Value, depth: int) -> int:
    """Estimate how long a value will be in XML, without walking through all of a large one."""
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
