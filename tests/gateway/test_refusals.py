"""What is no call is answered in HTTP's own terms, with one sentence, and never with 500."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from gateway.http_protocol import MAX_HEAD, BoundedHttpProtocol
from support.wire import Running, Wire, call, request, running_gateway, success, wait_until

LIST = b"<methodCall><methodName>system.listMethods</methodName></methodCall>"


def is_sentence(body: bytes) -> bool:
    return re.fullmatch(r"[^\s].*\.\n", body.decode()) is not None


MALFORMED = [
    b"",
    b" \n",
    b"not xml",
    b"<methodCall>",
    b"<methodCall/>",
    b"<a/>",
    b"{}",
    b"\0" * 100,
    b"\xff\xfe\xfd",
    b"<methodCall><params/></methodCall>",
    b"<methodCall><methodName>a.b</methodName><params><param/></params></methodCall>",
    call("a.b", "<int>x</int>"),
    call("a.b", "<int>9223372036854775808</int>"),
    call("a.b", "<boolean>2</boolean>"),
    call("a.b", "<double>one</double>"),
    call("a.b", "<base64>!</base64>"),
    call("a.b", "<unknown/>"),
    call("a.b", "<struct><member><name>x</name></member></struct>"),
    call("a.b", "<array>" * 300),
    call("a.b", "<array><data><value>" * 70 + "</value></data></array>" * 70),
    call("a.b") + b"<more/>",
    b'<!DOCTYPE methodCall [<!ENTITY a "b">]>' + call("a.b", "&a;"),
    b'<!DOCTYPE methodCall SYSTEM "http://127.0.0.1/x">' + call("a.b"),
    b'<?xml version="1.0" encoding="nonsense"?>' + LIST,
    call("a.b", "\ud800".encode("utf-16-le", "surrogatepass").decode("latin-1")) + b"\xed\xa0\x80",
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[-60:]))
async def test_malformed_calls(gateway: Running, body: bytes) -> None:
    async with await Wire.open(gateway.port) as wire:
        reply = await wire.post(body)
        assert (reply.status, reply.headers["content-type"]) == (400, "text/plain; charset=utf-8")
        assert is_sentence(reply.body), reply.body
        # The connection is still of use.
        assert (await wire.post(LIST)).status == 200


async def test_a_body_declared_too_large_is_not_waited_for(gateway: Running) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4194305\r\n\r\n")
        reply = await wire.reply()
        assert reply.status == 413
        assert reply.body == b"The body is larger than 4 MiB, the most that is read.\n"
        assert await wire.closed()


async def test_a_client_that_sends_too_much_reads_why() -> None:
    async with running_gateway(http_max_body="64KiB") as gateway:
        reply = await gateway.post(b"x" * 3_000_000)
        assert reply.status == 413
        fits = await gateway.post(b"x" * (64 << 10))
        assert fits.status == 400


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
async def test_chunks_are_put_together(gateway: Running, session: str, size: int) -> None:
    body = call("Test.echo", session, "z" * size)
    async with await Wire.open(gateway.port) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 1000):
            chunk = body[start : start + 1000]
            await wire.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await wire.send(b"0\r\n\r\n")
        assert (await wire.reply()).body == success(f"<value>{'z' * size}</value>")


async def test_chunks_are_counted() -> None:
    async with running_gateway(http_max_body="10KiB") as gateway, await Wire.open(gateway.port) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(11):
            await wire.send(b"400\r\n%s\r\n" % (b"x" * 1024))
        assert (await wire.reply()).status == 413


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_packed_bodies(gateway: Running, coding: str) -> None:
    reply = await gateway.post(b"\x1f\x8b" + b"x" * 50, content_encoding=coding)
    assert reply.status == 415
    assert is_sentence(reply.body)


async def test_identity_is_no_packing(gateway: Running) -> None:
    assert (await gateway.post(LIST, content_encoding="identity")).status == 200


async def test_a_body_that_does_not_come() -> None:
    async with running_gateway(http_body_timeout=0.3) as gateway:
        async with await Wire.open(gateway.port) as wire:
            await wire.send(request(LIST)[:-10])
            reply = await wire.reply()
            assert reply.status == 408
            assert reply.body == b"The body was not complete within 0.3 s.\n"
            assert await wire.closed()
        async with await Wire.open(gateway.port) as slow:
            # A byte now and then does not help.
            started = time.monotonic()
            await slow.send(request(LIST)[: -len(LIST)])
            answer = asyncio.create_task(slow.reply())
            while not answer.done():
                slow.writer.write(b" ")
                await asyncio.sleep(0.02)
            assert answer.result().status == 408
            assert await slow.closed()
            assert time.monotonic() - started < 6


async def test_a_client_that_goes_away_mid_body_does_no_harm(gateway: Running) -> None:
    for _ in range(20):
        async with await Wire.open(gateway.port) as wire:
            await wire.send(request(LIST)[:-5])
    assert (await gateway.post(LIST)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/nothing", 404, None),
        ("POST", "/RPC2/", 404, None),
        ("POST", "/rpc2", 404, None),
        ("GET", "/favicon.ico", 404, None),
        ("OPTIONS", "/nothing", 404, None),
        ("OPTIONS", "*", 404, None),
        ("GET", "/RPC2", 405, "OPTIONS, POST"),
        ("PUT", "/xmlrpc", 405, "OPTIONS, POST"),
        ("DELETE", "/", 405, "GET, HEAD, OPTIONS, POST"),
        ("POST", "/healthz", 405, "GET, HEAD"),
        ("OPTIONS", "/metrics", 405, "GET, HEAD"),
        ("PATCH", "/readyz", 405, "GET, HEAD"),
    ],
)
async def test_other_paths_and_methods(
    gateway: Running, method: str, path: str, status: int, allow: str | None
) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(b"", path).replace(b"POST", method.encode(), 1))
        reply = await wire.reply()
    assert (reply.status, reply.headers.get("allow")) == (status, allow)
    assert is_sentence(reply.body)


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics"])
async def test_head_has_the_head_of_get(gateway: Running, path: str) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(f"HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        head = await wire.reply(has_body=False)
        await wire.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        full = await wire.reply()
    assert head.status == full.status == 200
    assert full.body


@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnot hex\r\n",
        b"POST / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
async def test_what_is_no_http(gateway: Running, data: bytes) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(data)
        reply = await wire.reply()
        assert reply.status == 400
        assert is_sentence(reply.body)
        assert await wire.closed()


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nx: " + b"a" * MAX_HEAD + b"\r\n\r\n",
        b"POST /" + b"a" * MAX_HEAD + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"".join(b"x%d: 1\r\n" % number for number in range(101)) + b"\r\n",
        b"POST / HTTP/1.1\r\n" + b"".join(b"x%d: %s\r\n" % (number, b"v" * 1000) for number in range(20)),
    ],
    ids=["a header", "the path", "many headers", "all together"],
)
async def test_heads_are_bounded(gateway: Running, head: bytes) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(head)
        reply = await wire.reply()
        assert reply.status == 431
        assert is_sentence(reply.body)


async def test_a_head_without_end_is_bounded_while_it_comes(gateway: Running) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nx: ")
        for _ in range(40):
            try:
                await wire.send(b"a" * 1000)
            except ConnectionError:
                break
            await asyncio.sleep(0.001)
        assert (await wire.reply()).status == 431


class Hasty(BoundedHttpProtocol):
    head_timeout = 0.3
    read_timeout = 0.3


class Narrow(BoundedHttpProtocol):
    max_connections = 5


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nhost: x\r\n", b"\r\n\r\n"])
async def test_slow_heads_are_not_waited_for(sent: bytes) -> None:
    async with running_gateway(protocol=Hasty) as gateway, await Wire.open(gateway.port) as wire:
        await wire.send(sent)
        if sent.strip():
            assert (await wire.reply()).status == 408
        assert await wire.closed()


async def test_the_second_head_on_a_connection_is_bounded_too() -> None:
    async with running_gateway(protocol=Hasty) as gateway, await Wire.open(gateway.port) as wire:
        assert (await wire.post(LIST)).status == 200
        await wire.send(b"POST / HT")
        assert (await wire.reply()).status == 408
        assert await wire.closed()


async def test_connections_are_bounded() -> None:
    async with running_gateway(protocol=Narrow) as gateway:
        wires = [await Wire.open(gateway.port) for _ in range(5)]
        assert (await wires[0].post(LIST)).status == 200
        async with await Wire.open(gateway.port) as sixth:
            reply = await sixth.reply()
            assert reply.status == 503
            assert is_sentence(reply.body)
        for wire in wires:
            wire.writer.close()


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    async with running_gateway(protocol=Hasty) as gateway:
        session = gateway.platform.open_session()

        async def large(*_: object) -> str:
            return "x" * (16 << 20)

        gateway.platform.methods["Test.large"] = large
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
        writer.write(request(call("Test.large", session)))
        server = gateway.server._server.server_state
        await wait_until(lambda: server.total_requests == 1 and not server.connections)
        writer.close()
        assert not reader.at_eof()
