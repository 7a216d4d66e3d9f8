"""Requests that are streamed behave the same in-process and over gRPC."""

# ruff: noqa: N802  (gRPC names its methods so)

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from fakes.rpc import stub_of
from graft.registry.v1 import mpack_pb2 as pb
from graft.registry.v1 import mpack_pb2_grpc
from graft_common.errors import GraftError
from graft_common.rpc import client, uploads
from graft_common.rpc.context import bearer, call_metadata
from graft_common.rpc.server import RpcServer
from graft_common.rpc.service import RpcService
from support.relay import relay

KINDS = ("local", "remote")
CHUNK = uploads.CHUNK


class Mpacks(mpack_pb2_grpc.MpackServiceServicer):
    """Counts what it is sent, and stops where the test wants it."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.ended = asyncio.Event()
        self.credential = ""
        self.read = 0
        self.fail_after = -1

    async def VerifyMpack(self, requests: AsyncIterator[pb.VerifyMpackRequest], context: Any) -> pb.VerifyMpackResponse:
        async for _ in self._chunks(requests, context):
            pass
        return pb.VerifyMpackResponse(mpack=pb.Mpack(name=str(self.read)))

    async def InstallMpack(
        self, requests: AsyncIterator[pb.InstallMpackRequest], context: Any
    ) -> AsyncIterator[pb.InstallMpackResponse]:
        async for read in self._chunks(requests, context):
            yield pb.InstallMpackResponse(progress=pb.MpackProgress(done=read))
        yield pb.InstallMpackResponse(result=pb.MpackResult(revision=self.read))

    async def _chunks(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[int]:
        self.entered.set()
        self.credential = bearer(context)
        try:
            if self.fail_after == 0:
                raise GraftError("MPACK_TOO_LARGE", "0", "x" * 20_000)
            async for request in requests:
                self.read += len(request.chunk)
                yield self.read
                if self.read == self.fail_after:
                    raise GraftError("MPACK_TOO_LARGE", str(self.read), "x" * 20_000)
        finally:
            self.ended.set()


class Source:
    """Requests, as many as are asked for, that tell when they are closed."""

    def __init__(self, make: Callable[..., Any], count: int | None, error: Exception | None = None) -> None:
        self.sent = 0
        self.closed = asyncio.Event()
        self._make = make
        self._count = count
        self._error = error

    async def requests(self) -> AsyncGenerator[Any, None]:
        try:
            while self._count is None or self.sent < self._count:
                yield self._make(chunk=b"x" * CHUNK)
                self.sent += 1
            if self._error is not None:
                raise self._error
        finally:
            self.closed.set()

    async def stalled(self) -> AsyncGenerator[Any, None]:
        try:
            yield self._make(chunk=b"x")
            await asyncio.Event().wait()
        finally:
            self.closed.set()


def mpacks(servicer: Mpacks) -> RpcService:
    descriptor = pb.DESCRIPTOR.services_by_name["MpackService"]
    return RpcService(descriptor, servicer, mpack_pb2_grpc.add_MpackServiceServicer_to_server)


async def run(stub: Any, rpc: str, requests: AsyncGenerator[Any, None], **options: Any) -> list[Any]:
    """Make the call, and return all its answers."""
    if rpc == "upload":
        return [await uploads.upload(stub.VerifyMpack, requests, timeout=20, service="registry", **options)]
    async with aclosing(uploads.exchange(stub.InstallMpack, requests, service="registry", **options)) as answers:
        return [answer async for answer in answers]


REQUESTS = {"upload": pb.VerifyMpackRequest, "exchange": pb.InstallMpackRequest}
both_ways = pytest.mark.parametrize("kind", KINDS)
both_shapes = pytest.mark.parametrize("rpc", list(REQUESTS))


@both_ways
@both_shapes
@pytest.mark.parametrize("count", [0, 1, 40])
async def test_everything_arrives(kind: str, rpc: str, count: int) -> None:
    servicer, source = Mpacks(), Source(REQUESTS[rpc], count)
    async with stub_of(mpacks(servicer), mpack_pb2_grpc.MpackServiceStub, kind) as stub:
        answers = await run(stub, rpc, source.requests(), metadata=call_metadata("OpaqueRef:x"))
    assert (servicer.read, servicer.credential) == (count * CHUNK, "OpaqueRef:x")
    assert len(answers) == (1 if rpc == "upload" else count + 1)
    assert (answers[-1].mpack.name if rpc == "upload" else str(answers[-1].result.revision)) == str(servicer.read)
    assert source.closed.is_set()


@both_ways
@both_shapes
@pytest.mark.parametrize("after", [0, 1])
async def test_an_error_ends_the_requests(kind: str, rpc: str, after: int) -> None:
    servicer, source = Mpacks(), Source(REQUESTS[rpc], None)
    servicer.fail_after = after * CHUNK
    async with stub_of(mpacks(servicer), mpack_pb2_grpc.MpackServiceStub, kind) as stub:
        with pytest.raises(GraftError) as caught:
            await run(stub, rpc, source.requests())
    # The long parameter is whole: clients of Graft's own ask for that.
    assert caught.value.error_info() == ["MPACK_TOO_LARGE", str(after * CHUNK), "x" * 20_000]
    assert source.closed.is_set() or source.sent == 0


@both_ways
@both_shapes
async def test_an_error_does_not_wait_for_a_request_that_never_comes(kind: str, rpc: str) -> None:
    servicer, source = Mpacks(), Source(REQUESTS[rpc], None)
    servicer.fail_after = 1
    async with stub_of(mpacks(servicer), mpack_pb2_grpc.MpackServiceStub, kind) as stub:
        with pytest.raises(GraftError, match="MPACK_TOO_LARGE"):
            await asyncio.wait_for(run(stub, rpc, source.stalled()), 10)
    assert source.closed.is_set()


@both_ways
@both_shapes
async def test_requests_that_fail_end_the_call(kind: str, rpc: str) -> None:
    servicer, source = Mpacks(), Source(REQUESTS[rpc], 2, OSError("the disk is gone"))
    async with stub_of(mpacks(servicer), mpack_pb2_grpc.MpackServiceStub, kind) as stub:
        with pytest.raises(OSError, match="the disk is gone"):
            await run(stub, rpc, source.requests())
        if servicer.entered.is_set():
            await asyncio.wait_for(servicer.ended.wait(), 5)
    assert source.closed.is_set()


@both_ways
@both_shapes
async def test_a_caller_who_leaves_ends_both(kind: str, rpc: str) -> None:
    servicer, source = Mpacks(), Source(REQUESTS[rpc], None)
    async with stub_of(mpacks(servicer), mpack_pb2_grpc.MpackServiceStub, kind) as stub:
        caller = asyncio.create_task(run(stub, rpc, source.stalled()))
        await asyncio.wait_for(servicer.entered.wait(), 5)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await asyncio.wait_for(servicer.ended.wait(), 5)
    assert source.closed.is_set()


@both_ways
async def test_a_slow_reader_holds_up_who_sends(kind: str) -> None:
    """What is sent waits on the way, within a bound, not in memory without one."""

    class Slow(Mpacks):
        go_on = asyncio.Event()

        async def VerifyMpack(self, requests: Any, context: Any) -> pb.VerifyMpackResponse:
            await anext(requests)
            self.entered.set()
            await self.go_on.wait()
            return await super().VerifyMpack(requests, context)

    servicer, source = Slow(), Source(pb.VerifyMpackRequest, 400)
    async with stub_of(mpacks(servicer), mpack_pb2_grpc.MpackServiceStub, kind) as stub:
        caller = asyncio.create_task(run(stub, "upload", source.requests()))
        await asyncio.wait_for(servicer.entered.wait(), 5)
        before = -1
        while source.sent != before:
            before = source.sent
            await asyncio.sleep(0.1)
        assert before * CHUNK < 40 << 20
        servicer.go_on.set()
        await caller
    assert servicer.read == 399 * CHUNK


@both_shapes
async def test_a_service_that_dies_is_unavailable(rpc: str) -> None:
    """Whatever gRPC tells of a request that was on its way."""
    servicer, source = Mpacks(), Source(REQUESTS[rpc], None)
    server = RpcServer([mpacks(servicer)])
    backend = await server.start("127.0.0.1:0")
    async with relay(backend) as between, client.open_channel(between.address) as channel:
        stub = mpack_pb2_grpc.MpackServiceStub(channel)
        sending = asyncio.create_task(run(stub, rpc, source.requests()))
        await asyncio.wait_for(servicer.entered.wait(), 10)
        between.refuse()
        between.cut()
        with pytest.raises(GraftError) as caught:
            await asyncio.wait_for(sending, 20)
    assert caught.value.error_info() == ["SERVICE_UNAVAILABLE", "registry", "UNAVAILABLE: it cannot be reached"]
    assert source.closed.is_set()
    await server.stop(0)
