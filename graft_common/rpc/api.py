"""The description of a platform's methods over `DescribeApi`: into responses, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from graft.dispatcher.v1 import dispatcher_pb2 as pb
from graft_common.declarations.api import Api, Origin, Source
from graft_common.declarations.model import Document
from graft_common.declarations.reader import DeclarationError, read_documents
from graft_common.errors import service_unavailable
from graft_common.rpc.client import stream
from graft_common.rpc.uploads import CHUNK

if TYPE_CHECKING:
    from graft.dispatcher.v1.dispatcher_pb2_grpc import DispatcherServiceAsyncStub

MAX_SIZE = 256 << 20
"""Bytes of declarations that are taken."""

_FILE: Final = "declarations.xml"

SOURCES = {
    Source.BUILT_IN: pb.METHOD_SOURCE_BUILT_IN,
    Source.DROP_IN: pb.METHOD_SOURCE_DROP_IN,
    Source.EXTENSION: pb.METHOD_SOURCE_EXTENSION,
}
_SOURCES = {value: source for source, value in SOURCES.items()}


def responses(api: Api, known_digest: str) -> Iterator[pb.DescribeApiResponse]:
    """Tell what a platform offers; no more than the digest to those who have it already."""
    if api.digest == known_digest:
        yield pb.DescribeApiResponse(head=pb.ApiHead(digest=api.digest))
        return
    methods = [*_methods(api, declared=True), *_methods(api, declared=False)]
    methods.sort(key=lambda method: method.name)
    yield pb.DescribeApiResponse(head=pb.ApiHead(digest=api.digest, methods=methods))
    for start in range(0, len(api.xml), CHUNK):
        yield pb.DescribeApiResponse(chunk=api.xml[start : start + CHUNK])


async def fetch(dispatcher: DispatcherServiceAsyncStub, known: Api | None = None) -> Api:
    """Ask a dispatcher what it offers; return `known` itself where nothing has changed.

    Raises:
        GraftError: SERVICE_UNAVAILABLE, also where the answer is not what it should be.
    """
    request = pb.DescribeApiRequest(known_digest=known.digest if known else "")
    head: pb.ApiHead | None = None
    xml = bytearray()
    async for response in stream(dispatcher.DescribeApi, request, service="dispatcher"):
        if response.WhichOneof("part") == "head":
            head = response.head
        xml += response.chunk
        if len(xml) > MAX_SIZE:
            raise service_unavailable("dispatcher", f"its declarations have more than {MAX_SIZE} bytes")
    if head is None:
        raise service_unavailable("dispatcher", "its description of the methods has no head")
    if known is not None and head.digest == known.digest:
        return known
    try:
        # Much may be declared, and the caller's event loop has others to serve.
        document = await asyncio.to_thread(_read, bytes(xml))
    except DeclarationError as error:
        raise service_unavailable("dispatcher", f"its declarations cannot be read: {error}") from error
    return Api(
        document,
        _origins(method for method in head.methods if method.declared),
        _origins(method for method in head.methods if not method.declared),
    )


def _read(xml: bytes) -> Document:
    # The dispatcher has asked the schema, which takes most of the time, and has written this itself.
    return read_documents({_FILE: xml}, formed=True, bounded=False)[_FILE]


def _methods(api: Api, *, declared: bool) -> Iterator[pb.ApiMethod]:
    for name, origin in (api.origins if declared else api.undeclared).items():
        yield pb.ApiMethod(
            name=name,
            source=SOURCES[origin.source],
            origin=origin.place,
            declared=declared,
            available=origin.available,
        )


def _origins(methods: Iterable[pb.ApiMethod]) -> dict[str, Origin]:
    return {
        method.name: Origin(_SOURCES[method.source], method.origin, method.available)
        for method in methods
        if method.source in _SOURCES
    }
