"""The gRPC server as foreign clients see it: statuses, health, reflection, its end."""

from __future__ import annotations

import asyncio
import socket

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakePlatform
from graft.dispatcher.v1 import dispatcher_pb2, dispatcher_pb2_grpc
from graft.registry.v1 import identity_pb2, identity_pb2_grpc
from graft_common.errors import GraftError
from graft_common.rpc import client
from graft_common.rpc.context import call_metadata
from graft_common.rpc.errors import cut, to_status
from graft_common.rpc.server import RpcServer
from graft_common.values import decode_value, encode_values

IDENTITY = "graft.registry.v1.IdentityService"
WHO = identity_pb2.WhoAmIRequest()


@pytest.fixture
async def server():
    made = RpcServer(FakePlatform().registry_services)
    made.port = await made.start("127.0.0.1:0")
    yield made
    await made.stop(0)


@pytest.fixture
async def channel(server: RpcServer):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


async def test_a_plain_client_reads_status_and_error_info(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity_pb2_grpc.IdentityServiceStub(channel).WhoAmI(
            WHO, timeout=5, metadata=[("authorization", "Bearer OpaqueRef:x")]
        )
    status = rpc_status.from_call(caught.value)
    info = error_details_pb2.ErrorInfo()
    assert status.code == code_pb2.UNAUTHENTICATED
    assert status.details[0].Unpack(info)
    assert (info.domain, info.reason, info.metadata["param0"]) == ("graft", "SESSION_INVALID", "OpaqueRef:x")


@pytest.mark.parametrize("asked", ["", "0", "-1", "x", "9" * 5000, "٣"])
async def test_a_plain_client_gets_no_error_that_it_could_not_receive(channel: grpc.aio.Channel, asked: str) -> None:
    ref = "y" * 100_000
    metadata = [("authorization", f"Bearer {ref}")]
    if asked.isascii():
        metadata.append(("graft-error-limit", asked))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity_pb2_grpc.IdentityServiceStub(channel).WhoAmI(WHO, timeout=5, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_health(server: RpcServer, channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)

    async def status(name: str) -> int:
        return (await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)).status

    assert await status("") == await status(IDENTITY) == health_pb2.HealthCheckResponse.SERVING
    await server.set_serving(serving=False)
    assert await status("") == await status(IDENTITY) == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await status("no.such.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection(channel: grpc.aio.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=IDENTITY),
    ]
    listed, described = [answer async for answer in stub.ServerReflectionInfo(iter(requests), timeout=5)]
    names = {service.name for service in listed.list_services_response.service}
    assert {IDENTITY, "graft.registry.v1.RegistryService", "grpc.health.v1.Health"} <= names
    assert described.file_descriptor_response.file_descriptor_proto


async def test_no_such_rpc(channel: grpc.aio.Channel) -> None:
    missing = channel.unary_unary(f"/{IDENTITY}/Nothing", request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await missing(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_nobody_there_is_service_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with client.open_channel(f"127.0.0.1:{taken.getsockname()[1]}") as channel:
            stub = identity_pb2_grpc.IdentityServiceStub(channel)
            with pytest.raises(GraftError) as caught:
                await client.call(stub.WhoAmI, WHO, timeout=5, service="registry")
    assert caught.value.error_info()[:2] == ["SERVICE_UNAVAILABLE", "registry"]
    assert caught.value.params[1].startswith("UNAVAILABLE: ")


async def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = RpcServer(FakePlatform().registry_services)
        with pytest.raises(OSError, match=f"cannot listen on {address}"):
            await server.start(address)
        await server.stop(0)


async def test_stop_lets_running_calls_end() -> None:
    platform = FakePlatform()
    server = RpcServer(platform.dispatcher_services)
    port = await server.start("127.0.0.1:0")
    platform.sessions["ref"] = identity_pb2.Session()
    async with client.open_channel(f"127.0.0.1:{port}") as channel:
        stub = dispatcher_pb2_grpc.DispatcherServiceStub(channel)
        request = dispatcher_pb2.InvokeRequest(method="Test.wait", params=encode_values([]))
        running = asyncio.create_task(client.call(stub.Invoke, request, timeout=10, metadata=call_metadata("ref")))
        await platform.wait_running(1)
        stopping = asyncio.create_task(server.stop(10))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        platform.gate.set()
        assert decode_value((await running).value) == "waited"
        await stopping


@given(st.lists(st.text(max_size=300), max_size=8), st.integers(min_value=64, max_value=2000))
def test_cutting_keeps_the_count_and_the_bound(params: list[str], limit: int) -> None:
    error = cut(GraftError("CODE", *params), limit)
    assert len(error.params) == len(params)
    note = len("… [9999 bytes]".encode())
    assert sum(len(param.encode()) for param in error.params) <= limit + note * len(params)
    if sum(len(param.encode()) for param in params) <= limit:
        assert error.params == tuple(params)
    assert to_status(error, limit).details
