"""HTTP for MCP: bounds, origins and credentials, before the `mcp` package sees a request."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import structlog
from starlette.types import Message, Receive, Scope, Send

from gateway import metrics
from gateway.access import Access
from gateway.answers import Answer, failed, query_values, read_headers, refused, send_answer
from gateway.backends import Backends, Caller
from gateway.body import Bounds, ClientGoneError, RefusedError, check_head, read_body
from gateway.exchange import Exchange, exchange_of
from gateway.load import Load
from gateway.mcp.callers import McpCaller, with_caller
from gateway.mcp.origins import origin_fits
from gateway.mcp.tools import Toolbox
from gateway.methods.calls import MethodCalls
from gateway.offer import Offer
from gateway.rpc_calls import caller_of
from graft_common import tracing
from graft_common.errors import GraftError, internal_error, service_unavailable, session_invalid
from graft_common.roles import Holding

if TYPE_CHECKING:
    from gateway.mcp.server import McpServer

PATH = "/mcp"
HOLDING_AGE = 10.0
"""Seconds for which what a session may is taken as it was."""
MAX_KNOWN = 1024
"""Sessions of which it is remembered."""

_ALLOW = "OPTIONS, POST"
_CORS_HEADERS = "authorization, content-type, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name"
_log = structlog.get_logger("graft.gateway")


class McpEndpoint:
    """The ASGI application at `/mcp`: streamable HTTP, without sessions of its own, each answer one JSON document."""

    def __init__(
        self,
        backends: Backends,
        calls: MethodCalls,
        offer: Offer,
        access: Access,
        bounds: Bounds,
        load: Load,
        origins: Collection[str],
    ) -> None:
        self._backends = backends
        self._calls = calls
        self._offer = offer
        self._access = access
        self._bounds = bounds
        self._load = load
        self._origins = origins
        self._holdings: OrderedDict[str, tuple[float, Holding]] = OrderedDict()
        self._tools: Toolbox | None = None
        self._server: McpServer | None = None
        self._making = asyncio.Lock()
        self._starting = asyncio.Lock()
        self._stopping = False

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether a path is the one of this end point."""
        return path in {PATH, f"{PATH}/"}

    def refuse_new(self) -> None:
        """Answer requests that come from now on with 503."""
        self._stopping = True

    async def close(self) -> None:
        """Let go of everything."""
        if self._server is not None:
            await self._server.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI has it."""
        exchange = exchange_of(scope)
        exchange.route = PATH
        headers = read_headers(scope)
        with tracing.server_span("mcp", headers):
            try:
                await self._serve(scope, headers, receive, send, exchange)
            except ClientGoneError:
                exchange.outcome = "GONE"
            finally:
                metrics.MCP_REQUESTS.labels(metrics.outcome_label(exchange.outcome)).inc()

    async def _serve(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send, exchange: Exchange
    ) -> None:
        unread = True
        try:
            self._check(scope, headers)
            if scope["method"] == "OPTIONS":
                exchange.outcome = metrics.OK
                await send_answer(Answer(204, headers=(("allow", _ALLOW), *self._cors(headers))), receive, send)
                return
            with self._load.request() as held:
                check_head(scope["headers"], self._bounds.max_body)
                body = await read_body(receive, self._bounds.max_body, self._bounds.body_timeout, held)
                unread = False
                caller = await self._caller(scope, headers, caller_of(exchange))
                server = await self._started()
                exchange.outcome = metrics.OK
                # The package is told of the canonical path, and reads the body that has been read already.
                await server.serve(
                    with_caller({**scope, "path": PATH}, caller), _replay(body, receive), self._marked(send, headers)
                )
        except RefusedError as error:
            exchange.outcome = "REFUSED"
            await send_answer(refused(error), receive, send, unread=unread)
        except GraftError as error:
            exchange.outcome = error.code
            await send_answer(failed(error), receive, send, unread=unread)
        except ClientGoneError:
            raise
        except Exception:  # noqa: BLE001  (no mistake of ours may reach a client as a traceback)
            _log.exception("http.crashed", rpc="mcp")
            exchange.outcome = "INTERNAL_ERROR"
            if not exchange.status:
                text = f"The server has made a mistake; its log has the request id {exchange.request_id}."
                await send_answer(failed(internal_error(text)), receive, send, unread=unread)

    def _check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        if self._stopping:
            raise service_unavailable("gateway", "it is stopping")
        if not origin_fits(headers.get("origin", ""), headers.get("host", ""), self._origins):
            text = "Pages of this origin may not use this server; GRAFT_MCP_ORIGINS names those that may."
            raise RefusedError(403, text)
        if scope["method"] not in {"POST", "OPTIONS"}:
            raise RefusedError(405, f"{scope['method']} is not answered at this path; use {_ALLOW}.", _ALLOW)

    async def _caller(self, scope: Scope, headers: Mapping[str, str], caller: Caller) -> McpCaller:
        """Check the credentials, and find out what they are good for."""
        authorization = headers.get("authorization", "")

        async def holding(session: str) -> Holding:
            if not session:
                raise session_invalid("")
            return await self._holding_of(session, caller)

        held = await self._access.serve(authorization, caller, holding)
        query = query_values(scope.get("query_string", b"").decode("latin-1"))
        classes = frozenset(name for given in query.get("classes", []) for name in given.split(",") if name)
        return McpCaller(authorization, caller, held, classes)

    async def _holding_of(self, session: str, caller: Caller) -> Holding:
        known = self._holdings.get(session)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        try:
            held = await self._backends.holding_of(session, caller)
        except GraftError as error:
            # Calls do not wait for the registry: the dispatcher checks them.
            if known is not None and error.code == "SERVICE_UNAVAILABLE":
                return known[1]
            self._holdings.pop(session, None)
            raise
        self._holdings[session] = (time.monotonic() + HOLDING_AGE, held)
        self._holdings.move_to_end(session)
        if len(self._holdings) > MAX_KNOWN:
            self._holdings.popitem(last=False)
        return held

    async def _started(self) -> McpServer:
        async with self._starting:
            if self._server is None:
                module = await asyncio.to_thread(importlib.import_module, "gateway.mcp.server")
                self._server = module.McpServer(self._toolbox, self._call, self._bounds.max_body)
            return self._server

    async def _toolbox(self) -> Toolbox:
        api = (await self._offer.known()).api
        async with self._making:
            if self._tools is None or self._tools.api is not api:
                self._tools = await asyncio.to_thread(Toolbox, api)
            return self._tools

    async def _call(self, method: str, arguments: bytes, caller: McpCaller) -> bytes:
        async def invoke(session: str) -> bytes:
            return await self._calls.invoke(method, arguments, session, caller.caller)

        return await self._access.serve(caller.authorization, caller.caller, invoke)

    def _cors(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        origin = headers.get("origin", "")
        if origin.lower() not in self._origins:
            return ()
        return (
            ("access-control-allow-origin", origin),
            ("access-control-allow-methods", "POST"),
            ("access-control-allow-headers", _CORS_HEADERS),
            ("vary", "Origin"),
        )

    def _marked(self, send: Send, headers: Mapping[str, str]) -> Send:
        """Add what every answer has to those of the package."""
        told = (("x-content-type-options", "nosniff"), *self._cors(headers))

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode("latin-1")) for name, value in told]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        return send_marked


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that has been read, and then whatever comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
