"""How much is served at once, and what any bytes at all are answered with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import PASSWORD
from gateway.app import GatewayApp
from gateway.load import Load
from gateway.xenapi import XenApi
from graft_common.errors import GraftError
from support.any_bytes import JSON, SESSION, XML, check_json, check_xml, open_app, serve
from support.wire import Running, Wire, call, failure, request, running_gateway, success, wait_until


def test_requests_are_counted() -> None:
    load = Load(max_requests=2, max_bytes=10)
    with load.request() as first:
        first.add(6)
        with load.request() as second:
            second.add(4)
            with pytest.raises(GraftError, match="SERVER_BUSY"):
                second.add(1)
            with pytest.raises(GraftError, match="SERVER_BUSY"), load.request():
                pass
        first.add(4)
    with load.request() as third:
        third.add(10)


async def test_idle_is_when_nothing_is_served() -> None:
    load = Load(max_requests=2, max_bytes=10)
    await load.wait_idle()
    with load.request():
        waiting = asyncio.create_task(load.wait_idle())
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_too_many_requests_are_told(gateway: Running, session: str) -> None:
    gateway.app._load._max_requests = 1
    async with await Wire.open(gateway.port) as busy:
        await busy.send(request(call("Test.wait", session)))
        await gateway.platform.wait_running(1)
        reply = await gateway.post(call("Test.void", session))
        assert reply.body == failure("SERVER_BUSY", "the gateway is serving 1 requests, as many as it may; try again")
        gateway.platform.gate.set()
        assert (await busy.reply()).status == 200
        assert (await busy.post(call("Test.void", session))).body == success("<value></value>")


async def test_too_many_bytes_are_told(gateway: Running, session: str) -> None:
    gateway.app._load._max_bytes = 100_000
    async with await Wire.open(gateway.port) as first:
        await first.send(request(call("Test.wait", session, "x" * 90_000)))
        await gateway.platform.wait_running(1)
        reply = await gateway.post(call("Test.echo", session, "y" * 50_000))
        assert b"SERVER_BUSY" in reply.body
        assert (await gateway.post(call("Test.void", session))).body == success("<value></value>")
        gateway.platform.gate.set()
        assert (await first.reply()).status == 200
    reply = await gateway.post(call("Test.echo", session, "y" * 50_000))
    assert reply.body == success(f"<value>{'y' * 50_000}</value>")
    await wait_until(lambda: gateway.app._load._bytes == 0)


async def test_a_mistake_of_ours_is_told_without_its_text(
    gateway: Running, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = await gateway.post(call("Test.crash", session), x_request_id="id-7")
    assert reply.body == failure("INTERNAL_ERROR", "The server has made a mistake; its log has the request id id-7.")

    async def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(XenApi, "call", broken)
    reply = await gateway.post(call("Test.void", session), x_request_id="id-8")
    assert reply.body == failure("INTERNAL_ERROR", "The server has made a mistake; its log has the request id id-8.")


async def test_requests_are_logged_without_secrets(gateway: Running) -> None:
    with structlog.testing.capture_logs() as logs:
        await gateway.post(call("session.login_with_password", "root", "a-secret-password"), x_request_id="id-9")
        ref = gateway.platform.open_session()
        await gateway.post(call("Test.echo", ref, "a-secret-parameter"))
        await gateway.post(call(f"{ref}.get_record", ref))
        await gateway.post(b"a-secret-body")
        await wait_until(lambda: len(logs) >= 4)
    text = repr(logs)
    assert "a-secret" not in text
    assert PASSWORD not in text
    assert ref not in text
    events = [event for event in logs if event["event"] == "http.request"]
    assert [(event["rpc"], event["outcome"], event["status"]) for event in events] == [
        ("session.login_with_password", "SESSION_AUTHENTICATION_FAILED", 200),
        ("Test.echo", "OK", 200),
        ("(not a plain name)", "MESSAGE_METHOD_UNKNOWN", 200),
        ("", "MALFORMED", 400),
    ]
    for event in events:
        assert event["duration"] > 0
        assert event["peer"].startswith("127.0.0.1:")
        assert event["path"] == "/RPC2"


@pytest.mark.parametrize("path", ["/{}", "/api/v1/methods/{}.get_record", "/api/v1/tasks/{}", "/x%2F{}?session_id={}"])
async def test_paths_are_logged_without_sessions(gateway: Running, path: str) -> None:
    """A task's reference looks like a session's, and clients mistake one for the other."""
    ref = gateway.platform.open_session()
    async with await Wire.open(gateway.port) as wire:
        with structlog.testing.capture_logs() as logs:
            await wire.send(request(b"", path.format(ref, ref)))
            await wire.reply()
            await wait_until(lambda: len(logs) >= 1)
    assert ref.partition(":")[2][8:] not in repr(logs)
    assert ref[:18] in logs[-1]["path"]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def app(runner: asyncio.Runner) -> Iterator[GatewayApp]:
    made = runner.run(open_app())
    yield made
    runner.run(made.close())


@st.composite
def nearly_calls(draw: st.DrawFn) -> bytes:
    """Calls, and calls that were cut, joined and bitten."""
    values = st.sampled_from([
        "x", "<int>5</int>", "<i8>-1</i8>", "<nil/>", "<array><data><value/></data></array>",
        "<struct><member><name>a</name><value>b</value></member></struct>", "<base64>AA==</base64>",
        "<double>nan</double>", "<boolean>true</boolean>", "<dateTime.iso8601>x</dateTime.iso8601>", "&#0;", "&lt;",
    ])  # fmt: skip
    method = draw(
        st.sampled_from(["Test.mirror", "Test.crash", "session.get_record", "Async.Test.echo", "a", "system.x"])
    )
    data = bytearray(call(method, *draw(st.sampled_from([("ref",), (), ("<int>1</int>",)])), *draw(st.lists(values))))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        data[start : start + draw(st.integers(0, 20))] = draw(st.binary(max_size=8) | st.just(bytes(data[:40])))
    return bytes(data)


@st.composite
def nearly_messages(draw: st.DrawFn) -> bytes:
    """Requests in JSON-RPC and batches, and such as were cut, joined and bitten."""
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(SESSION),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    )
    methods = st.sampled_from(["Test.mirror", "Test.crash", "session.get_record", "Async.Test.echo", "a", "system.x"])
    members = st.fixed_dictionaries(
        {},
        optional={
            "jsonrpc": st.just("2.0") | values,
            "method": methods | values,
            "params": st.lists(values, max_size=3).map(lambda own: [SESSION, *own]) | values,
            "id": st.integers() | values,
        },
    )
    data = bytearray(
        json.dumps(draw(members | st.lists(members | values, max_size=4)), ensure_ascii=draw(st.booleans())).encode(
            "utf-8", "surrogatepass"
        )
    )
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(data)))
        data[start : start + draw(st.integers(0, 8))] = draw(st.binary(max_size=4) | st.just(bytes(data[:40])))
    return bytes(data)


@settings(deadline=None, max_examples=200)
@given(chunks=st.lists(st.binary(max_size=3000) | nearly_calls(), min_size=1, max_size=3))
def test_any_bytes_are_answered(runner: asyncio.Runner, app: GatewayApp, chunks: list[bytes]) -> None:
    check_xml(runner.run(serve(app, XML, chunks)))


@settings(deadline=None, max_examples=150)
@given(body=nearly_messages() | st.binary(max_size=50))
def test_any_bytes_are_answered_in_json(runner: asyncio.Runner, app: GatewayApp, body: bytes) -> None:
    check_json(runner.run(serve(app, JSON, [body])), body)


@pytest.fixture(scope="module")
def port(runner: asyncio.Runner) -> Iterator[int]:
    context = running_gateway()
    yield runner.run(context.__aenter__()).port
    runner.run(context.__aexit__(None, None, None))


@settings(deadline=None, max_examples=100)
@given(data=st.binary(min_size=1, max_size=400) | nearly_calls().map(request))
def test_any_bytes_on_a_connection_do_no_harm(runner: asyncio.Runner, port: int, data: bytes) -> None:
    async def live() -> bytes:
        async with await Wire.open(port) as wire:
            await wire.send(data)
            wire.writer.write_eof()
            return await asyncio.wait_for(wire.reader.read(), 10)

    for line in runner.run(live()).split(b"\r\n"):
        if line.startswith(b"HTTP/1.1 "):
            assert line[9:12] in {b"200", b"400", b"404", b"405", b"413", b"431"}
