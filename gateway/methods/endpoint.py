"""HTTP for calls in JSON: bounds, errors, and how answers are sent; `api` says what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from starlette.types import Receive, Scope, Send

from gateway import metrics
from gateway.backends import Caller
from gateway.body import Bounds, ClientGoneError, RefusedError, check_head, discard_body, read_body
from gateway.exchange import Exchange, exchange_of, loggable_method
from gateway.load import Load
from gateway.methods.api import JSON, METHODS, NOWHERE, TASKS, Answer, Asked, MethodsApi, NotAnsweredError, Place
from gateway.methods.errors import body_of, headers_of, refusal, status_of
from graft_common import tracing
from graft_common.errors import GraftError, internal_error, service_unavailable

_log = structlog.get_logger("graft.gateway")

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_WITHOUT_BODY = frozenset({204, 304})
_NOT_FOUND = "There is nothing at this path; methods are at /api/v1/methods/{name}, tasks at /api/v1/tasks/{ref}."
_CODES: Mapping[int, str] = {
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "CONTENT_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
"""What stands as the code of what HTTP refuses, and no call."""


class MethodsEndpoint:
    """The ASGI application behind the paths of methods and tasks."""

    def __init__(self, api: MethodsApi, bounds: Bounds, load: Load) -> None:
        self._api = api
        self._bounds = bounds
        self._load = load
        self._stopping = False

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether a path is one of this end point."""
        return path in {METHODS, TASKS} or path.startswith((f"{METHODS}/", f"{TASKS}/"))

    def refuse_new(self) -> None:
        """Answer requests that come from now on with 503."""
        self._stopping = True
        self._api.stop_waiting()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI has it."""
        exchange = exchange_of(scope)
        headers = read_headers(scope)
        with tracing.server_span("rest", headers):
            try:
                answer, unread = await self._answer(scope, headers, receive, exchange)
            except ClientGoneError:
                exchange.outcome = "GONE"
                return
            except asyncio.CancelledError:
                # The server's time for an orderly end is over.
                await self._send(_failed(_stopping(), exchange), receive, send)
                raise
            await self._send(answer, receive, send, unread=unread)

    async def _answer(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive, exchange: Exchange
    ) -> tuple[Answer, bool]:
        """Return the answer, and whether some of the request's body has not been read."""
        unread = True
        place = self._api.place(scope["path"])
        exchange.route = place.pattern if place else NOWHERE
        exchange.rpc = loggable_method(place.rpc) if place and place.rpc else ""
        try:
            self._check_running()
            with self._load.request() as held:
                check_head(scope["headers"], self._bounds.max_body)
                body = await read_body(receive, self._bounds.max_body, self._bounds.body_timeout, held)
                unread = False
                query = scope.get("query_string", b"").decode("latin-1")
                caller = Caller(exchange.request_id, exchange.peer)
                answer = await self._serve(place, Asked(scope["method"], query, headers, body, caller))
                exchange.outcome = metrics.OK
                return answer, False
        except RefusedError as error:
            exchange.outcome = "REFUSED"
            return _refused(error), unread
        except GraftError as error:
            return _failed(error, exchange), unread
        except ClientGoneError:
            raise
        except Exception:  # noqa: BLE001  (no mistake of ours may reach a client as a traceback)
            _log.exception("http.crashed", rpc=exchange.rpc)
            text = f"The server has made a mistake; its log has the request id {exchange.request_id}."
            return _failed(internal_error(text), exchange), unread
        finally:
            self._count(place, exchange)

    def _check_running(self) -> None:
        if self._stopping:
            raise _stopping()

    async def _serve(self, place: Place | None, asked: Asked) -> Answer:
        if place is None:
            raise RefusedError(404, _NOT_FOUND)
        return await self._api.serve(place, asked)

    def _count(self, place: Place | None, exchange: Exchange) -> None:
        if place is not None and exchange.outcome:
            outcome = metrics.outcome_label(exchange.outcome)
            metrics.REST_CALLS.labels(place.pattern, outcome).inc()

    async def _send(self, answer: Answer, receive: Receive, send: Send, *, unread: bool = False) -> None:
        told = {**_HEADERS, **dict(answer.headers)}
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in told.items()]
        if answer.status not in _WITHOUT_BODY:
            headers += [(b"content-type", JSON.encode()), (b"content-length", str(len(answer.body)).encode())]
        if unread or self._stopping:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        # The server leaves the body out where the method is HEAD.
        if unread:
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
            await discard_body(receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": answer.body})


def read_headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name in small letters; the values of one that comes several times are joined."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _refused(error: RefusedError) -> Answer:
    allow = (("allow", error.verbs),) if isinstance(error, NotAnsweredError) else ()
    return Answer(error.status, refusal(error.status, _CODES.get(error.status, "REFUSED"), error.sentence), allow)


def _failed(error: GraftError, exchange: Exchange) -> Answer:
    exchange.outcome = error.code
    status = status_of(error)
    return Answer(status, body_of(error), headers_of(status))


def _stopping() -> GraftError:
    return service_unavailable("gateway", "it is stopping")
