"""The MCP end point: who may come in, what tools there are, and what HTTP makes of it; services are fakes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from fakes import ADMIN, PASSWORD, FakePlatform
from gateway.mcp import endpoint
from gateway.mcp.origins import origin_fits, read_origins
from gateway.mcp.tools import Toolbox, tool_names
from graft_common.declarations.api import Api, Origin, Source
from graft_common.declarations.model import (
    ANYONE,
    Change,
    Document,
    ErrorDeclaration,
    Lifecycle,
    Method,
    Param,
    Transition,
)
from graft_common.declarations.platform import platform_document
from graft_common.declarations.types import parse_type
from graft_common.errors import service_unavailable
from graft_common.roles import Holding, rank_of
from support.wire import Running, running_gateway

ACCEPT = {"accept": "application/json, text/event-stream"}
METHODS = (
    Method("Test.mirror", "Show it.", role="pool-operator", params=(Param("x", parse_type("int")),), idempotent=True),
    Method("Test.fail", role=ANYONE),
    Method("Gone.away", role=ANYONE),
)


def api() -> Api:
    origins = {method.name: Origin(Source.DROP_IN, available=method.name != "Gone.away") for method in METHODS}
    return Api(Document(methods=METHODS), origins, {"Test.void": Origin(Source.DROP_IN)})


@pytest.fixture
async def http(gateway: Running) -> AsyncIterator[httpx.AsyncClient]:
    gateway.platform.api = api()
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=ACCEPT, timeout=30, trust_env=False, verify=False
    ) as client:
        yield client


async def ask(http: httpx.AsyncClient, method: str, path: str = "/mcp", **params: Any) -> httpx.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await http.post(path, json=message, auth=(ADMIN, PASSWORD))


async def test_a_handshake_and_a_list(http: httpx.AsyncClient, gateway: Running) -> None:
    client = {"name": "test", "version": "1"}
    answer = await ask(http, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
    assert answer.json()["result"]["serverInfo"]["name"] == "graft"
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]
    noted = await http.post(
        "/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, auth=(ADMIN, PASSWORD)
    )
    assert noted.status_code == 202
    listed = (await ask(http, "tools/list")).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["Test_fail", "Test_mirror"]
    assert listed[1]["inputSchema"]["required"] == ["x"]
    assert listed[1]["outputSchema"]["required"] == ["result"]
    assert listed[1]["annotations"] == {"idempotentHint": True}
    assert listed[1]["_meta"] == {"graft/method": "Test.mirror", "graft/role": "pool-operator"}
    # All of it with one session.
    assert len(gateway.platform.sessions) == 1


async def test_a_tool_is_called(http: httpx.AsyncClient, gateway: Running) -> None:
    # The fake takes arguments by place only, which no tool has.
    answer = await ask(http, "tools/call", name="Test_mirror", arguments={"x": 2**70})
    result = answer.json()["result"]
    assert result["isError"]
    assert json.loads(result["content"][0]["text"])["code"] == "VALUE_NOT_SUPPORTED"
    unknown = await ask(http, "tools/call", name="Test_void", arguments={})
    assert unknown.json()["error"]["message"] == "Unknown tool: Test_void"


async def test_a_session_sees_what_its_role_allows(http: httpx.AsyncClient, platform: FakePlatform) -> None:
    headers = {"authorization": f"Bearer {platform.open_session(role='read-only')}"}
    answer = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
    assert [tool["name"] for tool in answer.json()["result"]["tools"]] == ["Test_fail"]


async def test_the_classes_that_are_named(http: httpx.AsyncClient) -> None:
    listed = (await ask(http, "tools/list", "/mcp?classes=Other,More")).json()["result"]["tools"]
    assert listed == []


async def test_lists_follow_changes(http: httpx.AsyncClient, platform: FakePlatform) -> None:
    assert len((await ask(http, "tools/list")).json()["result"]["tools"]) == 2
    platform.api = Api()
    async with asyncio.timeout(20):
        while (await ask(http, "tools/list")).json()["result"]["tools"]:  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("authorization", ["", "Bearer OpaqueRef:nobody", "Basic cm9vdDp4", "Digest x"])
async def test_nobody_comes_in_without_credentials(http: httpx.AsyncClient, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    answer = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("verb", ["GET", "DELETE", "PUT"])
async def test_only_posts_are_answered(http: httpx.AsyncClient, verb: str) -> None:
    answer = await http.request(verb, "/mcp", auth=(ADMIN, PASSWORD))
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


async def test_what_is_no_message(http: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    answer = await http.post("/mcp", content=b"{", headers=headers, auth=(ADMIN, PASSWORD))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32700)


async def test_a_dispatcher_that_is_away(http: httpx.AsyncClient, platform: FakePlatform) -> None:
    platform.describe_error = service_unavailable("dispatcher", "it is starting")
    answer = await ask(http, "tools/list")
    assert "error" in answer.json()
    assert "Traceback" not in answer.text


async def test_a_registry_that_is_away_stops_nobody_who_is_known(
    http: httpx.AsyncClient, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "HOLDING_AGE", 0.0)
    await ask(http, "tools/list")
    platform.who_error = service_unavailable("registry", "it is away")
    assert len((await ask(http, "tools/list")).json()["result"]["tools"]) == 2
    headers = {"authorization": f"Bearer {platform.open_session()}"}
    answer = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
    assert answer.status_code == 503
    platform.who_error = None
    platform.sessions.clear()
    headers = {"authorization": f"Bearer {platform.open_session()}"}
    assert (
        await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=headers)
    ).status_code == 200


async def test_the_gateway_stops(http: httpx.AsyncClient, gateway: Running) -> None:
    await ask(http, "tools/list")
    await gateway.app.drain(10)
    answer = await ask(http, "tools/list")
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


async def test_bodies_have_bounds(platform: FakePlatform, session: str) -> None:
    async with running_gateway(platform, http_max_body=1000) as gateway:
        reply = await gateway.post(b" " * 1001, "/mcp", authorization=f"Bearer {session}")
        assert (reply.status, reply.headers["connection"]) == (413, "close")


async def test_pages_of_named_origins(platform: FakePlatform, session: str) -> None:
    origin = "https://console.example"
    async with (
        running_gateway(platform, mcp_origins=f" {origin}/ , http://b") as gateway,
        httpx.AsyncClient(base_url=gateway.url, headers=ACCEPT, trust_env=False, verify=False) as http,
    ):
        asked = await http.options("/mcp", headers={"origin": origin, "access-control-request-method": "POST"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, origin)
        assert "authorization" in asked.headers["access-control-allow-headers"]
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        headers = {"origin": origin, "authorization": f"Bearer {session}"}
        answer = await http.post("/mcp", json=message, headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
        headers["origin"] = "https://evil.example"
        refused = await http.post("/mcp", json=message, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "ORIGIN_NOT_ALLOWED")
        assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    ("origin", "host", "fits"),
    [
        ("", "anything", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("https://CONSOLE.example", "graft.example", True),
        # A name that has come to stand for this server's address.
        ("http://evil.example:8080", "evil.example:8080", False),
        ("http://localhost.evil.example:8080", "localhost.evil.example:8080", False),
        # Another server's page.
        ("http://127.0.0.1:9000", "127.0.0.1:8080", False),
        ("http://192.0.2.1", "127.0.0.1:8080", False),
        ("null", "127.0.0.1:8080", False),
        ("file://127.0.0.1:8080", "127.0.0.1:8080", False),
        ("http://[::1", "[::1", False),
    ],
)
def test_origins(origin: str, host: str, *, fits: bool) -> None:
    assert origin_fits(origin, host, read_origins("https://console.example")) is fits


def test_names_of_tools() -> None:
    assert tool_names(["Volume.resize", "A_b.c", "A.b_c", "A.d"]) == {
        "Volume.resize": "Volume_resize",
        "A_b.c": "A_b.c",
        "A.b_c": "A.b_c",
        "A.d": "A_d",
    }


def test_tools_of_the_platform() -> None:
    box = Toolbox(Api.of(platform_document()))
    names = {tool.name for tool in box.offered(Holding.of(rank_of("read-only"), []))}
    assert {"task_cancel", "task_get_record", "host_get_all"} <= names
    assert not any(name.startswith("session_") for name in names)
    assert "host_call_extension" not in names
    granted = {tool.name for tool in box.offered(Holding.of(0, ["host.call_*"]))}
    assert granted == {"host_call_extension", "system_isAlive", "system_listMethods"}
    assert box.find("task.cancel") is box.find("task_cancel")
    assert box.find("session.logout") is None
    record = box.find("task_get_record")
    assert record is not None
    assert record.read_only
    assert record.gives["properties"]["result"]["$ref"] == "#/$defs/task"
    assert "task" in record.gives["$defs"]


def test_what_a_tool_tells() -> None:
    steps = (Transition(Change.PUBLISHED, "1"), Transition(Change.DEPRECATED, "2"))
    errors = (ErrorDeclaration("IN_USE", ("volume",), "Someone has it."),)
    tool = Toolbox(
        Api.of(Document(methods=(Method("A.b", "Do. It.", errors=errors, lifecycle=Lifecycle(steps)),)))
    ).find("A_b")
    assert tool is not None
    assert tool.title == "Do."
    assert tool.description == (
        "This method is deprecated.\n\nDo. It.\n\nNeeds the role pool-admin.\n\nErrors:\n- `IN_USE` [volume]: Someone has it."
    )
