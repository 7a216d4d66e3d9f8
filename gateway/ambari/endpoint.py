"""HTTP for Ambari's REST interface: bounds, errors and how answers are written; `api` says what they are."""

from __future__ import annotations

import asyncio
import gzip
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from starlette.types import Receive, Scope, Send

from gateway.ambari.access import Access
from gateway.ambari.api import Answer, Api, Asked
from gateway.ambari.errors import AmbariError, Failure, failure_of, unexpected
from gateway.ambari.incoming import Incoming, effective_method, read_head
from gateway.ambari.query.errors import QueryError
from gateway.ambari.rendering import render, render_container_error, render_error
from gateway.ambari.table import PREFIX
from gateway.backends import Backends, Caller
from gateway.body import Bounds, ClientGoneError, RefusedError, check_head, discard_body, read_body
from gateway.exchange import Exchange, exchange_of
from gateway.load import Load
from gateway.logins import Logins
from gateway.streams import BodyStream
from graft_common import tracing
from graft_common.errors import GraftError

T = TypeVar("T")

MIN_PACKED = 10_240
"""Bytes from which answers are packed for those who take it, as Ambari's server does."""
HEAVY = 100
"""Resources from which an answer is written beside the event loop, so that other requests go on meanwhile."""
_PACKING = 6
_WORKERS = 2

_log = structlog.get_logger("graft.gateway")

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


@dataclass(frozen=True, slots=True)
class _Written:
    """An answer as it is sent."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    unread: bool = False
    """Whether the request's body was not read to its end, so that the connection is of no use any more."""


class AmbariEndpoint:
    """The ASGI application below `/api/v1`."""

    def __init__(
        self,
        backends: Backends,
        logins: Logins,
        bounds: Bounds,
        load: Load,
        *,
        upstream_statuses: bool,
        ambari_version: str,
        max_archive: int,
    ) -> None:
        self._bounds = bounds
        self._load = load
        self._max_archive = max_archive
        self._upstream_statuses = upstream_statuses
        self._api = Api(backends, Access(backends, logins), ambari_version)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="graft-ambari")
        self._stopping = False

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether a path is one of this end point."""
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    def refuse_new(self) -> None:
        """Answer requests that come from now on with 503."""
        self._stopping = True

    def close(self) -> None:
        """End the worker threads."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI has it."""
        exchange = exchange_of(scope)
        head = read_head(scope)
        exchange.route = f"{PREFIX}/…"
        with tracing.server_span("ambari", head.headers):
            try:
                written = await self._answer(head, scope, receive, exchange)
            except ClientGoneError:
                exchange.outcome = "GONE"
                return
            except asyncio.CancelledError:
                # The server's time for an orderly end is over.
                await self._send(_failed(_STOPPING, ()), head, receive, send)
                raise
            await self._send(written, head, receive, send)

    async def _answer(self, head: Incoming, scope: Scope, receive: Receive, exchange: Exchange) -> _Written:
        caller = Caller(exchange.request_id, exchange.peer, certificate=exchange.certificate)
        asked = Asked(head, head.method, b"", caller)
        try:
            if self._stopping:
                exchange.outcome = "SERVICE_UNAVAILABLE"
                return _failed(_STOPPING, (), unread=True)
            with self._load.request() as held:
                if self._api.streams(head):
                    check_head(scope["headers"], self._max_archive)
                    asked.stream = BodyStream(receive, _size(head), self._max_archive, self._bounds.body_timeout)
                else:
                    check_head(scope["headers"], self._bounds.max_body)
                    asked.body = await read_body(receive, self._bounds.max_body, self._bounds.body_timeout, held)
                asked.is_taken = True
                asked.method = effective_method(head)
                answer = await self._api.serve(asked)
                exchange.outcome = "OK"
                return await self._written(head, answer, asked.headers)
        except RefusedError as refusal:
            exchange.outcome = "REFUSED"
            return _failed(Failure(refusal.status, refusal.sentence, container=True), (), unread=True)
        except QueryError as error:
            exchange.outcome = "MALFORMED"
            return _failed(Failure(400, str(error)), asked.headers, unread=asked.is_unread)
        except AmbariError as error:
            exchange.outcome = "REFUSED"
            return _failed(error.failure, asked.headers, unread=asked.is_unread)
        except GraftError as error:
            exchange.outcome = error.code
            failure = failure_of(error, asked.operation, upstream_statuses=self._upstream_statuses)
            return _failed(failure or self._unexpected(error), asked.headers, unread=asked.is_unread)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001  (no mistake of ours may reach a client as a traceback)
            exchange.outcome = "INTERNAL_ERROR"
            return _failed(self._unexpected(error), asked.headers, unread=asked.is_unread)
        finally:
            exchange.route = asked.pattern
            exchange.rpc = f"{asked.method} {asked.pattern}"

    def _unexpected(self, error: Exception) -> Failure:
        reference = str(uuid.uuid4())
        _log.error("http.crashed", reference=reference, exc_info=error)
        return unexpected(reference)

    async def _written(self, head: Incoming, answer: Answer, headers: tuple[tuple[str, str], ...]) -> _Written:
        def write() -> tuple[bytes, bool]:
            shown = answer.body() if callable(answer.body) else answer.body
            body = b"" if shown is None else render(shown).encode("utf-8", "replace")
            packed = head.takes_gzip and len(body) >= MIN_PACKED
            return (gzip.compress(body, _PACKING, mtime=0) if packed else body), packed

        body, packed = await self._beside(answer.weight, write)
        coding = (("content-encoding", "gzip"),) if packed else ()
        vary = (("vary", "Accept-Encoding"),) if answer.body is not None else ()
        return _Written(answer.status, body, (*headers, *answer.headers, *coding, *vary))

    async def _beside(self, weight: int, work: Callable[[], T]) -> T:
        if weight < HEAVY:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def _send(self, written: _Written, head: Incoming, receive: Receive, send: Send) -> None:
        kind = b"application/json;charset=utf-8" if head.wants_json else b"text/plain;charset=utf-8"
        headers = [
            (b"content-type", kind),
            *_HEADERS,
            *((name.encode(), value.encode("latin-1", "replace")) for name, value in written.headers),
            (b"content-length", str(len(written.body)).encode()),
        ]
        if written.unread or self._stopping:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": written.status, "headers": headers})
        # The server leaves the body out where the method is HEAD.
        if written.unread:
            await send({"type": "http.response.body", "body": written.body, "more_body": True})
            await discard_body(receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": written.body})


_STOPPING = Failure(503, "The gateway is stopping.", container=True, headers=(("retry-after", "1"),))


def _size(head: Incoming) -> int:
    length = head.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() else 0


def _failed(failure: Failure, headers: tuple[tuple[str, str], ...], *, unread: bool = False) -> _Written:
    write = render_container_error if failure.container else render_error
    body = write(failure.status, failure.message).encode("utf-8", "replace")
    return _Written(failure.status, body, (*headers, *failure.headers), unread)
