"""uvicorn's HTTP protocol with the bounds that it lacks: on heads, on waiting for them, on clients that do not read."""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.exchange import CERTIFICATE
from gateway.whole_answers import AT_ONCE, Header, head_lines

MAX_CONNECTIONS = 4096
MAX_HEAD = 16 << 10
"""Bytes of a request's line and headers. xapi takes 1,024; browsers and proxies send more."""
MAX_HEADERS = 100
MAX_PIPELINED = 100
"""Requests that wait on one connection for the answer to another; it is closed after them, and clients ask again."""
HEAD_TIMEOUT = 20.0
"""Seconds from a connection's or a request's first byte to the end of the head."""
READ_TIMEOUT = 60.0
"""Seconds in which a client must take at least a part of an answer that waits for it."""
LINGER_TIME = 1.0
"""Seconds in which a client that was refused may read why."""

_JOINED_BODY = 32 << 10
"""Bytes from which a body is not copied so as to be written together with its head."""

_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)


class _HeadTooLargeError(Exception):
    """Leaves the parser; `data_received` answers it."""


class _PipelineFullError(Exception):
    """Leaves the parser; `send_400_response` sees to it that the connection ends after what waits."""


def _affordable_connections() -> int:
    """Leave half of the process's descriptors to everything else that it does."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else soft // 2


def _without_upgrade(data: bytes) -> bytes:
    """Take the header `Upgrade` out of a head: to ignore it is allowed, and Java's client sends it by default.

    httptools gives up on a request that has it, body and all.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or _UPGRADE.search(data, 0, end) is None:
        return data
    return _UPGRADE.sub(b"\r\nx-upgrade-ignored:", data[:end]) + data[end:]


def _answer_at_once(cycle: RequestResponseCycle, status: int, headers: Sequence[Header], body: bytes) -> bool:
    """Write an answer in one piece, as `RequestResponseCycle.send` would in two; leave to it what is not the rule."""
    if (
        cycle.response_started
        or cycle.disconnected
        or not cycle.keep_alive
        or cycle.flow.write_paused
        or cycle.scope["method"] == "HEAD"
        or (lines := head_lines([*cycle.default_headers, *headers])) is None
    ):
        return False
    cycle.response_started = cycle.response_complete = True
    head = b"".join((STATUS_LINE[status], lines, b"\r\n"))
    if len(body) < _JOINED_BODY:
        cycle.transport.write(head + body)
    else:
        cycle.transport.write(head)
        cycle.transport.write(body)
    cycle.message_event.set()
    cycle.on_response()
    return True


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    max_connections = MAX_CONNECTIONS
    head_timeout = HEAD_TIMEOUT
    read_timeout = READ_TIMEOUT

    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    _heads = 0
    _in_head = False
    _head_size = 0
    _partial_size = 0
    _too_large = False
    _refused = False
    _certificate = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock for the first request."""
        super().connection_made(transport)
        if (secured := transport.get_extra_info("ssl_object")) is not None:
            # The handshake has verified it, if there is one.
            self._certificate = secured.getpeercert(binary_form=True) or b""
        most = min(self.max_connections, _affordable_connections())
        if len(self.connections) > most:
            self._refuse(503, f"There are {most} connections, as many as may be; try again.")
            self.transport.close()
            return
        self._head_timer = self.loop.call_later(self.head_timeout, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        super().connection_lost(exc)
        for timer in (self._head_timer, self._read_timer):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and see to it that what is not a whole head yet is small and soon complete."""
        if self._refused or self.transport.is_closing():
            return
        head = self._heads if self._in_head else 0
        if not self._in_head and (self.cycle is None or not self.cycle.more_body):
            data = _without_upgrade(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._in_head:
            # Whatever stands before a head in the chunk that it begins in is not its own.
            self._partial_size = self._partial_size + len(data) if head == self._heads else 0
            if self._partial_size > MAX_HEAD:
                self._refuse_head()
                return
        if self._head_timer is None and (self._in_head or self._is_between_requests()):
            self._head_timer = self.loop.call_later(self.head_timeout, self._head_is_late)

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        super().on_message_begin()
        self._heads += 1
        self._in_head = True
        self._head_size = 0

    def on_url(self, url: bytes) -> None:
        """Count the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count(len(name) + len(value))
        if len(self.headers) >= MAX_HEADERS:
            self._too_large = True
            raise _HeadTooLargeError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _PipelineFullError
        super().on_headers_complete()
        # The request is served in a task that has not begun yet.
        if self._certificate:
            self.scope[CERTIFICATE] = self._certificate  # type: ignore[literal-required]  # beside ASGI's own
        self.scope[AT_ONCE] = partial(_answer_at_once, self.cycle)  # type: ignore[literal-required]  # beside ASGI's own

    def on_response_complete(self) -> None:
        """Start the clock for a client that leaves its answer waiting."""
        super().on_response_complete()
        waiting = self._waiting_bytes()
        if waiting and self._read_timer is None:
            self._read_timer = self.loop.call_later(self.read_timeout, self._check_reading, waiting)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless another request's answer is still to come before it."""
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        elif self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        elif self._too_large:
            self._refuse_head()
        else:
            self._refuse(400, msg)

    def _unsupported_upgrade_warning(self) -> None:
        # Reached where `_without_upgrade` saw no whole head. The parser reads nothing after it.
        self.cycle.keep_alive = False

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            self._too_large = True
            raise _HeadTooLargeError

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._refused:
            return
        if self._in_head:
            self._refuse(408, f"The request's head was not complete within {self.head_timeout:g} seconds.")
        elif self._is_between_requests():
            self.transport.close()

    def _check_reading(self, before: int) -> None:
        self._read_timer = None
        waiting = self._waiting_bytes()
        if waiting >= before:
            self.transport.abort()
        elif waiting:
            self._read_timer = self.loop.call_later(self.read_timeout, self._check_reading, waiting)

    def _waiting_bytes(self) -> int:
        return cast("asyncio.WriteTransport", self.transport).get_write_buffer_size()

    def _refuse_head(self) -> None:
        self._refuse(431, f"The head is larger than {MAX_HEAD} bytes or has more than {MAX_HEADERS} headers.")

    def _refuse(self, status: int, sentence: str) -> None:
        body = f"{sentence}\n".encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self._refused = True
        self.transport.write(head.encode() + body)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        # To close at once would reset the connection of a client that is still sending, and lose the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_TIME, self.transport.close)
