"""Reflection as clients of both versions see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection_pb2 as pb

from graft_common.declarations.api import Api
from graft_common.declarations.proto_form.descriptors import IMPORTS, describe
from graft_common.declarations.reader import read_document
from graft_common.rpc.reflection import add_reflection
from graft_common.rpc.service import BytesHandler, DescribedServices

V1 = "grpc.reflection.v1.ServerReflection"
V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
HEALTH = health.SERVICE_NAME


def described(*methods: str) -> DescribedServices:
    xml = "".join(
        f'<method name="{name}"><param name="x" type="r record"/></method>'
        if name == "A.b"
        else f'<method name="{name}"/>'
        for name in methods
    )
    record = '<record name="r"><doc>Told.</doc><field name="when" type="datetime"/></record>'
    made = describe(
        Api.of(read_document(f'<methods xmlns="urn:graft:methods:1">{record}{xml}</methods>'.encode(), "x"))
    )
    sources = {name: file.SerializeToString() for name, file in made.files.items()}
    pool = DescriptorPool()
    for data in (*(file.serialized_pb for file in IMPORTS), *sources.values()):
        pool.AddSerializedFile(data)
    return DescribedServices(made.services, pool, sources)


class Changing:
    """Services that change when a test says so."""

    def __init__(self) -> None:
        self.now = described("A.b")
        self.asked = 0

    def has(self, service: str) -> bool:
        return service in self.now.names

    def handler(self, _service: str, _rpc: str) -> BytesHandler | None:
        return None

    async def described(self) -> DescribedServices:
        self.asked += 1
        return self.now


@pytest.fixture
def services() -> Changing:
    return Changing()


@pytest.fixture
async def channel(services: Changing) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    add_reflection(server, [HEALTH], [services])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    await server.stop(0)


class Stream:
    def __init__(self, channel: grpc.aio.Channel, version: str = V1) -> None:
        method = channel.stream_stream(
            f"/{version}/ServerReflectionInfo",
            request_serializer=pb.ServerReflectionRequest.SerializeToString,
            response_deserializer=pb.ServerReflectionResponse.FromString,
        )
        self.call = method(timeout=10)

    async def ask(self, **what: object) -> pb.ServerReflectionResponse:
        await self.call.write(pb.ServerReflectionRequest(host="h", **what))
        answer = await self.call.read()
        assert answer.valid_host == "h"
        assert answer.HasField("original_request")
        return answer

    async def files(self, **what: object) -> list[FileDescriptorProto]:
        answer = await self.ask(**what)
        data = answer.file_descriptor_response.file_descriptor_proto
        return [FileDescriptorProto.FromString(file) for file in data]

    async def names(self) -> list[str]:
        answer = await self.ask(list_services="")
        return [service.name for service in answer.list_services_response.service]


@pytest.mark.parametrize("version", [V1, V1ALPHA])
async def test_both_versions_tell_the_same(channel: grpc.aio.Channel, version: str) -> None:
    stream = Stream(channel, version)
    assert await stream.names() == ["graft.ext.A", HEALTH, V1, V1ALPHA]
    for name in await stream.names():
        [file, *_] = await stream.files(file_containing_symbol=name)
        assert name in [f"{file.package}.{service.name}" for service in file.service]


@pytest.mark.parametrize(
    "symbol",
    ["graft.ext.A", "graft.ext.A.b", "graft.ext.ABRequest", "graft.ext.ABRequest.x", "graft.ext.ABResponse"],
)
async def test_a_symbol_brings_its_file_with_comments_and_what_it_imports(
    channel: grpc.aio.Channel, symbol: str
) -> None:
    files = await Stream(channel).files(file_containing_symbol=symbol)
    assert [file.name for file in files] == [
        "graft/ext/A.proto",
        "graft/ext/types.proto",
        "google/protobuf/timestamp.proto",
    ]
    assert "Told." in str(files[1].source_code_info)


async def test_a_stream_gets_each_import_once_and_what_it_asks_for_always(channel: grpc.aio.Channel) -> None:
    stream = Stream(channel)
    assert len(await stream.files(file_by_filename="graft/ext/A.proto")) == 3
    assert len(await stream.files(file_by_filename="graft/ext/A.proto")) == 1
    assert len(await stream.files(file_by_filename="google/protobuf/timestamp.proto")) == 1


@pytest.mark.parametrize(
    "what",
    [
        {"file_containing_symbol": "graft.ext.Nothing"},
        {"file_containing_symbol": "graft.ext.A.nothing"},
        {"file_containing_symbol": "graft.ext"},
        {"file_containing_symbol": ""},
        {"file_by_filename": "nothing.proto"},
        {"all_extension_numbers_of_type": "graft.ext.Nothing"},
        {"file_containing_extension": pb.ExtensionRequest(containing_type="graft.ext.ABRequest", extension_number=7)},
    ],
)
async def test_what_is_not_there(channel: grpc.aio.Channel, what: dict[str, object]) -> None:
    answer = await Stream(channel).ask(**what)
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_extensions_and_nothing_at_all(channel: grpc.aio.Channel) -> None:
    stream = Stream(channel)
    answer = await stream.ask(all_extension_numbers_of_type="graft.ext.ABRequest")
    assert answer.all_extension_numbers_response.base_type_name == "graft.ext.ABRequest"
    answer = await stream.ask()
    assert answer.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_a_stream_hears_of_one_version_until_it_asks_for_something_new(
    channel: grpc.aio.Channel, services: Changing
) -> None:
    stream = Stream(channel)
    await stream.names()
    services.now = described("A.c", "New.d")
    [file, *_] = await stream.files(file_containing_symbol="graft.ext.A")
    assert [method.name for method in file.service[0].method] == ["b"]
    assert len(await stream.files(file_containing_symbol="graft.ext.New")) == 1
    [file] = await stream.files(file_containing_symbol="graft.ext.A")
    assert [method.name for method in file.service[0].method] == ["c"]
    services.now = described("New.d")
    assert "graft.ext.A" not in await stream.names()
    assert "graft.ext.A" not in await Stream(channel, V1ALPHA).names()


async def test_many_streams_at_once(channel: grpc.aio.Channel) -> None:
    answers = await asyncio.gather(*(Stream(channel).files(file_containing_symbol="graft.ext.A.b") for _ in range(50)))
    assert {len(files) for files in answers} == {3}
