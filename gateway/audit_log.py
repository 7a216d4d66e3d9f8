"""`GET /audit_log`, as xapi has it: what both services have recorded, the oldest first, as it is read.

Lines are those of xapi's log, or JSON where the request asks for that. `since` is a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any

import orjson
import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.types import Receive, Scope, Send

from gateway.access import Access
from gateway.answers import Answer, failed, query_values, read_headers, refused, send_answer
from gateway.backends import Backends, Caller
from gateway.body import RefusedError
from gateway.exchange import exchange_of
from gateway.load import Load
from gateway.pages import AUDIT_LOG
from gateway.rpc_calls import caller_of, crashed
from graft.common.v1 import audit_pb2
from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import identity_pb2
from graft_common.audit_text import is_told, record_json, xapi_line
from graft_common.errors import GraftError, service_unavailable
from graft_common.rpc.client import call

_PAGE = 1000
_PIECE = 200
"""Records that are written between two turns of the event loop."""
_TIMEOUT = 30.0
"""Seconds for one page."""
_MAX_TEXT = 64
_SESSION = "session_id"
_LINES = "text/plain; charset=utf-8"
_JSON_LINES = "application/x-ndjson"
_WANTS_JSON = ("application/json", "application/x-ndjson")

_log = structlog.get_logger("graft.gateway")

Record = audit_pb2.AuditRecord
Write = Callable[[Record], bytes]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for."""

    since: Timestamp | None
    write: Write
    content_type: str
    session: str
    """Empty where the header `Authorization` says who asks."""


class AuditLogEndpoint:
    """The ASGI application behind the path; it holds two pages of each service at most."""

    def __init__(self, backends: Backends, access: Access, load: Load) -> None:
        self._backends = backends
        self._access = access
        self._load = load
        self._stopping = False

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether a path is the one of this end point."""
        return path == AUDIT_LOG

    def refuse_new(self) -> None:
        """Answer requests that come from now on with 503."""
        self._stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI has it."""
        exchange = exchange_of(scope)
        answer: Answer
        begun = False
        try:
            self._check_running()
            headers = read_headers(scope)
            asked = _read(scope, headers)
            caller = caller_of(exchange)
            with self._load.request():
                async with aclosing(await self._begin(asked, headers.get("authorization", ""), caller)) as pieces:
                    first = await anext(pieces, b"")
                    begun = True
                    await _send(first, pieces, asked.content_type, send)
            exchange.outcome = "OK"
        except RefusedError as error:
            exchange.outcome, answer = "REFUSED", refused(error)
        except GraftError as error:
            exchange.outcome, answer = error.code, failed(error)
        except Exception:  # noqa: BLE001  (no mistake of ours may reach a client as a traceback)
            exchange.outcome, answer = "INTERNAL_ERROR", failed(crashed(exchange.request_id))
        else:
            return
        if begun:
            # Ends the connection before the end of the answer, which tells the client that something is missing.
            _log.warning("audit_log.broken_off", outcome=exchange.outcome)
            raise ConnectionAbortedError(exchange.outcome)
        await send_answer(answer, receive, send)

    def _check_running(self) -> None:
        if self._stopping:
            raise service_unavailable("gateway", "it is stopping")

    async def _begin(self, asked: _Asked, authorization: str, caller: Caller) -> AsyncGenerator[bytes, None]:
        """Read the first pages, which fail where the caller may not read; return what makes the answer."""

        async def begin(session: str) -> AsyncGenerator[bytes, None]:
            until = time.time()
            logins = RecordPages(self._page_of_logins, asked.since, self._backends.metadata(caller, session), until)
            calls = RecordPages(self._page_of_calls, asked.since, self._backends.metadata(caller, session), until)
            await logins.fill()
            await calls.fill()
            return pieces_of(logins, calls, asked.write)

        return await (begin(asked.session) if asked.session else self._access.serve(authorization, caller, begin))

    async def _page_of_logins(self, since: Timestamp | None, token: str, metadata: Any) -> tuple[list[Record], str]:
        request = identity_pb2.ListLoginRecordsRequest(
            page_size=_PAGE, page_token=token, since=since, oldest_first=True
        )
        method = self._backends.registry.identity.ListLoginRecords
        answer = await call(method, request, timeout=_TIMEOUT, metadata=metadata, service="registry")
        return list(answer.records), answer.next_page_token

    async def _page_of_calls(self, since: Timestamp | None, token: str, metadata: Any) -> tuple[list[Record], str]:
        request = dispatcher_pb2.ListCallRecordsRequest(
            page_size=_PAGE, page_token=token, since=since, oldest_first=True
        )
        method = self._backends.dispatcher.dispatcher.ListCallRecords
        answer = await call(method, request, timeout=_TIMEOUT, metadata=metadata, service="dispatcher")
        return list(answer.records), answer.next_page_token


class RecordPages:
    """The records of one service, a page at a time, up to the moment of the request."""

    def __init__(self, read: Any, since: Timestamp | None, metadata: Any, until: float) -> None:
        self._read = read
        self._since = since
        self._metadata = metadata
        self._until = until
        self._token: str | None = ""
        self._records: list[Record] = []

    @property
    def next(self) -> Record | None:
        """The next record; None at the end, or where `fill` is to be called first."""
        return self._records[-1] if self._records else None

    def take(self) -> Record:
        """Return the next record, which is there, and go on to the one behind it."""
        return self._records.pop()

    async def fill(self) -> None:
        """Read the next page, if there is none left and one is to come."""
        while not self._records and self._token is not None:
            found, token = await self._read(self._since, self._token, self._metadata)
            self._token = token or None
            if found and found[-1].time.ToMilliseconds() / 1000 > self._until:
                # What is written meanwhile is for the next request.
                self._token = None
            self._records = [one for one in reversed(found) if one.time.ToMilliseconds() / 1000 <= self._until]


async def pieces_of(logins: RecordPages, calls: RecordPages, write: Write) -> AsyncGenerator[bytes, None]:
    """Yield the records of both in the order of their times, some in one piece."""
    piece: list[bytes] = []
    while True:
        await logins.fill()
        await calls.fill()
        heads = [(pages.next.time.ToNanoseconds(), pages) for pages in (logins, calls) if pages.next is not None]
        if not heads:
            break
        piece.append(write(min(heads, key=lambda head: head[0])[1].take()))
        if len(piece) == _PIECE:
            yield b"".join(piece)
            piece = []
            # A client that reads fast never lets others have a turn by itself.
            await asyncio.sleep(0)
    if piece:
        yield b"".join(piece)


async def _send(first: bytes, rest: AsyncIterator[bytes], content_type: str, send: Send) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for piece in rest:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _read(scope: Scope, headers: dict[str, str]) -> _Asked:
    """Read a request.

    Raises:
        RefusedError: it is none that could be served.
    """
    if scope["method"] != "GET":
        raise RefusedError(405, "The audit log is read with GET.", allow="GET")
    query = query_values(scope.get("query_string", b"").decode("latin-1"))
    session = next(iter(query.get(_SESSION, [])), "") or _cookie(headers.get("cookie", ""))
    form = next(iter(query.get("format", [])), "")
    if form not in {"", "json", "xapi"}:
        raise RefusedError(400, "format is json or xapi.")
    as_json = form == "json" or (not form and any(kind in headers.get("accept", "") for kind in _WANTS_JSON))
    since = _time(next(iter(query.get("since", [])), ""))
    return _Asked(since, _json_line if as_json else _line, _JSON_LINES if as_json else _LINES, session)


def _cookie(text: str) -> str:
    try:
        found = SimpleCookie(text).get(_SESSION)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _time(text: str) -> Timestamp | None:
    """Read a time, in any of the forms that xapi takes (audit_log.ml), in UTC where nothing else is said."""
    if not text:
        return None
    stamp = Timestamp()
    try:
        moment = datetime.fromisoformat(text[:_MAX_TEXT].strip())
        stamp.FromDatetime(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise RefusedError(400, "since is a time such as 2026-01-31T12:00:00Z or 20260131T12:00:00.") from None
    return stamp


def _line(record: Record) -> bytes:
    return f"{xapi_line(record)}\n".encode("utf-8", "replace") if is_told(record) else b""


def _json_line(record: Record) -> bytes:
    return orjson.dumps(record_json(record)) + b"\n"
