"""Server reflection, v1 and v1alpha, of services that are fixed and of those that come and go.

grpcio-reflection answers from a fixed list of names and one pool, and leaves comments out.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2 as pb

from graft_common.rpc.service import DescribedServices, DynamicServices

_V1ALPHA = pb.DESCRIPTOR.services_by_name["ServerReflection"].full_name
_V1 = "grpc.reflection.v1.ServerReflection"
_Found = tuple[DescribedServices, Any]


def add_reflection(server: grpc.aio.Server, names: Sequence[str], dynamic: Sequence[DynamicServices]) -> None:
    """Let a server tell of services, and of itself.

    Args:
        server: the server.
        names: the full names of the fixed services, whose stubs are loaded.
        dynamic: those that come and go.
    """
    fixed = [DescribedServices([*names, _V1ALPHA], descriptor_pool.Default()), _described_v1()]
    handler = grpc.stream_stream_rpc_method_handler(
        _Reflection(fixed, dynamic).answers,
        pb.ServerReflectionRequest.FromString,
        pb.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler})
            for service in (_V1, _V1ALPHA)
        )
    )


class _Reflection:
    """Answers all streams."""

    def __init__(self, fixed: Sequence[DescribedServices], dynamic: Sequence[DynamicServices]) -> None:
        self._fixed = fixed
        self._dynamic = dynamic

    async def answers(
        self, requests: AsyncIterator[pb.ServerReflectionRequest], _context: Any
    ) -> AsyncGenerator[pb.ServerReflectionResponse, None]:
        """Answer one stream."""
        stream = _Stream(self._current)
        async for request in requests:
            yield await stream.answer(request)

    async def _current(self) -> Sequence[DescribedServices]:
        return [*self._fixed, *[await services.described() for services in self._dynamic]]


class _Stream:
    """One stream, which is told of one version of each service, so that what it hears fits together.

    A newer version is taken when it asks for the list, or for what is not in the one that it knows.
    """

    def __init__(self, current: Callable[[], Any]) -> None:
        self._current = current
        self._known: Sequence[DescribedServices] = ()
        self._sent: set[str] = set()

    async def answer(self, request: pb.ServerReflectionRequest) -> pb.ServerReflectionResponse:
        kind = request.WhichOneof("message_request")
        response = pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
        if kind == "list_services":
            await self._refresh()
            for name in sorted({name for known in self._known for name in known.names}):
                response.list_services_response.service.add(name=name)
            return response
        if kind is None:
            return _failed(response, grpc.StatusCode.INVALID_ARGUMENT, "the request asks for nothing that is known")
        find = _finder(request, kind)
        found = self._find(find)
        if found is None and await self._refresh():
            found = self._find(find)
        if found is None:
            return _failed(response, grpc.StatusCode.NOT_FOUND, "there is nothing of that name")
        known, answer = found
        if kind == "all_extension_numbers_of_type":
            response.all_extension_numbers_response.base_type_name = request.all_extension_numbers_of_type
            response.all_extension_numbers_response.extension_number.extend(answer)
        else:
            response.file_descriptor_response.file_descriptor_proto.extend(self._files(known, answer))
        return response

    async def _refresh(self) -> bool:
        """Take the newest version; tell whether there was one."""
        current = await self._current()
        if len(current) == len(self._known) and all(new is old for new, old in zip(current, self._known, strict=True)):
            return False
        self._known = current
        self._sent.clear()
        return True

    def _find(self, find: Callable[[Any], Any]) -> _Found | None:
        for known in self._known:
            try:
                return known, find(known.pool)
            except KeyError:
                continue
        return None

    def _files(self, known: DescribedServices, file: Any) -> Iterator[bytes]:
        """Return the descriptors of a file, and of those that it needs and this stream has not had yet."""
        waiting = [file]
        seen = {file.name}
        while waiting:
            needed = waiting.pop()
            self._sent.add(needed.name)
            yield known.sources.get(needed.name) or needed.serialized_pb
            for other in needed.dependencies:
                if other.name not in seen and other.name not in self._sent:
                    seen.add(other.name)
                    waiting.append(other)


def _finder(request: pb.ServerReflectionRequest, kind: str) -> Callable[[Any], Any]:
    """Return what finds in a pool what is asked for; it raises KeyError where it is not there."""
    match kind:
        case "file_by_filename":
            return lambda pool: pool.FindFileByName(request.file_by_filename)
        case "file_containing_symbol":
            return lambda pool: _file_of(pool, request.file_containing_symbol)
        case "file_containing_extension":
            asked = request.file_containing_extension
            return lambda pool: (
                pool.FindExtensionByNumber(
                    pool.FindMessageTypeByName(asked.containing_type), asked.extension_number
                ).file
            )
    return lambda pool: sorted(
        extension.number
        for extension in pool.FindAllExtensions(pool.FindMessageTypeByName(request.all_extension_numbers_of_type))
    )


def _file_of(pool: Any, symbol: str) -> Any:
    try:
        return pool.FindFileContainingSymbol(symbol)
    except KeyError:
        # It finds everything but the methods of services.
        return pool.FindMethodByName(symbol).containing_service.file


def _failed(response: pb.ServerReflectionResponse, code: grpc.StatusCode, message: str) -> pb.ServerReflectionResponse:
    response.error_response.error_code = code.value[0]
    response.error_response.error_message = message
    return response


def _described_v1() -> DescribedServices:
    """Return v1 of reflection, which differs from v1alpha in nothing but its name."""
    file = FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb)
    file = text_format.Parse(str(file).replace("v1alpha", "v1"), FileDescriptorProto())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return DescribedServices([_V1], pool)
