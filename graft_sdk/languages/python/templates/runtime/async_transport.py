"""HTTP/1.1 on asyncio, since the standard library has none."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Deque, Dict, Optional, Tuple

from .errors import AnswerError, TransportError
from .transport import MAX_ANSWER, MAX_IDLE, Request, Response, address_of

_MAX_LINE = 64 * 1024
_MAX_HEADERS = 100
_CLOSING = 5.0
"""Seconds that the other side has to say goodbye."""

_Connection = Tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncHttpTransport:
    """Connections that are kept alive; for one event loop.

    Args:
        url: where the platform is.
        tls: for `https`; if not given, certificates are checked against those that the system trusts.
    """

    def __init__(self, url: str, tls: Optional[ssl.SSLContext] = None) -> None:
        self._address = address_of(url)
        self._tls = (tls or ssl.create_default_context()) if self._address.tls else None
        self._idle: Deque[_Connection] = deque()
        self._closed = False

    async def send(self, request: Request) -> Response:
        """See `AsyncTransport`."""
        try:
            return await asyncio.wait_for(self._send(request), request.timeout)
        except (asyncio.TimeoutError, TimeoutError):
            raise TransportError(
                f"no answer from {self._address.authority} within {request.timeout:g} seconds"
            ) from None
        except (OSError, EOFError) as error:
            raise TransportError(f"no answer from {self._address.authority}: {error}") from error

    async def close(self) -> None:
        """See `AsyncTransport`."""
        self._closed = True
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            try:
                await asyncio.wait_for(writer.wait_closed(), _CLOSING)
            except (OSError, asyncio.TimeoutError):
                pass

    async def _send(self, request: Request) -> Response:
        connection = self._take()
        if connection is not None:
            try:
                return await self._sent(connection, request)
            except (ConnectionError, EOFError):
                # The other side may have closed it just when the request was on its way.
                if not request.repeatable:
                    raise
        return await self._sent(await self._new(), request)

    async def _sent(self, connection: _Connection, request: Request) -> Response:
        reader, writer = connection
        kept = False
        try:
            writer.write(self._head(request) + request.body)
            await writer.drain()
            status, headers = await _read_head(reader)
            body, ended = await _read_body(reader, status, headers)
            kept = ended and "close" not in headers.get("connection", "").lower()
        finally:
            if kept and not self._closed and len(self._idle) < MAX_IDLE:
                self._idle.append((reader, writer))
            else:
                writer.close()
        return Response(status, headers, body)

    def _take(self) -> Optional[_Connection]:
        """Return a connection that has carried another request before."""
        if self._closed:
            raise TransportError("the client has been closed")
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return None

    async def _new(self) -> _Connection:
        return await asyncio.open_connection(self._address.host, self._address.port, ssl=self._tls, limit=_MAX_LINE)

    def _head(self, request: Request) -> bytes:
        headers = {
            "Host": self._address.authority,
            **request.headers,
            "Content-Length": str(len(request.body)),
        }
        lines = [f"{request.method} {self._address.path}{request.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header holds a line break")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise AnswerError("the answer is none of HTTP: a line is too long") from None
    return line.decode("latin-1").rstrip("\r\n")


async def _read_head(reader: asyncio.StreamReader) -> Tuple[int, Dict[str, str]]:
    status = 100
    headers: Dict[str, str] = {}
    while 100 <= status < 200:
        version, _, rest = (await _line(reader)).partition(" ")
        code = rest[:3]
        if not version.startswith("HTTP/1.") or not code.isdigit():
            raise AnswerError("the answer is none of HTTP/1.1")
        status = int(code)
        headers = {}
        while True:
            line = await _line(reader)
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > _MAX_HEADERS:
                raise AnswerError(f"the answer has more than {_MAX_HEADERS} headers")
        if version == "HTTP/1.0":
            headers.setdefault("connection", "close")
    return status, headers


async def _read_body(reader: asyncio.StreamReader, status: int, headers: Dict[str, str]) -> Tuple[bytes, bool]:
    """Return the body, and whether the connection stands at the end of the answer."""
    if status in (204, 304):
        return b"", True
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(reader), True
    length = headers.get("content-length")
    if length is None:
        body = await reader.read(MAX_ANSWER + 1)
        while not reader.at_eof() and len(body) <= MAX_ANSWER:
            body += await reader.read(MAX_ANSWER + 1)
        return _bounded(body), False
    if not length.isdigit() or int(length) > MAX_ANSWER:
        raise AnswerError(f"the answer's length is {length!r}; at most {MAX_ANSWER} bytes are taken")
    return await reader.readexactly(int(length)), True


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        try:
            size = int((await _line(reader)).partition(";")[0], 16)
        except ValueError:
            raise AnswerError("the answer's chunks cannot be read") from None
        if size == 0:
            break
        if size < 0 or len(body) + size > MAX_ANSWER:
            raise AnswerError(f"the answer has more than {MAX_ANSWER} bytes")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await _line(reader):
        pass
    return bytes(body)


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_ANSWER:
        raise AnswerError(f"the answer has more than {MAX_ANSWER} bytes")
    return body
