"""The pages for those who watch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes import FakePlatform
from gateway.app import GatewayApp
from gateway.readiness import Readiness
from gateway.server import HttpServer
from graft_common.errors import GraftError
from graft_common.rpc.client import open_channel
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.settings import Settings
from support.wire import Reply, Running, Wire, call


async def get(port: int, path: str, accept: str = "*/*") -> Reply:
    async with await Wire.open(port) as wire:
        await wire.send(f"GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\n\r\n".encode())
        return await wire.reply()


@pytest.fixture
async def lonely() -> AsyncIterator[int]:
    """The port of a gateway whose services are not there."""
    async with open_channel("127.0.0.1:1") as channel:
        app = await GatewayApp.open(Settings(), RegistryClients.remote(channel), DispatcherClients.remote(channel))
        server = HttpServer(app.asgi)
        yield await server.start("127.0.0.1:0")
        await server.stop(0)
        await app.close()


async def test_about(gateway: Running) -> None:
    reply = await get(gateway.port, "/")
    assert reply.status == 200
    assert reply.body.startswith(b"Graft")
    assert b"/readyz" in reply.body


async def test_ready(gateway: Running) -> None:
    reply = await get(gateway.port, "/readyz")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    parts = {name: {"ready": True} for name in ("registry", "dispatcher", "gateway")}
    assert json.loads(reply.body) == {"ready": True, **parts}


async def test_a_dispatcher_that_is_not_ready(platform: FakePlatform, gateway: Running) -> None:
    platform.list_error = GraftError("SERVICE_UNAVAILABLE", "dispatcher", "not in step with the registry yet")
    reply = await get(gateway.port, "/readyz")
    assert reply.status == 503
    answer = json.loads(reply.body)
    assert answer["ready"] is False
    assert answer["registry"] == {"ready": True}
    assert answer["dispatcher"] == {
        "ready": False,
        "reason": "SERVICE_UNAVAILABLE: not in step with the registry yet",
    }


async def test_readiness_is_of_this_moment(platform: FakePlatform, gateway: Running) -> None:
    """What was found a moment ago tells nothing of a service that has died or come since."""
    for error, status in [(None, 200), (GraftError("SERVICE_UNAVAILABLE", "dispatcher", "gone"), 503)] * 3:
        platform.list_error = error
        assert (await get(gateway.port, "/readyz")).status == status


async def test_many_who_ask_for_readiness_at_once_share_the_answer() -> None:
    asked: list[int] = []
    answering = asyncio.Event()

    async def ask(*_: object, **__: object) -> None:
        asked.append(1)
        await answering.wait()

    registry: Any = SimpleNamespace(identity=SimpleNamespace(WhoAmI=ask))
    dispatcher: Any = SimpleNamespace(dispatcher=SimpleNamespace(ListMethods=ask))
    readiness = Readiness(registry, dispatcher)
    first = asyncio.create_task(readiness.report())
    while not asked:  # noqa: ASYNC110  (a few turns of the loop)
        await asyncio.sleep(0)
    later = [asyncio.create_task(readiness.report()) for _ in range(100)]
    await asyncio.sleep(0)
    first.cancel()
    answering.set()
    assert await asyncio.gather(*later) == [{"registry": "", "dispatcher": ""}] * 100
    assert len(asked) == 4, "the first who asked has gone; all others share one answer, which began after they came"


async def test_nobody_is_there(lonely: int) -> None:
    assert (await get(lonely, "/healthz")).status == 200
    reply = await get(lonely, "/readyz")
    assert reply.status == 503
    for part in ("registry", "dispatcher"):
        assert json.loads(reply.body)[part]["reason"].startswith("SERVICE_UNAVAILABLE: UNAVAILABLE")


async def test_a_gateway_that_drains_is_not_ready(gateway: Running) -> None:
    await gateway.app.drain(1)
    reply = await get(gateway.port, "/readyz")
    assert reply.status == 503
    assert json.loads(reply.body)["gateway"] == {"ready": False, "reason": "it is stopping"}


async def samples(gateway: Running) -> dict[tuple[str, ...], float]:
    text = (await get(gateway.port, "/metrics")).body.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_count_calls_and_have_few_labels(gateway: Running, session: str) -> None:
    before = await samples(gateway)
    for number in range(30):
        await gateway.post(call(f"Class{number}.method", session))
        await gateway.post(call("Test.fail", session, f"MADE_UP_{number}"))
        await get(gateway.port, f"/nothing/{number}")
    await gateway.post(b"nonsense")
    await gateway.post(call("Test.void", session), "/")
    after = await samples(gateway)
    new = {key: value - before.get(key, 0) for key, value in after.items() if key[0].startswith("graft_")}
    assert new["graft_http_requests_total", "/RPC2", "200"] == 60
    assert new["graft_http_requests_total", "/RPC2", "400"] == 1
    assert new["graft_http_requests_total", "/", "200"] == 1
    assert new["graft_http_requests_total", "other", "404"] == 30
    assert new["graft_xmlrpc_calls_total", "invoke", "MESSAGE_METHOD_UNKNOWN"] == 30
    assert new["graft_xmlrpc_calls_total", "invoke", "OTHER"] == 30
    assert new["graft_xmlrpc_calls_total", "invoke", "OK"] == 1
    assert new["graft_xmlrpc_calls_total", "none", "MALFORMED"] == 1
    assert not any("MADE_UP" in part or "Class" in part for key in new for part in key if "xmlrpc" in key[0])


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
async def test_metrics_come_as_asked_for(gateway: Running, accept: str, content_type: str) -> None:
    reply = await get(gateway.port, "/metrics", accept)
    assert reply.headers["content-type"].startswith(content_type)
    assert b"graft_http_in_flight 1.0" in reply.body
