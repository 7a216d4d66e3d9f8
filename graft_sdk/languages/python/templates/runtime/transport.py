"""HTTP as calls need it; a transport of your own may take its place."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Deque, Dict, Mapping, NamedTuple, Optional, Protocol, Set
from urllib.parse import urlsplit

from .errors import AnswerError, TransportError

MAX_ANSWER = 256 << 20
"""Bytes of one answer."""
MAX_IDLE = 8
"""Connections that are kept for the next calls."""
_CLOSED = (ConnectionError, http.client.BadStatusLine)


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    """With the query, below the URL that the transport was made for."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout: float = 120.0
    """Seconds without an answer."""
    repeatable: bool = False
    """It may be sent again when a connection that was kept turns out to be closed: twice is as good as once."""


@dataclass(frozen=True)
class Response:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """By names in lower case."""
    body: bytes = field(repr=False)


class Transport(Protocol):
    """Sends requests; several threads may use it at a time."""

    def send(self, request: Request) -> Response:
        """Send a request and wait for the answer, whatever its status.

        Raises:
            TransportError: there is none.
        """

    def close(self) -> None:
        """Let go of connections; after that nothing is sent."""


class AsyncTransport(Protocol):
    """Sends requests; several tasks may use it at a time."""

    async def send(self, request: Request) -> Response:
        """Send a request and wait for the answer, whatever its status.

        Raises:
            TransportError: there is none.
        """

    async def close(self) -> None:
        """Let go of connections; after that nothing is sent."""


class Address(NamedTuple):
    """Where a platform is."""

    tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def address_of(url: str) -> Address:
    """Read a URL.

    Raises:
        ValueError: it is none of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no URL such as https://graft.example:8080")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the URL has more than a host, a port and a path; user and password are given besides")
    tls = parts.scheme == "https"
    return Address(tls, parts.hostname, parts.port or (443 if tls else 80), parts.path.rstrip("/"))


class HttpTransport:
    """Connections that are kept alive, by the standard library.

    Args:
        url: where the platform is.
        tls: for `https`; if not given, certificates are checked against those that the system trusts.
    """

    def __init__(self, url: str, tls: Optional[ssl.SSLContext] = None) -> None:
        self._address = address_of(url)
        self._tls = (tls or ssl.create_default_context()) if self._address.tls else None
        self._idle: Deque[http.client.HTTPConnection] = deque()
        self._lock = threading.Lock()
        self._kept: Set[http.client.HTTPConnection] = set()
        """Connections in use that have carried another request before."""
        self._closed = False

    def send(self, request: Request) -> Response:
        """See `Transport`."""
        connection = self._take(request.timeout)
        try:
            return self._sent(connection, request)
        except TransportError as error:
            # The other side may have closed it just when the request was on its way.
            if not (request.repeatable and connection in self._kept and isinstance(error.__cause__, _CLOSED)):
                raise
        finally:
            self._kept.discard(connection)
        return self._sent(self._new(request.timeout), request)

    def _sent(self, connection: http.client.HTTPConnection, request: Request) -> Response:
        try:
            connection.request(
                request.method,
                self._address.path + request.path,
                request.body or None,
                {**request.headers, "Host": self._address.authority},
            )
            answer = connection.getresponse()
            body = answer.read(MAX_ANSWER + 1)
            headers: Dict[str, str] = {name.lower(): value for name, value in answer.getheaders()}
            keep = not answer.will_close and answer.isclosed()
        except OSError as error:
            connection.close()
            raise TransportError(f"no answer from {self._address.authority}: {error}") from error
        except http.client.HTTPException as error:
            connection.close()
            raise TransportError(f"no answer that HTTP knows: {error!r}") from error
        except BaseException:
            connection.close()
            raise
        if len(body) > MAX_ANSWER:
            connection.close()
            raise AnswerError(f"the answer has more than {MAX_ANSWER} bytes")
        self._give_back(connection, keep)
        return Response(answer.status, headers, body)

    def close(self) -> None:
        """See `Transport`."""
        with self._lock:
            self._closed = True
            idle = list(self._idle)
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, timeout: float) -> http.client.HTTPConnection:
        while True:
            with self._lock:
                if self._closed:
                    raise TransportError("the client has been closed")
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._new(timeout)
            if connection.sock is not None and not _is_over(connection.sock):
                connection.sock.settimeout(timeout)
                self._kept.add(connection)
                return connection
            connection.close()

    def _new(self, timeout: float) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(
                self._address.host, self._address.port, timeout=timeout, context=self._tls
            )
        return http.client.HTTPConnection(self._address.host, self._address.port, timeout=timeout)

    def _give_back(self, connection: http.client.HTTPConnection, keep: bool) -> None:
        with self._lock:
            if keep and not self._closed and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()


def _is_over(sock: socket.socket) -> bool:
    """Tell whether the other side has closed an idle connection: then there is something to read, the end."""
    try:
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True
