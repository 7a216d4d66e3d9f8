"""The pages for people and machines that watch: what this is, health, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.readiness import Readiness

XML_RPC_PATHS = frozenset({"/", "/RPC2", "/xmlrpc", "/json"})
"""Those of xapi; `/json` takes XML-RPC there too, in spite of its name (api_server.ml)."""
JSON_RPC_PATHS = frozenset({"/jsonrpc"})
AUDIT_LOG = "/audit_log"
"""Another of xapi's."""
_PAGES = ("/", "/healthz", "/readyz", "/metrics")
_CALL_PATHS = XML_RPC_PATHS | JSON_RPC_PATHS
KNOWN_PATHS = _CALL_PATHS.union(_PAGES, {AUDIT_LOG})

_ABOUT = """\
Graft: methods and services added to a running platform.

POST /, /RPC2, /xmlrpc   XenAPI calls in XML-RPC
POST /jsonrpc            XenAPI calls in JSON-RPC, 1.0 and 2.0
POST /api/v1/methods/…   calls in JSON, as /api/v1/methods/openapi.json describes them
GET  /api/v1/tasks/…     the tasks of asynchronous calls
POST /mcp                methods as tools for language models (MCP)
     /api/v1/…           Ambari's REST interface: extensions, links, stacks
GET  /docs/              the reference of every method
GET  /audit_log          who has done what, as xapi writes it, or in JSON
GET  /healthz            whether this process lives
GET  /readyz             whether calls can be served, and what is missing
GET  /metrics            metrics for Prometheus
"""


class Pages:
    """The Starlette application for all that is not a call."""

    def __init__(self, readiness: Readiness, is_stopping: Callable[[], bool]) -> None:
        self._readiness = readiness
        self._is_stopping = is_stopping
        self.asgi = Starlette(
            routes=[
                Route("/", _about),
                Route("/healthz", _health),
                Route("/readyz", self._ready),
                Route("/metrics", _metrics),
            ],
            exception_handlers={HTTPException: _refuse},
        )
        self.asgi.router.redirect_slashes = False

    async def _ready(self, _: Request) -> Response:
        reasons = dict(await self._readiness.report())
        reasons["gateway"] = "it is stopping" if self._is_stopping() else ""
        parts = {name: {"ready": False, "reason": text} if text else {"ready": True} for name, text in reasons.items()}
        ready = not any(reasons.values())
        return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)


async def _about(_: Request) -> Response:
    return PlainTextResponse(_ABOUT)


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _metrics(request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={"content-type": content_type})


async def _refuse(request: Request, error: Exception) -> Response:
    path = request.url.path
    if path not in KNOWN_PATHS:
        text = (
            "There is nothing at this path; XML-RPC is at /, /RPC2 and /xmlrpc, JSON-RPC at /jsonrpc, calls in JSON at"
            " /api/v1/methods, tools at /mcp, Ambari's REST interface at /api/v1.\n"
        )
        return PlainTextResponse(text, 404)
    if isinstance(error, HTTPException) and error.status_code not in {404, 405}:
        return PlainTextResponse(f"{error.detail}.\n", error.status_code)
    methods = [*(["GET", "HEAD"] if path in _PAGES else []), *(["OPTIONS", "POST"] if path in _CALL_PATHS else [])]
    allowed = ", ".join(methods)
    return PlainTextResponse(
        f"{request.method} is not answered at this path; use {allowed}.\n", 405, {"allow": allowed}
    )
