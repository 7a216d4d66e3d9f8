"""Calls that go together over one stream end as they would have ended one by one."""

# ruff: noqa: N802  (gRPC names its methods so)

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.dispatcher.v1 import dispatcher_pb2 as pb
from graft.dispatcher.v1 import dispatcher_pb2_grpc
from graft_common.errors import GraftError
from graft_common.rpc import batch_client, batch_server
from graft_common.rpc.batch_client import BatchClient
from graft_common.rpc.batch_server import BatchServer
from graft_common.rpc.batches import LARGE, MAX_BATCH, MAX_BATCHED, Pieces, pieces_of
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import DispatcherClients
from graft_common.rpc.context import call_metadata
from graft_common.rpc.local import LocalContext
from graft_common.rpc.server import RpcServer
from graft_common.rpc.service import RpcService
from support.relay import relay

AWAY = ["SERVICE_UNAVAILABLE", "dispatcher", "UNAVAILABLE: it cannot be reached"]
METADATA = call_metadata("ref", "request-1", "10.0.0.1:7")
BOUND = 20.0
TIMEOUT = 600.0


class Old(dispatcher_pb2_grpc.DispatcherServiceServicer):
    """A dispatcher that takes calls one by one only; the method says what becomes of them."""

    def __init__(self) -> None:
        self.singly = self.asked = self.running = self.cancelled = 0
        self.metadata: dict[str, str] = {}
        self.peer = ""
        self.go_on = asyncio.Event()

    async def Invoke(self, request: pb.InvokeRequest, context: Any) -> pb.InvokeResponse:
        self.singly += 1
        return await self.answer(request, context)

    async def answer(self, request: pb.InvokeRequest, context: Any) -> pb.InvokeResponse:
        self.asked += 1
        self.running += 1
        self.metadata = dict(context.invocation_metadata())
        self.peer = context.peer()
        try:
            match request.method:
                case "wait":
                    await self.go_on.wait()
                case "fail":
                    raise GraftError("VOLUME_IN_USE", "☃" * 9000, "x" * 20000, details={"usage": "cpu=1"})
                case "crash":
                    raise RuntimeError("a secret")
                case "large":
                    return pb.InvokeResponse(value=request.params * 1000)
                case "huge":
                    return pb.InvokeResponse(value=bytes(33 << 20))
            return pb.InvokeResponse(value=request.params)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


class New(Old):
    """A dispatcher of today."""

    def __init__(self, max_all_calls: int = 4096) -> None:
        super().__init__()
        self.batches = BatchServer("/graft.dispatcher.v1.DispatcherService/Invoke", self.answer, max_all_calls)
        self.streams = 0
        self.messages: list[int] = []

    async def InvokeBatched(
        self, requests: AsyncIterator[pb.InvokeBatchedRequest], context: Any
    ) -> AsyncGenerator[pb.InvokeBatchedResponse, None]:
        self.streams += 1
        async for response in self.batches.serve(self._counted(requests), context):
            yield response

    async def _counted(self, requests: AsyncIterator[pb.InvokeBatchedRequest]) -> AsyncIterator[Any]:
        async for request in requests:
            self.messages.append(len(request.calls))
            yield request


@asynccontextmanager
async def serving(servicer: Old) -> AsyncIterator[tuple[RpcServer, int]]:
    descriptor = pb.DESCRIPTOR.services_by_name["DispatcherService"]
    server = RpcServer([RpcService(descriptor, servicer, dispatcher_pb2_grpc.add_DispatcherServiceServicer_to_server)])
    port = await server.start("127.0.0.1:0")
    try:
        yield server, port
    finally:
        await server.stop(0)


@asynccontextmanager
async def calling(address: str, patience: float = BOUND, **options: float) -> AsyncIterator[BatchClient]:
    channel = open_channel(address, patience)
    client = BatchClient(DispatcherClients.remote(channel).dispatcher, **options)
    try:
        yield client
    finally:
        await client.close()
        await channel.close()


@asynccontextmanager
async def connected(servicer: New) -> AsyncIterator[BatchClient]:
    """A client whose stream is there."""
    async with serving(servicer) as (_, port), calling(f"127.0.0.1:{port}") as client:
        await streaming(client, servicer)
        yield client


async def invoke(client: BatchClient, method: str = "echo", params: bytes = b"x", seconds: float = TIMEOUT) -> bytes:
    request = pb.InvokeRequest(method=method, params=params)
    return (await client.invoke(request, timeout=seconds, metadata=METADATA)).value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND):
        while not condition():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.005)


async def streaming(client: BatchClient, *servicers: New) -> None:
    """Call until calls no longer go one by one."""
    async with asyncio.timeout(BOUND):
        for servicer in servicers:
            servicer.messages.clear()
            while not servicer.messages:
                await invoke(client)
                await asyncio.sleep(0.005)
        for servicer in servicers:
            servicer.singly = servicer.asked = 0
            servicer.messages.clear()


async def error_of(client: BatchClient, method: str, **more: Any) -> GraftError:
    with pytest.raises(GraftError) as caught:
        await invoke(client, method, **more)
    return caught.value


async def test_many_calls_share_a_stream_and_messages() -> None:
    servicer = New()
    async with connected(servicer) as client:
        sent = [str(number).encode() for number in range(50)]
        assert await asyncio.gather(*[invoke(client, params=each) for each in sent]) == sent
        assert sum(servicer.messages) == 50
        assert len(servicer.messages) < 10, "what waits goes together"
    assert (servicer.singly, servicer.running) == (0, 0)


async def test_a_call_brings_what_it_would_bring_alone() -> None:
    servicer = New()
    async with connected(servicer) as client:
        await invoke(client)
        metadata, peer = servicer.metadata, servicer.peer
        request = pb.InvokeRequest(method="echo")
        await call(client._dispatcher.Invoke, request, timeout=9, metadata=METADATA)
    assert metadata == {name: value for name, value in servicer.metadata.items() if name != "user-agent"}
    assert peer.rpartition(":")[0] == servicer.peer.rpartition(":")[0]


@pytest.mark.parametrize("method", ["fail", "crash"])
async def test_errors_are_those_of_single_calls(method: str) -> None:
    servicer = New()
    async with connected(servicer) as client:
        together = await error_of(client, method)
        request = pb.InvokeRequest(method=method)
        with pytest.raises(GraftError) as singly:
            await call(client._dispatcher.Invoke, request, timeout=9, metadata=METADATA)
        assert (together.error_info(), together.details) == (singly.value.error_info(), singly.value.details)
        assert "secret" not in str(together)


async def test_answers_do_not_wait_for_one_another() -> None:
    servicer = New()
    async with connected(servicer) as client:
        slow = asyncio.create_task(invoke(client, "wait", b"slow"))
        await until(lambda: servicer.running == 1)
        assert await invoke(client, params=b"quick") == b"quick"
        assert not slow.done()
        servicer.go_on.set()
        assert await slow == b"slow"


async def test_to_cancel_a_call_kills_what_it_runs_and_nothing_else() -> None:
    servicer = New()
    async with connected(servicer) as client:
        first, second = (asyncio.create_task(invoke(client, "wait", params)) for params in (b"1", b"2"))
        await until(lambda: servicer.running == 2)
        first.cancel()
        await until(lambda: servicer.cancelled == 1)
        servicer.go_on.set()
        assert await second == b"2"
        unsent = asyncio.create_task(invoke(client, params=b"3"))
        await asyncio.sleep(0)
        unsent.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await unsent
        assert await invoke(client, params=b"4") == b"4"
    assert servicer.cancelled == 1


async def test_the_deadline_of_a_call_is_its_own() -> None:
    servicer = New()
    async with connected(servicer) as client:
        other = asyncio.create_task(invoke(client, "wait"))
        late = await error_of(client, "wait", seconds=0.05)
        assert late.error_info() == ["SERVICE_UNAVAILABLE", "dispatcher", "DEADLINE_EXCEEDED: no answer within 0.05 s"]
        await until(lambda: (servicer.cancelled, servicer.running) == (1, 1))
        servicer.go_on.set()
        await other


async def test_what_breaks_is_told_and_never_done_twice() -> None:
    servicer = New()
    async with (
        serving(servicer) as (_, port),
        relay(port) as between,
        calling(between.address) as client,
    ):
        await streaming(client, servicer)
        lost = [asyncio.create_task(invoke(client, "wait")) for _ in range(3)]
        await until(lambda: servicer.running == 3)
        streams = servicer.streams
        between.cut()
        for each in lost:
            with pytest.raises(GraftError) as caught:
                await each
            assert caught.value.error_info() == AWAY
        await until(lambda: servicer.running == 0)
        assert (servicer.cancelled, servicer.asked) == (3, 3), "nobody waits for them any more"
        assert await invoke(client, params=b"again") == b"again", "it is connected again"
        await streaming(client, servicer)
        assert servicer.streams > streams


class Sending:
    """A stream that breaks while its request is sent: gRPC then takes the cancellation of its reader for its own."""

    async def read(self) -> Any:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

    def cancel(self) -> bool:
        return True


async def test_it_ends_when_a_stream_breaks_in_the_same_moment() -> None:
    async def single(request: pb.InvokeRequest, **_: Any) -> pb.InvokeResponse:
        return pb.InvokeResponse(value=request.params)

    dispatcher: Any = SimpleNamespace(Invoke=single, InvokeBatched=Sending)
    client = BatchClient(dispatcher)
    assert await invoke(client, params=b"alone") == b"alone"
    await asyncio.sleep(0)
    async with asyncio.timeout(BOUND):
        await client.close()


async def test_what_breaks_while_calls_are_sent_is_told_the_same_way() -> None:
    servicer = New()
    async with (
        serving(servicer) as (_, port),
        relay(port) as between,
        calling(between.address) as client,
    ):
        await streaming(client, servicer)
        lost = [asyncio.create_task(invoke(client, "wait", bytes(LARGE // 2))) for _ in range(200)]
        await until(lambda: servicer.running >= 1)
        between.cut()
        await until(lambda: servicer.cancelled >= 1)
        servicer.go_on.set()
        ends = await asyncio.gather(*lost, return_exceptions=True)
        assert {tuple(end.error_info()) for end in ends if isinstance(end, GraftError)} == {tuple(AWAY)}
        assert {end for end in ends if not isinstance(end, GraftError)} <= {bytes(LARGE // 2)}, "sent by another way"


@pytest.mark.parametrize("size", [LARGE // 1000 + 1, 1500])
async def test_large_answers_come_in_parts_and_whole(size: int) -> None:
    servicer = New()
    async with connected(servicer) as client:
        params = bytes(range(256)) * (size // 256 + 1)
        others = [asyncio.create_task(invoke(client, params=b"x")) for _ in range(20)]
        assert await invoke(client, "large", params) == params * 1000
        assert await asyncio.gather(*others) == [b"x"] * 20
    assert servicer.singly == 0


async def test_large_calls_go_alone() -> None:
    servicer = New()
    async with connected(servicer) as client:
        params = bytes(LARGE)
        assert await invoke(client, params=params) == params
        assert (servicer.singly, servicer.messages) == (1, [])


async def test_what_is_too_large_to_be_sent_is_told() -> None:
    async with connected(New()) as client:
        error = await error_of(client, "huge")
        assert error.params[:1] == ("dispatcher",)
        assert "RESOURCE_EXHAUSTED" in error.params[1]
        assert await invoke(client) == b"x"


async def test_a_dispatcher_that_knows_no_streams_gets_calls_one_by_one() -> None:
    servicer = Old()
    async with serving(servicer) as (_, port), calling(f"127.0.0.1:{port}", refresh=0.01) as client:
        for _ in range(10):
            assert await invoke(client) == b"x"
            await asyncio.sleep(0.01)
    assert servicer.singly == 10


async def test_beyond_what_a_stream_takes_calls_go_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_server, "MAX_CALLS", 2)
    servicer = New()
    async with connected(servicer) as client:
        calls = [asyncio.create_task(invoke(client, "wait")) for _ in range(5)]
        await until(lambda: servicer.running == 5)
        assert servicer.singly == 3
        servicer.go_on.set()
        await asyncio.gather(*calls)


async def test_a_dispatcher_takes_so_many_and_no_more() -> None:
    servicer = New(max_all_calls=1)
    async with connected(servicer) as client:
        first = asyncio.create_task(invoke(client, "wait"))
        await until(lambda: servicer.running == 1)
        second = await error_of(client, "echo")
        assert second.error_info()[:2] == ["SERVICE_UNAVAILABLE", "dispatcher"]
        assert "RESOURCE_EXHAUSTED" in second.params[1]
        servicer.go_on.set()
        assert await first == b"x"
        assert await invoke(client) == b"x"


async def test_a_dispatcher_that_stops_answers_what_it_has_taken() -> None:
    servicer = New()
    async with serving(servicer) as (server, port), calling(f"127.0.0.1:{port}") as client:
        await streaming(client, servicer)
        last = asyncio.create_task(invoke(client, "wait", b"last"))
        await until(lambda: servicer.running == 1)
        servicer.batches.end()
        stopping = asyncio.create_task(server.stop(TIMEOUT))
        servicer.go_on.set()
        async with asyncio.timeout(BOUND):
            assert await last == b"last"
            await stopping


async def test_all_dispatchers_get_their_share() -> None:
    first, second = New(), New()
    async with AsyncExitStack() as stack:
        ports = [(await stack.enter_async_context(serving(each)))[1] for each in (first, second)]
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        client = await stack.enter_async_context(calling(target, refresh=0.05))
        await streaming(client, first, second)
        await asyncio.gather(*[invoke(client) for _ in range(40)])
        assert (sum(first.messages), sum(second.messages)) == (20, 20)


async def test_a_stream_is_replaced_before_its_connection_is_too_old() -> None:
    servicer = New()
    async with serving(servicer) as (_, port), calling(f"127.0.0.1:{port}", refresh=0.02, age=0.0) as client:
        await streaming(client, servicer)
        slow = asyncio.create_task(invoke(client, "wait", b"slow"))
        await until(lambda: servicer.running == 1)
        streams = servicer.streams
        await until(lambda: servicer.streams > streams + 3)
        assert await invoke(client) == b"x"
        servicer.go_on.set()
        assert await slow == b"slow", "the stream that it went over has been left, not ended"
    assert servicer.cancelled == 0


async def test_to_cancel_a_call_kills_what_it_runs_also_where_its_stream_is_left() -> None:
    servicer = New()
    async with serving(servicer) as (_, port), calling(f"127.0.0.1:{port}", refresh=0.02, age=0.0) as client:
        await streaming(client, servicer)
        calls = [asyncio.create_task(invoke(client, "wait", params)) for params in (b"1", b"2")]
        await until(lambda: servicer.running == 2)
        assert not servicer.singly
        streams = servicer.streams
        await until(lambda: servicer.streams > streams + 3)
        calls[0].cancel()
        await until(lambda: servicer.cancelled == 1)
        servicer.go_on.set()
        assert await calls[1] == b"2"
        await until(lambda: len(servicer.batches._streams) <= 2)


async def test_a_dispatcher_that_stops_takes_no_further_stream() -> None:
    servicer = New()
    async with serving(servicer) as (server, port), calling(f"127.0.0.1:{port}") as client:
        await streaming(client, servicer)
        streams = servicer.streams
        servicer.batches.end()
        await until(lambda: servicer.streams > streams)
        assert await invoke(client, params=b"singly") == b"singly"
        assert servicer.singly == 1
        async with asyncio.timeout(BOUND):
            await server.stop(TIMEOUT)


async def test_numbers_that_are_taken_and_broken_messages_cost_their_own_call() -> None:
    servicer = New()
    async with connected(servicer) as client:
        rpc = client._dispatcher.InvokeBatched()
        assert (await rpc.read()).greeting.max_calls == batch_server.MAX_CALLS
        wait = pb.BatchedCall(number=1, request=pb.InvokeRequest(method="wait"))
        await rpc.write(pb.InvokeBatchedRequest(calls=[wait, wait], cancelled=[7]))
        [refused] = (await rpc.read()).answers
        assert refused.WhichOneof("outcome") == "status"
        servicer.go_on.set()
        [answered] = (await rpc.read()).answers
        assert (answered.number, answered.WhichOneof("outcome")) == (1, "response")
        await rpc.done_writing()
        assert not await rpc.read()


async def test_who_takes_no_answers_gets_no_further_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_server, "MAX_CALLS", 20)
    servicer = New()
    calls = [pb.BatchedCall(number=number, request=pb.InvokeRequest(method="echo")) for number in range(1000)]

    async def requests() -> AsyncIterator[pb.InvokeBatchedRequest]:
        yield pb.InvokeBatchedRequest(calls=calls)

    responses = servicer.batches.serve(requests(), LocalContext((), None))
    assert (await anext(responses)).HasField("greeting")
    answers = len((await anext(responses)).answers)
    for _ in range(100):
        await asyncio.sleep(0)
    [stream] = servicer.batches._streams
    assert len(stream._answers) <= 40
    async for response in responses:
        answers += len(response.answers)
    assert answers == 1000


async def test_to_close_the_client_ends_its_calls() -> None:
    servicer = New()
    async with connected(servicer) as client:
        left = asyncio.create_task(invoke(client, "wait"))
        await until(lambda: servicer.running == 1)
    with pytest.raises(GraftError) as caught:
        await left
    assert caught.value.error_info() == AWAY
    await until(lambda: servicer.cancelled == 1)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4 * LARGE), max_size=20))
def test_answers_are_sent_whole_in_order_and_fairly(sizes: list[int]) -> None:
    responses = [pb.InvokeResponse(value=bytes([number % 251]) * size) for number, size in enumerate(sizes)]
    queue = deque(pieces_of(number, response, response.ByteSize()) for number, response in enumerate(responses))
    pieces = Pieces(queue)
    messages = list(iter(pieces.next, []))
    found: dict[int, bytes] = dict.fromkeys(range(len(sizes)), b"")
    ended: set[int] = set()
    for message in messages:
        assert len(message) <= MAX_BATCHED
        assert sum(answer.ByteSize() for answer in message) < MAX_BATCH + LARGE + 1024
        for answer in message:
            assert answer.number not in ended
            whole = answer.WhichOneof("outcome") == "response"
            found[answer.number] += answer.response.SerializeToString() if whole else answer.part
            if not answer.more:
                ended.add(answer.number)
    assert ended == set(range(len(sizes)))
    assert [pb.InvokeResponse.FromString(found[number]) for number in range(len(sizes))] == responses
    # Nobody waits for more than one part of each of those who are before him in the line.
    order = [answer.number for message in messages for answer in message]
    for number in range(len(sizes)):
        assert order.index(number) == number


def test_the_bounds_fit_together() -> None:
    assert batch_client.AGE + 30 < 300, "streams are replaced before the server ends the connection"
