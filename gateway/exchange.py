"""What surrounds every HTTP request: its id, its log line, its metrics."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from functools import lru_cache

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from gateway.metrics import HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SECONDS
from gateway.task_headers import NO_TASK, TaskHeaders, read_task_headers
from gateway.whole_answers import AT_ONCE, WHOLE, Header, pass_on

_log = structlog.get_logger("graft.gateway")

CERTIFICATE = "graft.client_certificate"
"""Where a request has the certificate, in DER, that its client has shown at the handshake."""
LOCAL_UID = "graft.local_uid"
"""Where a request that has come by the local socket has the number of the machine's user in its scope."""
_EXCHANGE = "graft.exchange"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LOGGED_PATH = 200
# What goes to the log of a reference in a path: it may be a session's, where a client has mistaken it for another's.
_REF = re.compile(r"(OpaqueRef:[^/]{8})[^/]+")
# Names of methods go to the log only if they are plain: broken clients send session references in their place.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_LOGGED_NAME = 256
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


@dataclass(slots=True)
class Exchange:
    """One request and what became of it."""

    request_id: str
    peer: str
    local_uid: int | None = None
    """The machine's user, where the request has come by the local socket."""
    certificate: bytes = b""
    """What the client has shown at the handshake, in DER."""
    task: TaskHeaders = NO_TASK
    """The tasks that the request has to do with."""
    route: str = ""
    """The pattern of the path, where it has variables: what metrics call it."""
    rpc: str = ""
    """The method that was called, where it has a plain name."""
    outcome: str = ""
    """`OK`, or the code of the error."""
    usage: str = ""
    """What the call has used, for the header `graft-usage`."""
    status: int = 0
    """The status that was answered; 0 where the client was gone before."""
    started: float = field(default_factory=time.perf_counter)

    def take_usage(self, usage: str) -> None:
        """Take what the call has used, to be told with the answer."""
        self.usage = usage

    def headers(self) -> list[Header]:
        """Return what every answer has besides its own headers."""
        headers = [(b"x-request-id", self.request_id.encode())]
        if self.usage:
            headers.append((b"graft-usage", self.usage.encode("latin-1", "replace")))
        return headers


def exchange_of(scope: Scope) -> Exchange:
    """Return the exchange that a request is a part of."""
    exchange: Exchange = scope[_EXCHANGE]
    return exchange


class Observed:
    """Gives every request an id and sends it back, logs the request and counts it."""

    def __init__(self, app: ASGIApp, known_paths: frozenset[str]) -> None:
        self._app = app
        self._known_paths = known_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        if scope["type"] != "http":
            return
        task = read_task_headers(scope["headers"])
        exchange = Exchange(_request_id(scope), _peer(scope), scope.get(LOCAL_UID), scope.get(CERTIFICATE, b""), task)
        scope[_EXCHANGE] = exchange
        # Taken out, for it leads back to the scope.
        at_once = scope.pop(AT_ONCE, None)

        async def send_observed(message: Message) -> None:
            kind = message["type"]
            if kind == WHOLE:
                exchange.status = message["status"]
                await pass_on(message, exchange.headers(), at_once, send)
                return
            if kind == "http.response.start":
                exchange.status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *exchange.headers()]}
            await send(message)

        HTTP_IN_FLIGHT.inc()
        bound = bind_contextvars(request_id=exchange.request_id)
        try:
            await self._app(scope, receive, send_observed)
        finally:
            self._report(scope, exchange)
            reset_contextvars(**bound)
            HTTP_IN_FLIGHT.dec()

    def _report(self, scope: Scope, exchange: Exchange) -> None:
        path: str = scope["path"]
        seconds = time.perf_counter() - exchange.started
        label = exchange.route or (path if path in self._known_paths else "other")
        requests, durations = _metrics(label, exchange.status)
        requests.inc()
        durations.observe(seconds)
        log = _log.debug if path in _QUIET_PATHS and exchange.status < 500 else _log.info
        log(
            "http.request",
            method=scope["method"],
            path=_REF.sub(r"\1…", path)[:_LOGGED_PATH],
            status=exchange.status,
            rpc=exchange.rpc,
            outcome=exchange.outcome,
            duration=round(seconds, 6),
            peer=exchange.peer,
        )


@lru_cache(maxsize=512)
def _metrics(label: str, status: int) -> tuple[Counter, Histogram]:
    """Return what counts and times requests; to find that anew for each takes longer than to count it."""
    return HTTP_REQUESTS.labels(label, str(status or "none")), HTTP_SECONDS.labels(label)


def loggable_method(name: str) -> str:
    """Return a method's name as the log may have it."""
    return name if len(name) <= _LOGGED_NAME and _PLAIN_NAME.fullmatch(name) else "(not a plain name)"


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return os.urandom(16).hex()


def _peer(scope: Scope) -> str:
    if (uid := scope.get(LOCAL_UID)) is not None:
        return f"local:{uid}"
    client = scope.get("client")
    if not client:
        return ""
    host, port = client
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
