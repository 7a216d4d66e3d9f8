"""HTTP as clients really speak it: connections kept and closed, several requests in one packet, old versions."""

from __future__ import annotations

import asyncio
import resource

import pytest

from gateway.http_protocol import MAX_PIPELINED
from support.wire import Running, Wire, call, request, success


@pytest.mark.parametrize(
    ("version", "header", "kept"),
    [("1.1", {}, True), ("1.1", {"connection": "close"}, False), ("1.0", {}, False)],
)
async def test_connections_are_kept_as_the_version_says(
    gateway: Running, session: str, version: str, header: dict[str, str], *, kept: bool
) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(call("Test.echo", session, "a"), version=version, **header))
        reply = await wire.reply()
        assert reply.body == success("<value>a</value>")
        assert reply.headers.get("connection") == (None if kept else "close")
        if kept:
            for _ in range(20):
                assert (await wire.post(call("Test.void", session))).status == 200
        else:
            assert await wire.closed()


async def test_pipelined_requests_are_answered_in_order(gateway: Running, session: str) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(b"".join(request(call("Test.echo", session, str(number))) for number in range(50)))
        for number in range(50):
            assert (await wire.reply()).body == success(f"<value>{number}</value>")


async def test_few_pipelined_requests_wait_for_their_turn(gateway: Running, session: str) -> None:
    """Thousands fit into one packet, each of which would take kilobytes while the first one is served."""
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(call("Test.wait", session)) + b"GET /healthz HTTP/1.1\r\n\r\n" * 5000)
        await gateway.platform.wait_running(1)
        (connection,) = gateway.server._server.server_state.connections
        assert len(connection.pipeline) <= MAX_PIPELINED
        gateway.platform.gate.set()
        replies = [await wire.reply() for _ in range(1 + MAX_PIPELINED)]
        assert {reply.status for reply in replies} == {200}
        assert [reply.headers.get("connection") for reply in replies[-2:]] == [None, "close"]
        assert await wire.closed()


async def test_garbage_after_a_request_does_not_spoil_its_answer(gateway: Running, session: str) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(call("Test.wait", session)) + b"\x00\x01 garbage\r\n\r\n")
        await gateway.platform.wait_running(1)
        gateway.platform.gate.set()
        assert (await wire.reply()).body == success("<value>waited</value>")
        assert await wire.closed()


async def test_requests_come_in_any_pieces(gateway: Running, session: str) -> None:
    data = request(call("Test.echo", session, "pieces"))
    async with await Wire.open(gateway.port) as wire:
        for start in range(0, len(data), 7):
            await wire.send(data[start : start + 7])
            await asyncio.sleep(0)
        assert (await wire.reply()).body == success("<value>pieces</value>")


async def test_expect_continue(gateway: Running, session: str) -> None:
    body = call("Test.echo", session, "x")
    data = request(body, expect="100-continue")
    async with await Wire.open(gateway.port) as wire:
        await wire.send(data[: -len(body)])
        assert (await wire.reply()).status == 100
        await wire.send(body)
        assert (await wire.reply()).body == success("<value>x</value>")


async def test_expect_continue_of_what_is_too_large(gateway: Running) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\nexpect: 100-continue\r\n\r\n")
        assert (await wire.reply()).status == 413


async def test_an_upgrade_that_is_not_spoken_is_ignored(gateway: Running, session: str) -> None:
    # Java's HttpClient asks for it with every first request.
    upgrade = {"connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAEAAEAA"}
    async with await Wire.open(gateway.port) as wire:
        for text in ("a", "b"):
            assert (await wire.post(call("Test.echo", session, text), **upgrade)).body == success(
                f"<value>{text}</value>"
            )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abc-DEF_1.2", True), ("a" * 64, True), ("a" * 65, False), ("", False), ("a b", False), ("<x>", False)],
)
async def test_the_request_id(gateway: Running, session: str, sent: str, *, kept: bool) -> None:
    reply = await gateway.post(call("Test.void", session), x_request_id=sent)
    answered = reply.headers["x-request-id"]
    assert (answered == sent) == kept
    assert gateway.platform.seen[-1].request_id == answered
    assert gateway.platform.seen[-1].peer.startswith("127.0.0.1:")


async def test_a_thousand_requests_at_once_are_not_mixed(gateway: Running, session: str) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 4096:
        pytest.skip("this user may not open the 2,000 sockets of both sides (ulimit -Hn)")
    platform = gateway.platform
    arrived = asyncio.Event()

    async def together(_: object, params: list[str]) -> str:
        if platform.running == 1000:
            arrived.set()
        await arrived.wait()
        return params[0]

    platform.methods["Test.together"] = together

    async def one(number: int) -> None:
        async with await Wire.open(gateway.port) as wire:
            for turn in range(2):
                text = f"{number}-{turn}"
                method = "Test.together" if turn == 0 else "Test.echo"
                assert (await wire.post(call(method, session, text))).body == success(f"<value>{text}</value>")

    async with asyncio.timeout(60):
        await asyncio.gather(*(one(number) for number in range(1000)))
    assert platform.running == 0
