"""Services that go and come back: calls wait for the connection, for a bounded time, and are sent once at most."""

# ruff: noqa: N802  (gRPC names its methods so)

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import pytest

from graft.registry.v1 import identity_pb2, identity_pb2_grpc, mpack_pb2, mpack_pb2_grpc, registry_pb2
from graft.registry.v1 import registry_pb2_grpc as registry_grpc
from graft_common.errors import GraftError
from graft_common.rpc import client, connecting, uploads
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.server import RpcServer
from graft_common.rpc.service import RpcService
from support.relay import relay
from support.running import free_port

AWAY = ["SERVICE_UNAVAILABLE", "registry", "UNAVAILABLE: it cannot be reached"]
SOON, LONG = 0.3, 60.0
"""Seconds of patience: for what does not come, and for what does."""
BOUND = 20.0
"""Seconds within which everything here has happened; a call could last far longer."""
TIMEOUT = 600.0


class Home:
    """A service at a place of its own, with a method of each shape, that counts what it is asked."""

    def __init__(self, name: str = "home") -> None:
        self.name = name
        self.port = free_port()
        self.asked = 0
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._server: RpcServer | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        identity = identity_pb2.DESCRIPTOR.services_by_name["IdentityService"]
        registry = registry_pb2.DESCRIPTOR.services_by_name["RegistryService"]
        mpacks = mpack_pb2.DESCRIPTOR.services_by_name["MpackService"]
        self._server = RpcServer(
            [
                RpcService(identity, _Identity(self), identity_pb2_grpc.add_IdentityServiceServicer_to_server),
                RpcService(registry, _Registry(self), registry_grpc.add_RegistryServiceServicer_to_server),
                RpcService(mpacks, _Mpacks(self), mpack_pb2_grpc.add_MpackServiceServicer_to_server),
            ]
        )
        await self._server.start(self.address)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)
        self._server = None

    async def answer(self) -> str:
        self.asked += 1
        self.entered.set()
        await self.go_on.wait()
        return self.name


class _Identity(identity_pb2_grpc.IdentityServiceServicer):
    def __init__(self, home: Home) -> None:
        self._home = home

    async def Login(self, request: identity_pb2.LoginRequest, context: Any) -> identity_pb2.LoginResponse:
        return identity_pb2.LoginResponse(session_ref=await self._home.answer())


class _Registry(registry_grpc.RegistryServiceServicer):
    def __init__(self, home: Home) -> None:
        self._home = home

    async def Watch(self, request: registry_pb2.WatchRequest, context: Any) -> AsyncIterator[Any]:
        change = registry_pb2.Change(key=await self._home.answer())
        yield registry_pb2.WatchResponse(changes=[change])


class _Mpacks(mpack_pb2_grpc.MpackServiceServicer):
    def __init__(self, home: Home) -> None:
        self._home = home

    async def VerifyMpack(self, requests: AsyncIterator[Any], context: Any) -> mpack_pb2.VerifyMpackResponse:
        sent = [request async for request in requests]
        assert len(sent) == 1
        return mpack_pb2.VerifyMpackResponse(mpack=mpack_pb2.Mpack(name=await self._home.answer()))

    async def InstallMpack(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        sent = [request async for request in requests]
        assert len(sent) == 1
        yield mpack_pb2.InstallMpackResponse(result=mpack_pb2.MpackResult(mpack=mpack_pb2.Mpack(name="home")))
        await self._home.answer()


class Caller:
    """Calls a home over a channel, in any shape."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.read = 0
        self._stubs = RegistryClients.remote(channel)

    async def unary(self, seconds: float = TIMEOUT, *, patient: bool = True) -> str:
        request = identity_pb2.LoginRequest(user="u")
        method = self._stubs.identity.Login
        answer = await client.call(method, request, timeout=seconds, service="registry", patient=patient)
        return answer.session_ref

    async def stream(self) -> str:
        method = self._stubs.registry.Watch
        async with aclosing(client.stream(method, registry_pb2.WatchRequest(), service="registry")) as answers:
            return "".join([answer.changes[0].key async for answer in answers])

    async def upload(self, requests: AsyncGenerator[Any, None] | None = None) -> str:
        requests = requests or self.requests(mpack_pb2.VerifyMpackRequest)
        method = self._stubs.mpacks.VerifyMpack
        return (await uploads.upload(method, requests, timeout=TIMEOUT, service="registry")).mpack.name

    async def exchange(self, requests: AsyncGenerator[Any, None] | None = None) -> str:
        requests = requests or self.requests(mpack_pb2.InstallMpackRequest)
        method = self._stubs.mpacks.InstallMpack
        async with aclosing(uploads.exchange(method, requests, service="registry")) as answers:
            return "".join([answer.result.mpack.name async for answer in answers])

    async def until_away(self) -> None:
        """Wait until gRPC has found out that nobody is there, and is waiting for its next attempt."""
        async with asyncio.timeout(BOUND):
            while (state := self.channel.get_state(try_to_connect=True)) != grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                await self.channel.wait_for_state_change(state)

    async def requests(self, make: Callable[..., Any]) -> AsyncGenerator[Any, None]:
        self.read += 1
        yield make(chunk=b"x")


SHAPES = ("unary", "stream", "upload", "exchange")
each_shape = pytest.mark.parametrize("shape", SHAPES)


@asynccontextmanager
async def calling(address: str, patience: float) -> AsyncIterator[Caller]:
    async with client.open_channel(address, patience) as channel:
        yield Caller(channel)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    made = Home()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def hole() -> Iterator[int]:
    """A port where connections are taken, and nobody says a word."""
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        yield silent.getsockname()[1]


async def failing(calling: Any) -> list[str]:
    with pytest.raises(GraftError) as caught:
        await asyncio.wait_for(calling, BOUND)
    return caught.value.error_info()


@each_shape
async def test_a_call_waits_for_a_service_that_comes_back(home: Home, shape: str) -> None:
    async with calling(home.address, LONG) as caller:
        assert await getattr(caller, shape)() == "home"
        await home.stop()
        await caller.until_away()
        waiting = [asyncio.create_task(getattr(caller, shape)()) for _ in range(5)]
        await caller.until_away()
        assert not any(call.done() for call in waiting)
        home.asked = 0
        await home.start()
        assert await asyncio.wait_for(asyncio.gather(*waiting), BOUND) == ["home"] * 5
    assert home.asked == 5


async def test_calls_go_on_over_restart_after_restart(home: Home) -> None:
    async with calling(home.address, LONG) as caller:
        for _ in range(5):
            await home.stop()
            await caller.until_away()
            await home.start()
            assert await caller.unary() == await caller.stream() == "home"


@each_shape
async def test_a_service_that_never_comes_is_told(shape: str) -> None:
    async with calling(f"127.0.0.1:{free_port()}", SOON) as caller:
        assert await failing(getattr(caller, shape)()) == AWAY
        assert await failing(getattr(caller, shape)()) == AWAY


@each_shape
async def test_a_service_that_goes_for_good_is_told(home: Home, shape: str) -> None:
    async with calling(home.address, SOON) as caller:
        assert await getattr(caller, shape)() == "home"
        await home.stop()
        assert await failing(getattr(caller, shape)()) == AWAY


async def test_requests_that_are_not_sent_are_closed() -> None:
    async with calling(f"127.0.0.1:{free_port()}", SOON) as caller:
        for make in (caller.upload, caller.exchange):
            requests = caller.requests(mpack_pb2.VerifyMpackRequest)
            assert await failing(make(requests)) == AWAY
            assert requests.ag_frame is None
            assert caller.read == 0


@each_shape
async def test_a_place_that_swallows_everything_is_told(hole: int, shape: str) -> None:
    async with calling(f"127.0.0.1:{hole}", SOON) as caller:
        assert await failing(getattr(caller, shape)()) == AWAY


async def test_a_service_that_takes_the_place_of_silence_is_found(home: Home) -> None:
    await home.stop()
    async with calling(home.address, LONG) as caller:
        with socket.create_server(("127.0.0.1", home.port)) as silent:
            waiting = asyncio.create_task(caller.unary())
            taken, _ = await asyncio.wait_for(asyncio.to_thread(silent.accept), BOUND)
        taken.close()
        await home.start()
        assert await asyncio.wait_for(waiting, BOUND) == "home"
    assert home.asked == 1


async def test_a_deadline_ends_the_wait_too() -> None:
    async with calling(f"127.0.0.1:{free_port()}", LONG) as caller:
        assert await failing(caller.unary(SOON)) == AWAY


async def test_who_is_not_patient_is_told_at_once(home: Home) -> None:
    async with calling(home.address, LONG) as caller:
        assert await caller.unary(patient=False) == "home"
        await home.stop()
        await caller.until_away()
        assert await failing(caller.unary(patient=False)) == AWAY


async def test_a_channel_is_not_patient_unless_it_is_asked_to_be() -> None:
    async with client.open_channel(f"127.0.0.1:{free_port()}") as channel:
        assert not isinstance(channel, connecting.PatientChannel)
        assert await failing(Caller(channel).unary()) == AWAY


async def test_closing_the_channel_ends_the_wait() -> None:
    async with calling(f"127.0.0.1:{free_port()}", LONG) as caller:
        waiting = asyncio.create_task(caller.unary())
        await caller.until_away()
    assert await failing(waiting) == AWAY
    assert await failing(caller.unary()) == AWAY


async def test_who_gives_up_disturbs_nobody_else(home: Home) -> None:
    await home.stop()
    async with calling(home.address, LONG) as caller:
        waiting = [asyncio.create_task(caller.unary()) for _ in range(3)]
        await caller.until_away()
        waiting.pop(0).cancel()
        await asyncio.sleep(0)
        await home.start()
        assert await asyncio.wait_for(asyncio.gather(*waiting), BOUND) == ["home"] * 2
    assert home.asked == 2


async def test_what_was_sent_is_not_sent_again(home: Home) -> None:
    """It may have been done; whoever has asked is told at once, and decides."""
    async with relay(home.port) as between, calling(between.address, LONG) as caller:
        home.go_on.clear()
        broken = asyncio.create_task(caller.unary())
        await asyncio.wait_for(home.entered.wait(), BOUND)
        between.cut()
        assert await failing(broken) == AWAY
        home.go_on.set()
        assert await caller.unary() == "home"
    assert home.asked == 2


async def test_calls_go_to_those_who_are_there() -> None:
    first, second = Home("first"), Home("second")
    await first.start()
    await second.start()
    async with calling(f"ipv4:{first.address},{second.address}", LONG) as caller:
        async with asyncio.timeout(BOUND):
            while {await caller.unary() for _ in range(4)} != {"first", "second"}:
                pass
        await first.stop()
        async with asyncio.timeout(BOUND):
            while {await caller.unary() for _ in range(4)} != {"second"}:
                pass
        assert {await caller.unary() for _ in range(20)} == {"second"}
        await first.start()
        async with asyncio.timeout(BOUND):
            while {await caller.unary() for _ in range(4)} != {"first", "second"}:
                pass
    await first.stop()
    await second.stop()


async def test_a_connection_that_is_there_is_not_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(_self: connecting.Connection, _seconds: float) -> bool:
        raise AssertionError("a connected channel was waited for")

    async with calling(home.address, LONG) as caller:
        assert await caller.unary() == "home"
        monkeypatch.setattr(connecting.Connection, "wait", wait)
        for shape in SHAPES:
            assert await getattr(caller, shape)() == "home"
