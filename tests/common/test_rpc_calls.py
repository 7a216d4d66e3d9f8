"""Calls between services behave the same in-process and over gRPC."""

# ruff: noqa: N802  (gRPC names its methods so)

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from fakes.rpc import stub_of
from graft.registry.v1 import identity_pb2, identity_pb2_grpc, registry_pb2, registry_pb2_grpc
from graft_common.errors import GraftError
from graft_common.rpc import client
from graft_common.rpc.context import CallContext, bearer, call_metadata, metadata_value, peer_address
from graft_common.rpc.service import RpcService

KINDS = ("local", "remote")
REQUEST = identity_pb2.LoginRequest(user="u")
OK = identity_pb2.LoginResponse(session_ref="ref")


class Identity(identity_pb2_grpc.IdentityServiceServicer):
    """Logs in as the test wants it."""

    def __init__(self, login: Callable[[CallContext], Awaitable[identity_pb2.LoginResponse]]) -> None:
        self._login = login

    async def Login(self, request: identity_pb2.LoginRequest, context: Any) -> identity_pb2.LoginResponse:
        return await self._login(context)


class Registry(registry_pb2_grpc.RegistryServiceServicer):
    """Streams numbers until it is told to stop."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.fail_after = -1

    async def Watch(self, request: registry_pb2.WatchRequest, context: Any) -> AsyncIterator[Any]:
        try:
            number = 0
            while number != self.fail_after:
                yield registry_pb2.WatchResponse(revision=number)
                number += 1
                await asyncio.sleep(0)
            raise GraftError("REVISION_COMPACTED", "7")
        finally:
            self.ended.set()


def identity(login: Callable[[CallContext], Awaitable[identity_pb2.LoginResponse]]) -> RpcService:
    descriptor = identity_pb2.DESCRIPTOR.services_by_name["IdentityService"]
    return RpcService(descriptor, Identity(login), identity_pb2_grpc.add_IdentityServiceServicer_to_server)


def registry(servicer: Registry) -> RpcService:
    descriptor = registry_pb2.DESCRIPTOR.services_by_name["RegistryService"]
    return RpcService(descriptor, servicer, registry_pb2_grpc.add_RegistryServiceServicer_to_server)


async def login_error(kind: str, login: Callable[[CallContext], Awaitable[identity_pb2.LoginResponse]]) -> GraftError:
    async with stub_of(identity(login), identity_pb2_grpc.IdentityServiceStub, kind) as stub:
        with pytest.raises(GraftError) as caught:
            await client.call(stub.Login, REQUEST, timeout=10, service="registry")
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "error",
    [
        GraftError("SESSION_INVALID", "OpaqueRef:x"),
        GraftError("OWN_CODE"),
        GraftError("OWN_CODE", "", "two", "", "with \n line & <tag> ☃ 𝄞"),
        GraftError("INTERNAL_ERROR", "x" * 20_000, details={"limit": "memory"}),
        GraftError("TWELVE", *[str(number) for number in range(12)]),
    ],
    ids=lambda error: error.code,
)
async def test_an_error_arrives_whole(kind: str, error: GraftError) -> None:
    async def login(_: CallContext) -> identity_pb2.LoginResponse:
        raise error

    got = await login_error(kind, login)
    assert (got.code, got.params, got.details) == (error.code, error.params, error.details)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_too_large_is_cut_where_it_is_longest(kind: str) -> None:
    async def login(_: CallContext) -> identity_pb2.LoginResponse:
        raise GraftError("INTERNAL_ERROR", "path", "☃" * 200_000, "short")

    got = await login_error(kind, login)
    path, text, short = got.params
    assert (path, short) == ("path", "short")
    assert text.endswith("… [600000 bytes]")
    assert 100_000 < len(text.encode()) <= 128 << 10


@pytest.mark.parametrize("kind", KINDS)
async def test_an_exception_keeps_its_text_to_itself(kind: str) -> None:
    async def login(_: CallContext) -> identity_pb2.LoginResponse:
        raise RuntimeError("secret of the server")

    async with stub_of(identity(login), identity_pb2_grpc.IdentityServiceStub, kind) as stub:
        metadata = call_metadata(request_id="the-request")
        with pytest.raises(GraftError) as caught:
            await client.call(stub.Login, REQUEST, timeout=10, metadata=metadata, service="registry")
    assert caught.value.code == "INTERNAL_ERROR"
    assert "the-request" in caught.value.params[0]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_timeout_of_the_handlers_own_is_no_deadline(kind: str) -> None:
    async def login(_: CallContext) -> identity_pb2.LoginResponse:
        raise TimeoutError("secret of the server")

    assert (await login_error(kind, login)).code == "INTERNAL_ERROR"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_deadline_ends_the_call_on_both_sides(kind: str) -> None:
    cancelled = asyncio.Event()
    remaining: list[float | None] = []

    async def login(context: CallContext) -> identity_pb2.LoginResponse:
        remaining.append(context.time_remaining())
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return OK

    async with stub_of(identity(login), identity_pb2_grpc.IdentityServiceStub, kind) as stub:
        with pytest.raises(GraftError) as caught:
            await client.call(stub.Login, REQUEST, timeout=0.3, service="registry")
        await asyncio.wait_for(cancelled.wait(), 5)
    assert caught.value.error_info() == [
        "SERVICE_UNAVAILABLE",
        "registry",
        "DEADLINE_EXCEEDED: no answer within 0.3 s",
    ]
    assert remaining[0] is not None
    # gRPC rounds the deadline up a little.
    assert 0 < remaining[0] < 0.31


@pytest.mark.parametrize("kind", KINDS)
async def test_cancelling_the_caller_cancels_the_handler(kind: str) -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def login(_: CallContext) -> identity_pb2.LoginResponse:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return OK

    async with stub_of(identity(login), identity_pb2_grpc.IdentityServiceStub, kind) as stub:
        caller = asyncio.create_task(client.call(stub.Login, REQUEST, timeout=30, service="registry"))
        await asyncio.wait_for(entered.wait(), 5)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await asyncio.wait_for(cancelled.wait(), 5)


@pytest.mark.parametrize("kind", KINDS)
async def test_metadata_arrives(kind: str) -> None:
    seen: list[tuple[str, str, str, str]] = []

    async def login(context: CallContext) -> identity_pb2.LoginResponse:
        own = metadata_value(context, "graft-request-id"), metadata_value(context, "graft-min-revision")
        seen.append((bearer(context), peer_address(context), *own))
        return OK

    async with stub_of(identity(login), identity_pb2_grpc.IdentityServiceStub, kind) as stub:
        metadata = call_metadata("OpaqueRef:x", "id-1", "10.0.0.1:5", 17)
        answer = await client.call(stub.Login, REQUEST, timeout=10, metadata=metadata, service="registry")
        await client.call(stub.Login, REQUEST, timeout=10, service="registry")
    assert answer == OK
    assert seen[0] == ("OpaqueRef:x", "10.0.0.1:5", "id-1", "17")
    assert (seen[1][0], *seen[1][2:]) == ("", "", "")
    assert seen[1][1].startswith("local" if kind == "local" else "ipv4:127.0.0.1:")


@pytest.mark.parametrize("kind", KINDS)
async def test_closing_a_stream_ends_its_handler(kind: str) -> None:
    servicer = Registry()
    async with stub_of(registry(servicer), registry_pb2_grpc.RegistryServiceStub, kind) as stub:
        responses = client.stream(stub.Watch, registry_pb2.WatchRequest(), service="registry")
        got = [(await anext(responses)).revision for _ in range(5)]
        await responses.aclose()
        await asyncio.wait_for(servicer.ended.wait(), 5)
    assert got == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_ends_with_the_error_of_its_handler(kind: str) -> None:
    servicer = Registry()
    servicer.fail_after = 3
    async with stub_of(registry(servicer), registry_pb2_grpc.RegistryServiceStub, kind) as stub:
        responses = client.stream(stub.Watch, registry_pb2.WatchRequest(), service="registry")
        got = [(await anext(responses)).revision for _ in range(3)]
        with pytest.raises(GraftError) as caught:
            await anext(responses)
    assert got == [0, 1, 2]
    assert caught.value.error_info() == ["REVISION_COMPACTED", "7"]
