"""How the server begins and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest
import uvloop

from fakes import FakePlatform
from gateway import http_protocol
from gateway.app import GatewayApp
from gateway.server import HttpServer
from graft_common.errors import StartupError
from graft_common.settings import Settings
from support.wire import Running, Wire, call, failure, request, running_gateway, success

LIST = b"<methodCall><methodName>system.listMethods</methodName></methodCall>"
STOPPING = failure("SERVICE_UNAVAILABLE", "gateway", "it is stopping")


async def test_a_taken_address_is_told(gateway: Running) -> None:
    other = HttpServer(gateway.app.asgi)
    with pytest.raises(StartupError) as caught:
        await other.start(f"127.0.0.1:{gateway.port}")
    text = str(caught.value)
    assert text.startswith(f"cannot listen on 127.0.0.1:{gateway.port} for HTTP: Address already in use")
    assert "GRAFT_HTTP" in text
    await other.stop(1)


@pytest.mark.parametrize("address", ["no.such.host.invalid:80", "203.0.113.1:0"])
async def test_an_address_that_is_not_here_is_told(gateway: Running, address: str) -> None:
    with pytest.raises(StartupError, match="cannot listen on"):
        await HttpServer(gateway.app.asgi).start(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::]"])
async def test_every_way_to_name_this_machine(gateway: Running, host: str) -> None:
    server = HttpServer(gateway.app.asgi)
    try:
        port = await server.start(f"{host}:0")
    except StartupError as error:
        if ":" not in host:
            raise
        pytest.skip(f"no IPv6 here: {error}")
    target = {"0.0.0.0": "127.0.0.1", "[::]": "127.0.0.1", "[::1]": "::1"}.get(host, host)
    reader, writer = await asyncio.open_connection(target, port)
    async with Wire(reader, writer) as wire:
        assert (await wire.post(LIST)).status == 200
    await server.stop(1)


async def test_signals_are_left_alone(gateway: Running) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server = HttpServer(gateway.app.asgi)
    await server.start("127.0.0.1:0")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    await server.stop(1)


async def test_stop_lets_running_requests_end(gateway: Running, session: str) -> None:
    async with await Wire.open(gateway.port) as busy, await Wire.open(gateway.port) as idle:
        assert (await idle.post(LIST)).status == 200
        await busy.send(request(call("Test.wait", session)))
        await gateway.platform.wait_running(1)
        stopping = asyncio.create_task(gateway.server.stop(30))
        assert await idle.closed()
        with pytest.raises(OSError):
            await Wire.open(gateway.port)
        assert not stopping.done()
        gateway.platform.gate.set()
        assert (await busy.reply()).body == success("<value>waited</value>")
        assert await busy.closed()
        async with asyncio.timeout(5):
            await stopping


async def test_stop_has_a_bound_and_a_last_word(gateway: Running, session: str) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(call("Test.wait", session)))
        await gateway.platform.wait_running(1)
        async with asyncio.timeout(5):
            await gateway.server.stop(0.2)
        assert (await wire.reply()).body == STOPPING
        assert await wire.closed()
    assert gateway.platform.running == 0


async def test_stop_does_not_wait_for_a_client_that_does_not_send(gateway: Running) -> None:
    async with await Wire.open(gateway.port) as half, await Wire.open(gateway.port) as silent:
        await half.send(request(LIST)[:-5])
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            await gateway.server.stop(0.2)
        assert await silent.closed()


async def test_drain_refuses_new_calls_and_waits_for_running_ones(gateway: Running, session: str) -> None:
    async with await Wire.open(gateway.port) as busy, await Wire.open(gateway.port) as late:
        await busy.send(request(call("Test.wait", session)))
        await gateway.platform.wait_running(1)
        draining = asyncio.create_task(gateway.app.drain(30))
        await asyncio.sleep(0)
        reply = await late.post(call("Test.void", session))
        assert reply.body == STOPPING
        assert reply.headers["connection"] == "close"
        assert not draining.done()
        gateway.platform.gate.set()
        assert (await busy.reply()).body == success("<value>waited</value>")
        async with asyncio.timeout(5):
            await draining


async def test_drain_has_a_bound(gateway: Running, session: str) -> None:
    async with await Wire.open(gateway.port) as busy:
        await busy.send(request(call("Test.wait", session)))
        await gateway.platform.wait_running(1)
        async with asyncio.timeout(5):
            await gateway.app.drain(0.1)


async def test_starting_and_stopping_leaves_nothing() -> None:
    for _ in range(3):
        async with running_gateway() as gateway:
            assert (await gateway.post(LIST)).status == 200
    assert len(asyncio.all_tasks()) == 1


async def test_stopping_twice_and_before_the_start(gateway: Running) -> None:
    await HttpServer(gateway.app.asgi).stop(1)
    await gateway.server.stop(1)
    await gateway.server.stop(1)


def test_it_runs_on_uvloop(platform: FakePlatform) -> None:
    async def live() -> None:
        session = platform.open_session()
        app = await GatewayApp.open(Settings(), *platform.clients())
        server = HttpServer(app.asgi)
        port = await server.start("127.0.0.1:0")
        async with await Wire.open(port) as wire:
            assert (await wire.post(call("Test.echo", session, "x"))).body == success("<value>x</value>")
            assert (await wire.post(b"x")).status == 400
            await wire.send(b"POST / HTTP/1.1\r\nx: " + b"a" * 40_000 + b"\r\n\r\n")
            assert (await wire.reply()).status == 431
            assert await wire.closed()
        async with await Wire.open(port) as wire:
            await wire.send(request(call("Test.wait", session)))
            await platform.wait_running(1)
            await server.stop(0.1)
            assert (await wire.reply()).body == STOPPING
        await app.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(live())


def test_a_socket_is_not_shared_with_another_process() -> None:
    # Two gateways at one address would take turns; the second must not start.
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        async def start() -> None:
            await HttpServer(lambda *_: None).start(address)

        with pytest.raises(StartupError):
            asyncio.run(start())


async def test_connections_leave_descriptors_to_others(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await Wire.open(gateway.port) as first:
        assert (await first.post(LIST)).status == 200
        monkeypatch.setattr(http_protocol.resource, "getrlimit", lambda _: (3, 3))
        async with await Wire.open(gateway.port) as second:
            assert (await second.reply()).status == 503
        assert (await first.post(LIST)).status == 200


def test_the_limit_of_descriptors_is_raised() -> None:
    # In a process of its own, because not everybody may raise again what was lowered.
    program = """
import asyncio, resource
from support.wire import running_gateway

async def live():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 120))
    async with running_gateway():
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (120, 120)

asyncio.run(live())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
