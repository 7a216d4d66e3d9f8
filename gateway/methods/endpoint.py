"""HTTP for calls in JSON: bounds, errors, and how answers are sent; `api` says what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from starlette.types import Receive, Scope, Send

from gateway import metrics
from gateway.answers import Answer, failed, read_headers, refused, send_answer
from gateway.body import Bounds, ClientGoneError, RefusedError, check_head, read_body
from gateway.event_streams import send_events
from gateway.exchange import Exchange, exchange_of, loggable_method
from gateway.load import Load
from gateway.methods.api import METHODS, NOWHERE, TASKS, Asked, MethodsApi, Place
from gateway.rpc_calls import caller_of
from graft_common import tracing
from graft_common.errors import GraftError, internal_error, service_unavailable

_log = structlog.get_logger("graft.gateway")

_NOT_FOUND = "There is nothing at this path; methods are at /api/v1/methods/{name}, tasks at /api/v1/tasks/{ref}."


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
                await send_answer(_failed(_stopping(), exchange), receive, send, closing=True)
                raise
            if answer.events is not None:
                await send_events(answer.body, answer.events, self._api.stopping, receive, send)
                return
            await send_answer(answer, receive, send, unread=unread, closing=self._stopping)

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
                caller = caller_of(exchange)
                answer = await self._serve(place, Asked(scope["method"], query, headers, body, caller))
                exchange.outcome = metrics.OK
                return answer, False
        except RefusedError as error:
            exchange.outcome = "REFUSED"
            return refused(error), unread
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


def _failed(error: GraftError, exchange: Exchange) -> Answer:
    exchange.outcome = error.code
    return failed(error)


def _stopping() -> GraftError:
    return service_unavailable("gateway", "it is stopping")
