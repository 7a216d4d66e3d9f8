"""A request as it came in: its head, its path below `/api/v1`, its URL as the client has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from starlette.types import Scope

from gateway.ambari.errors import AmbariError
from gateway.ambari.table import PREFIX
from gateway.answers import read_headers
from gateway.encodings import takes_gzip

OVERRIDE = "x-http-method-override"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_HOST = re.compile(r"[A-Za-z0-9._~:\[\]%-]{1,255}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """The head of a request."""

    method: str
    headers: Mapping[str, str]
    """By name in small letters."""
    segments: tuple[str, ...]
    """The path below `/api/v1`, decoded part by part."""
    query: str
    """As it came."""
    path: str
    """The whole path as it came."""
    origin: str
    """Scheme, host and port as the client has them."""

    @property
    def href(self) -> str:
        """The request's own URL, its query decoded (RequestImpl.java)."""
        query = f"?{unquote_plus(self.query, errors='replace')}" if self.query else ""
        return f"{self.origin}{self.path}{query}"

    @property
    def is_secure(self) -> bool:
        """Whether it came over TLS."""
        return self.origin.startswith("https:")

    @property
    def wants_json(self) -> bool:
        """Whether answers are to be marked as JSON (ContentTypeOverrideFilter.java)."""
        return self.headers.get("content-type", "").startswith("application/json")

    @property
    def takes_gzip(self) -> bool:
        """Whether the answer may be packed."""
        return takes_gzip(self.headers.get("accept-encoding", ""))


def read_head(scope: Scope) -> Incoming:
    """Read the head of a request."""
    headers = read_headers(scope)
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    return Incoming(
        method=scope["method"],
        headers=headers,
        segments=_segments(path),
        query=scope.get("query_string", b"").decode("latin-1"),
        path=path,
        origin=f"{scope.get('scheme', 'http')}://{_host(scope, headers)}",
    )


def _segments(path: str) -> tuple[str, ...]:
    """Split the path below `/api/v1`; one slash at its end does not count."""
    below = path.removeprefix(PREFIX).removeprefix("/").removesuffix("/")
    return tuple(unquote(part, errors="replace") for part in below.split("/")) if below else ()


def effective_method(head: Incoming) -> str:
    """Return the method that counts: only GET can stand in for another (MethodOverrideFilter.java).

    Raises:
        AmbariError: the header asks for something else.
    """
    asked = head.headers.get(OVERRIDE)
    if asked is None:
        return head.method
    if asked.upper() != "GET":
        text = f"Incorrect HTTP method for override: {asked}. Allowed values: [GET]"
        raise AmbariError(400, text, container=True)
    return "GET"


def _host(scope: Scope, headers: Mapping[str, str]) -> str:
    named = headers.get("host", "")
    if _HOST.fullmatch(named):
        return named
    host, port = scope.get("server") or ("localhost", None)
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown
