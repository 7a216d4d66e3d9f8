"""HTTP for the reference: no credentials are asked for, as for `system.listMethods`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send

from gateway.answers import read_headers
from gateway.encodings import takes_gzip
from gateway.exchange import exchange_of
from gateway.load import Load
from gateway.offer import Known, Offer
from gateway.reference.files import DATAMODEL, DECLARATIONS, File, Files
from graft_common.errors import GraftError
from graft_docs.html import ASSETS, add_note, asset, away

PREFIX: Final = "/docs"
_INDEX: Final = "index.html"
_AWAY: Final = "The dispatcher, which knows the methods, does not answer, and nothing is known of it from before."
_BUSY: Final = "The gateway is serving as many requests as it may."
_RETRY: Final = ("retry-after", "2")
_HTML: Final = "text/html; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
)
_FRESH: Final = ("cache-control", "no-cache")
"""Browsers keep pages, and ask each time whether they are still the same."""
_UNKEPT: Final = ("cache-control", "no-store")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()


class ReferenceEndpoint:
    """The ASGI application at `/docs`."""

    def __init__(self, offer: Offer, load: Load) -> None:
        self._offer = offer
        self._load = load
        self._files = Files()
        self._assets: dict[str, File] = {}

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether a path is one of this end point."""
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    def close(self) -> None:
        """End the worker thread."""
        self._files.close()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI has it; a body that it may have is of no use."""
        exchange = exchange_of(scope)
        exchange.route = f"{PREFIX}/…"
        try:
            with self._load.request():
                answer = await self._answer(scope)
        except GraftError as error:
            exchange.outcome = error.code
            why = _BUSY if error.code == "SERVER_BUSY" else _AWAY
            answer = _Answer(503, away(why), (("content-type", _HTML), _UNKEPT, _RETRY))
        await _send(answer, scope["method"], send)

    async def _answer(self, scope: Scope) -> _Answer:
        if scope["method"] not in {"GET", "HEAD"}:
            text = f"{scope['method']} is not answered at this path; use GET, HEAD.\n"
            return _Answer(405, text.encode(), (("content-type", "text/plain; charset=utf-8"), ("allow", "GET, HEAD")))
        path: str = scope["path"]
        if path == PREFIX:
            return _Answer(308, headers=(("location", f"{PREFIX.removeprefix('/')}/"), _FRESH))
        name = path.removeprefix(f"{PREFIX}/") or _INDEX
        if name in ASSETS:
            return _sent(await self._asset(name), name, scope)
        known = await self._offer.known()
        file = await self._files.get(known.api, name)
        if file is None:
            body = await self._files.missing(known.api, path)
            return _Answer(404, body, (("content-type", _HTML), _UNKEPT))
        if not known.current and file.content_type == _HTML:
            return _Answer(200, add_note(file.body, _note(known)), (("content-type", _HTML), _UNKEPT))
        return _sent(file, name, scope)

    async def _asset(self, name: str) -> File:
        if name not in self._assets:
            self._assets[name] = await asyncio.to_thread(lambda: File.of(name, asset(name)))
        return self._assets[name]


def _note(known: Known) -> str:
    return (
        "The dispatcher, which knows the methods, does not answer just now."
        f" This is what it offered on {known.at:%-d %B %Y at %H:%M:%S} UTC."
    )


def _sent(file: File, name: str, scope: Scope) -> _Answer:
    asked = read_headers(scope)
    headers = [_FRESH, ("etag", file.tag), ("vary", "accept-encoding")]
    if _matches(asked.get("if-none-match", ""), file.tag):
        return _Answer(304, headers=headers)
    headers.append(("content-type", file.content_type))
    if name in (DECLARATIONS, DATAMODEL):
        headers.append(("content-disposition", f'attachment; filename="{name}"'))
    if file.packed is None or not takes_gzip(asked.get("accept-encoding", "")):
        return _Answer(200, file.body, headers)
    return _Answer(200, file.packed, [*headers, ("content-encoding", "gzip")])


def _matches(tags: str, tag: str) -> bool:
    """Compare as `If-None-Match` does, weakly (RFC 9110, 13.1.2)."""
    opaque = tag.removeprefix("W/")
    return tags.strip() == "*" or any(given.strip().removeprefix("W/") == opaque for given in tags.split(","))


async def _send(answer: _Answer, method: str, send: Send) -> None:
    headers = [*_HEADERS, *answer.headers]
    if answer.status != 304:
        headers.append(("content-length", str(len(answer.body))))
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
