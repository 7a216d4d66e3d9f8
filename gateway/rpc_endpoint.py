"""Calls over HTTP, as xapi serves them: what is the same whatever envelope a call comes in."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple, Protocol

from starlette.types import Receive, Scope, Send

from gateway.abandoning import Client
from gateway.body import Bounds, ClientGoneError, RefusedError, check_head, discard_body, read_body
from gateway.exchange import Exchange, exchange_of
from gateway.load import Held, Load
from gateway.rpc_calls import crashed
from gateway.whole_answers import Header, send_whole
from graft_common import tracing
from graft_common.errors import GraftError, service_unavailable

_HEADER_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,1000}")
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate"})
_NO_CONTENT = 204

# xapi, http_svr.ml: these go with every answer.
_COMMON_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"X-Requested-With"),
    (b"cache-control", b"no-cache, no-store"),
)


class RpcAnswer(NamedTuple):
    """What is answered; one without content, to what wants no answer, has the status 204."""

    status: int
    content_type: bytes
    body: bytes


class Message(Protocol):
    """A body that has been read: the calls in it."""

    async def answer(self, exchange: Exchange, held: Held, client: Client) -> RpcAnswer:
        """Make the calls.

        Raises:
            GraftError: there is no room for them.
            ClientGoneError: there was nobody left to wait for.
        """

    def failed(self, error: GraftError) -> RpcAnswer:
        """Answer what has failed as a whole."""


class Envelope(Protocol):
    """A form in which calls and answers are written."""

    name: str
    """What traces call it."""

    async def read(self, body: bytes, exchange: Exchange) -> Message | RpcAnswer:
        """Read a body; what is none of this form is answered at once."""

    def failed(self, error: GraftError) -> RpcAnswer:
        """Answer a request of which no call has been read."""

    def refused(self, status: int, sentence: str) -> RpcAnswer:
        """Answer a request that HTTP refuses."""

    def close(self) -> None:
        """Let go of threads."""


class RpcEndpoint:
    """The ASGI application behind every path that takes calls in one envelope."""

    def __init__(self, envelope: Envelope, bounds: Bounds, load: Load) -> None:
        self._envelope = envelope
        self._bounds = bounds
        self._load = load
        self._stopping = False

    def refuse_new(self) -> None:
        """Answer calls that come from now on with SERVICE_UNAVAILABLE."""
        self._stopping = True

    def close(self) -> None:
        """End the worker threads."""
        self._envelope.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a POST or OPTIONS request, as ASGI has it."""
        if scope["method"] == "OPTIONS":
            await _preflight(scope, send)
            return
        exchange = exchange_of(scope)
        request = _Request(self._envelope, exchange)
        with tracing.server_span(self._envelope.name, _trace_headers(scope)):
            try:
                answer = await self._answer(scope, receive, request)
            except ClientGoneError:
                exchange.outcome = "GONE"
                return
            except asyncio.CancelledError:
                # The server's time for an orderly end is over.
                await self._send(request.failed(_stopping()), request, receive, send)
                raise
            await self._send(answer, request, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, request: _Request) -> RpcAnswer:
        try:
            self._check_running()
            with self._load.request() as held:
                check_head(scope["headers"], self._bounds.max_body)
                body = await read_body(receive, self._bounds.max_body, self._bounds.body_timeout, held)
                request.unread = False
                found = await self._envelope.read(body, request.exchange)
                if isinstance(found, RpcAnswer):
                    return found
                request.message = found
                async with Client(receive) as client:
                    return await found.answer(request.exchange, held, client)
        except RefusedError as refusal:
            request.exchange.outcome = "REFUSED"
            return self._envelope.refused(refusal.status, refusal.sentence)
        except GraftError as error:
            return request.failed(error)
        except ClientGoneError:
            raise
        except Exception:  # noqa: BLE001  (no mistake of ours may reach a client as HTTP 500 or a traceback)
            return request.failed(crashed(request.exchange.request_id))

    def _check_running(self) -> None:
        if self._stopping:
            raise _stopping()

    async def _send(self, answer: RpcAnswer, request: _Request, receive: Receive, send: Send) -> None:
        headers: list[Header] = [*_COMMON_HEADERS]
        if answer.status != _NO_CONTENT:
            length = str(len(answer.body)).encode()
            headers = [(b"content-type", answer.content_type), *headers, (b"content-length", length)]
        if not (request.unread or self._stopping):
            await send_whole(send, answer.status, headers, answer.body)
            return
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if request.unread:
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
            await discard_body(receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": answer.body})


class _Request:
    """How far the serving of one request has come."""

    __slots__ = ("_envelope", "exchange", "message", "unread")

    def __init__(self, envelope: Envelope, exchange: Exchange) -> None:
        self._envelope = envelope
        self.exchange = exchange
        self.message: Message | None = None
        self.unread = True
        """Whether the body was not read to its end, so that the connection is of no use any more."""

    def failed(self, error: GraftError) -> RpcAnswer:
        self.exchange.outcome = error.code
        return (self.message or self._envelope).failed(error)


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


def _stopping() -> GraftError:
    return service_unavailable("gateway", "it is stopping")


def _trace_headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS
    }
