"""What becomes of calls whose client goes away."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from fakes import FakePlatform
from fakes.platform import METHODS
from gateway.jsonrpc_envelope import AT_ONCE
from support.wire import Running, Wire, call, request, wait_until


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform(methods={"event.from": METHODS["Test.wait"], "event.next": METHODS["Test.wait"]})


def xml(method: str, session: str) -> bytes:
    return request(call(method, session))


def one(method: str, session: str) -> bytes:
    return request(json.dumps({"method": method, "params": [session], "id": 1}).encode(), "/jsonrpc")


def several(method: str, session: str) -> bytes:
    calls = [{"jsonrpc": "2.0", "method": method, "params": [session], "id": number} for number in range(3)]
    return request(json.dumps(calls).encode(), "/jsonrpc")


@pytest.mark.parametrize(("form", "calls"), [(xml, 1), (one, 1), (several, 3)])
@pytest.mark.parametrize("method", ["event.from", "event.next"])
async def test_calls_that_wait_are_given_up(
    gateway: Running, session: str, form: Callable[[str, str], bytes], calls: int, method: str
) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(form(method, session))
        await gateway.platform.wait_running(calls)
    await wait_until(lambda: gateway.platform.running == 0)
    await wait_until(lambda: not gateway.server._server.server_state.connections)


@pytest.mark.parametrize("form", [xml, one])
async def test_calls_that_wait_are_answered(gateway: Running, session: str, form: Callable[[str, str], bytes]) -> None:
    async with await Wire.open(gateway.port) as wire:
        for _ in range(2):
            gateway.platform.gate.clear()
            await wire.send(form("event.from", session))
            await gateway.platform.wait_running(1)
            gateway.platform.gate.set()
            assert b"waited" in (await wire.reply()).body


@pytest.mark.parametrize("form", [xml, one])
async def test_a_request_that_follows_is_served_in_its_turn(
    gateway: Running, session: str, form: Callable[[str, str], bytes]
) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(form("event.from", session) + form("Test.void", session))
        await gateway.platform.wait_running(1)
        gateway.platform.gate.set()
        assert b"waited" in (await wire.reply()).body
        assert b"waited" not in (await wire.reply()).body


@pytest.mark.parametrize("form", [xml, one])
async def test_other_calls_go_on(gateway: Running, session: str, form: Callable[[str, str], bytes]) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(form("Test.wait", session))
        await gateway.platform.wait_running(1)
    await wait_until(lambda: not gateway.server._server.server_state.connections)
    assert gateway.platform.running == 1
    gateway.platform.gate.set()
    await wait_until(lambda: gateway.platform.running == 0)


async def test_a_batch_that_does_more_than_wait_goes_on_without_its_waits(gateway: Running, session: str) -> None:
    calls = [{"jsonrpc": "2.0", "method": name, "params": [session]} for name in ("event.from", "Test.wait")]
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(json.dumps(calls).encode(), "/jsonrpc"))
        await gateway.platform.wait_running(2)
    await wait_until(lambda: not gateway.server._server.server_state.connections)
    await wait_until(lambda: gateway.platform.running == 1)
    gateway.platform.gate.set()
    await wait_until(lambda: gateway.platform.running == 0)


async def test_no_wait_of_a_batch_is_begun_for_a_client_that_is_gone(gateway: Running, session: str) -> None:
    """A thousand waits, made sixteen at a time, would else go on for hours."""
    calls = [{"jsonrpc": "2.0", "method": name, "params": [session]} for name in ["event.from"] * 60 + ["Test.wait"]]
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(json.dumps(calls).encode(), "/jsonrpc"))
        await gateway.platform.wait_running(AT_ONCE)
    await wait_until(lambda: gateway.platform.seen[-1].method == "Test.wait")
    await wait_until(lambda: gateway.platform.running == 1)
    assert [seen.method for seen in gateway.platform.seen].count("event.from") == AT_ONCE
    gateway.platform.gate.set()
    await wait_until(lambda: gateway.platform.running == 0)
