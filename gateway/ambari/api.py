"""What lies below `/api/v1`: from an authenticated request to what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.ambari.access import Access, Authenticated
from gateway.ambari.backend import Backend
from gateway.ambari.errors import NO_CSRF_HEADER, AmbariError, Operation
from gateway.ambari.incoming import OVERRIDE, SAFE_METHODS, Incoming
from gateway.ambari.openapi import Described, document
from gateway.ambari.query.bodies import RequestBody, parse_body
from gateway.ambari.query.parameters import parse_query
from gateway.ambari.reading import read, unsupported_properties
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Method, Target, find
from gateway.ambari.table import PREFIX, ROOTS
from gateway.ambari.writing import WriteRequest
from gateway.backends import Backends, Caller
from gateway.streams import BodyStream
from graft_common.errors import GraftError

DOCUMENT_WEIGHT = 1000
"""The document of the interface is as long as that many resources."""
NOWHERE = f"{PREFIX}/…"
"""Stands in metrics for every path that leads to nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, not written yet."""

    status: int = 200
    body: Json | Callable[[], Json] = None
    """What is answered, or what makes it; None for an answer without a body."""
    weight: int = 0
    """How many resources are in it, or were looked at for it."""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Asked:
    """A request and what is found out about it on the way; where it fails, that much is known."""

    head: Incoming
    method: str
    """The one that counts."""
    body: bytes
    caller: Caller
    pattern: str = NOWHERE
    operation: Operation = Operation.READ
    headers: tuple[tuple[str, str], ...] = ()
    """For the answer, whatever it is."""
    stream: BodyStream | None = None
    """The body, where the method reads it itself."""
    is_taken: bool = False
    """Whether the body was read, or is read by the method."""

    @property
    def is_unread(self) -> bool:
        """Whether some of the body has not been read."""
        return not self.is_taken or (self.stream is not None and not self.stream.ended)


@dataclass(frozen=True, slots=True)
class Page:
    """A path below `/api/v1` that is no resource."""

    serve: Mapping[str, Callable[[Asked], Awaitable[Answer]]]
    """By method."""
    doc: str = ""
    is_public: bool = False
    """Whether it is shown to those who have not said who they are."""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The methods that are answered there."""
        head = ("HEAD",) if "GET" in self.serve else ()
        return (*self.serve, *head, "OPTIONS")


@dataclass(slots=True)
class Api:
    """Serves requests whose bodies have been read."""

    backends: Backends
    access: Access
    ambari_version: str
    pages: Mapping[str, Page] = field(default_factory=dict)
    _document: Answer | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.pages = {
            "openapi.json": Page({"GET": self._describe}, "This document.", is_public=True),
            "auth": Page({"POST": self._open_session}, "Open a session for this client alone."),
            "logout": Page({"GET": self._close_session}, "Close the session of the cookie."),
            **self.pages,
        }

    @staticmethod
    def streams(head: Incoming) -> bool:
        """Tell whether a request's body is read by what serves it, rather than before."""
        target = find(ROOTS, head.segments, PREFIX)
        method = target.method(head.method) if target is not None and OVERRIDE not in head.headers else None
        return method is not None and method.streams

    async def serve(self, asked: Asked) -> Answer:
        """Serve a request: first who asks, then whether a browser was tricked into it, then what is asked.

        Raises:
            AmbariError: it fails in the gateway.
            GraftError: the registry has refused it, or does not answer.
            QueryError: the query or the body cannot be understood.
        """
        page = self._page(asked.head)
        if page is not None and page.is_public:
            return await self._serve_page(asked, page)
        session = await self.access.authenticate(asked.head, asked.caller)
        try:
            return await self._serve_as(asked, session)
        except GraftError as error:
            if error.code != "SESSION_INVALID":
                raise
            # The registry refuses a session before it does anything, so that nothing is done twice.
            self.access.ended(session)
            if not session.by_password:
                raise
            return await self._serve_as(asked, await self.access.authenticate(asked.head, asked.caller))

    async def _serve_as(self, asked: Asked, session: Authenticated) -> Answer:
        asked.headers = session.headers
        if asked.method not in SAFE_METHODS and "x-requested-by" not in asked.head.headers:
            raise AmbariError(400, NO_CSRF_HEADER, container=True)
        page = self._page(asked.head)
        if page is not None:
            return await self._serve_page(asked, page)
        target = find(ROOTS, asked.head.segments, PREFIX)
        if target is None:
            raise AmbariError(404, "Not Found", container=True)
        asked.pattern = target.pattern
        metadata = self.backends.metadata(asked.caller, session.login.ref)
        backend = Backend(self.backends.registry, metadata, self.ambari_version)
        return await self._serve_target(asked, target, backend)

    def _page(self, head: Incoming) -> Page | None:
        return self.pages.get(head.segments[0]) if len(head.segments) == 1 else None

    async def _serve_page(self, asked: Asked, page: Page) -> Answer:
        asked.pattern = f"{PREFIX}/{asked.head.segments[0]}"
        if asked.method == "OPTIONS":
            return _options(page.verbs)
        serve = page.serve.get("GET" if asked.method == "HEAD" else asked.method)
        if serve is None:
            raise not_answered(page.verbs)
        return await serve(asked)

    async def _serve_target(self, asked: Asked, target: Target, backend: Backend) -> Answer:
        if asked.method == "OPTIONS":
            return _options(target.verbs)
        if asked.method in {"GET", "HEAD"}:
            requests = parse_body(asked.body)
            query = parse_query(asked.head.query, next((one.query for one in requests if one.query), None))
            present, weight = await read(backend, target, query, asked.head.href)
            return Answer(200, present, weight)
        method = target.method(asked.method)
        if method is None:
            raise not_answered(target.verbs)
        asked.operation = method.operation
        return await self._write(asked, target, method, backend)

    async def _write(self, asked: Asked, target: Target, method: Method, backend: Backend) -> Answer:
        requests = parse_body(asked.body) if method.body and not method.streams else (RequestBody(),)
        resources = [properties for one in requests for properties in one.properties]
        _check_properties([name for properties in resources for name in properties], target)
        if len(resources) > 1 and not method.several:
            raise AmbariError(400, "Invalid Request: the path names one resource, and the body has several.")
        written = await method.handle(
            WriteRequest(
                backend,
                target.keys,
                requests,
                parse_query(asked.head.query, next((one.query for one in requests if one.query), None)),
                asked.body,
                asked.head.headers,
                f"{asked.head.origin}{PREFIX}",
                asked.stream,
            )
        )
        return Answer(written.status, written.body, headers=tuple(written.headers))

    async def _describe(self, _asked: Asked) -> Answer:
        if self._document is None:
            pages = [Described(name, page.doc, tuple(page.serve), page.is_public) for name, page in self.pages.items()]
            self._document = Answer(body=document(ROOTS, pages, PREFIX), weight=DOCUMENT_WEIGHT)
        return self._document

    async def _open_session(self, asked: Asked) -> Answer:
        headers = await self.access.open_own(asked.head, asked.caller)
        kept = tuple(item for item in asked.headers if not headers or item[0] != "set-cookie")
        asked.headers = kept
        return Answer(201, headers=headers)

    async def _close_session(self, asked: Asked) -> Answer:
        headers = await self.access.log_out(asked.head)
        asked.headers = tuple(item for item in asked.headers if item[0] != "set-cookie")
        return Answer(200, headers=headers)


def _check_properties(names: Sequence[str], target: Target) -> None:
    """Refuse properties that the type does not have (AbstractResourceProvider.checkRequestProperties)."""
    shape = target.place.shape
    unknown = sorted({name for name in names if name not in shape.properties})
    if unknown:
        raise unsupported_properties(unknown, target.place.type)


def not_answered(verbs: Sequence[str]) -> AmbariError:
    """Refuse a method, and tell which ones are answered."""
    return AmbariError(405, "Method Not Allowed", container=True, allow=", ".join(sorted(verbs)))


def _options(verbs: Sequence[str]) -> Answer:
    return Answer(200, headers=(("allow", ", ".join(sorted(verbs))),))
