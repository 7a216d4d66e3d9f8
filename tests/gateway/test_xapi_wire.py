"""How xapi's server behaves on the wire, row by row; where Graft differs, the row says what it does instead."""

from __future__ import annotations

import json
import re

import pytest

from support.wire import HEAD, TAIL, Reply, Running, Wire, call, failure, request, success

ALIVE = b'{"method":"system.isAlive","params":["x"],"id":0}'
LIST = b"<methodCall><methodName>system.listMethods</methodName><params/></methodCall>"
XML_PATHS = ["/", "/RPC2", "/xmlrpc", "/json"]


async def send(gateway: Running, data: bytes, *, has_body: bool = True) -> Reply:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(data)
        return await wire.reply(has_body=has_body)


@pytest.mark.parametrize("path", XML_PATHS)
async def test_paths_of_xml_rpc(gateway: Running, session: str, path: str) -> None:
    reply = await gateway.post(call("Test.echo", session, "x"), path)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/xml")
    assert reply.body == success("<value>x</value>")


async def test_json_takes_xml_in_spite_of_its_name(gateway: Running) -> None:
    assert (await gateway.post(ALIVE, "/json")).status == 400
    assert (await gateway.post(ALIVE, "/jsonrpc")).status == 200


@pytest.mark.parametrize("path", ["/foo", "/RPC2/x", "/jsonrpc/", "/json/x"])
async def test_other_paths_are_none(gateway: Running, path: str) -> None:
    # xapi takes XML-RPC at every path that is nothing else's.
    assert (await gateway.post(LIST, path)).status == 404


@pytest.mark.parametrize("path", [*XML_PATHS, "/jsonrpc"])
async def test_preflight(gateway: Running, path: str) -> None:
    head = request(b"", path, origin="http://elsewhere", access_control_request_headers="content-type, x-a")
    reply = await send(gateway, head.replace(b"POST", b"OPTIONS", 1))
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == "content-type, x-a, X-Requested-With"
    assert reply.headers["access-control-allow-methods"] == "PUT"


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "text/xml", "image/png", "application/json; charset=x"]
)
@pytest.mark.parametrize(("path", "body"), [("/jsonrpc", ALIVE), ("/RPC2", LIST), ("/json", LIST)])
async def test_content_type_and_accept_are_ignored(gateway: Running, path: str, body: bytes, content_type: str) -> None:
    assert (await gateway.post(body, path, content_type=content_type, accept="image/png")).status == 200


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [("/RPC2", LIST, "text/xml"), ("/json", LIST, "text/xml"), ("/jsonrpc", ALIVE, "application/json")],
)
async def test_headers_of_answers(gateway: Running, path: str, body: bytes, content_type: str) -> None:
    reply = await gateway.post(body, path, accept_encoding="gzip, deflate")
    # Exactly, without a charset: npm xen-api compares the text.
    assert reply.headers["content-type"] == content_type
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == "X-Requested-With"
    assert reply.headers["cache-control"] == "no-cache, no-store"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize(("path", "body"), [("/RPC2", LIST), ("/jsonrpc", ALIVE)])
@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [("1.1", "", True), ("1.1", "close", False), ("1.0", "", False), ("1.0", "keep-alive", False)],
)
async def test_connections(gateway: Running, path: str, body: bytes, version: str, connection: str, kept: bool) -> None:
    headers = {"connection": connection} if connection else {}
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request(body, path, version, **headers))
        assert (await wire.reply()).status == 200
        if kept:
            assert (await wire.post(body, path)).status == 200
        else:
            assert await wire.closed()


@pytest.mark.parametrize(("path", "body"), [("/RPC2", LIST), ("/jsonrpc", ALIVE)])
async def test_chunks_are_taken(gateway: Running, path: str, body: bytes) -> None:
    # xapi wants Content-Length, and answers 500 without one.
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    reply = await send(gateway, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert reply.status == 200


async def test_bodies_of_xapis_largest_size_are_taken(gateway: Running, session: str) -> None:
    # xapi takes 300 KiB, and answers 500 to more; Graft takes 4 MiB by default, and answers 413 to more.
    text = "x" * 307_200
    assert (await gateway.post(call("Test.echo", session, text))).body == success(f"<value>{text}</value>")
    body = json.dumps({"method": "Test.echo", "params": [session, text], "id": 1}).encode()
    assert json.loads((await gateway.post(body, "/jsonrpc")).body)["result"] == text
    for path in ("/RPC2", "/jsonrpc"):
        assert (await gateway.post(b" " * (4 << 20) + b" ", path)).status == 413


@pytest.mark.parametrize("size", [1_000, 10_000])
async def test_heads_may_be_larger_than_xapis(gateway: Running, size: int) -> None:
    # xapi answers 431 beyond 1,024 bytes, Graft beyond 16 KiB.
    assert (await gateway.post(ALIVE, "/jsonrpc", x_padding="x" * size)).status == 200
    assert (await gateway.post(ALIVE, "/jsonrpc", x_padding="x" * 17_000)).status == 431


@pytest.mark.parametrize(("path", "body"), [("/RPC2", b"<not"), ("/jsonrpc", b"{not")])
async def test_what_is_malformed_is_the_clients_mistake(gateway: Running, path: str, body: bytes) -> None:
    # xapi answers 500 with the exception's text.
    async with await Wire.open(gateway.port) as wire:
        assert (await wire.post(body, path)).status == 400
        assert (await wire.post(body, path)).status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/RPC2", 405),
        ("PUT", "/jsonrpc", 405),
        ("GET", "/jsonrpc", 405),
        ("HEAD", "/json", 405),
        ("GET", "/nothing", 404),
    ],
)
async def test_other_methods_of_http(gateway: Running, method: str, path: str, status: int) -> None:
    # xapi answers 501 to what it does not know, and 403 where there is nothing.
    reply = await send(gateway, request(b"", path).replace(b"POST", method.encode(), 1), has_body=method != "HEAD")
    assert reply.status == status
    assert reply.headers.get("allow") == ("OPTIONS, POST" if status == 405 else None)


async def test_failures_are_200_and_never_faults(gateway: Running, session: str) -> None:
    reply = await gateway.post(call("Test.fail", session, "CODE", "a"))
    assert (reply.status, reply.body) == (200, failure("CODE", "a"))
    assert b"<fault>" not in reply.body
    body = json.dumps({"method": "Test.fail", "params": [session, "CODE", "a"], "id": 1}).encode()
    assert (await gateway.post(body, "/jsonrpc")).status == 200


async def test_no_white_space_stands_between_tags(gateway: Running, session: str) -> None:
    value = (
        "<struct><member><name>a</name><value><array><data><value>b</value></data></array></value></member></struct>"
    )
    for body in (call("Test.echo", session, value), call("Test.fail", session, "CODE", "a"), LIST):
        reply = await gateway.post(body)
        assert not re.search(rb">\s|\s<", reply.body)
        assert not reply.body.endswith(b"\n")


async def test_list_methods_is_bare_in_xml_and_a_result_in_json(gateway: Running) -> None:
    reply = await gateway.post(LIST)
    assert reply.body.decode().startswith(f"{HEAD}<value><array><data><value>")
    assert reply.body.decode().endswith(f"</data></array></value>{TAIL}")
    body = b'{"jsonrpc":"2.0","method":"system.listMethods","params":[],"id":0}'
    answer = json.loads((await gateway.post(body, "/jsonrpc")).body)
    assert answer["result"] == re.findall(r"<value>([^<]+)</value>", reply.body.decode())
    assert not any(name.startswith(("Async.", "InternalAsync.")) for name in answer["result"])


async def test_is_alive_takes_no_session(gateway: Running) -> None:
    assert (await gateway.post(call("system.isAlive", "x"))).body == success("<value>x</value>")


# What xapi's parser lets pass: what stands in <methodCall>, and the value that comes back; None is a refusal.
@pytest.mark.parametrize(
    ("inside", "value"),
    [
        ("<methodName>system.isAlive</methodName><params><param><value>x</value></param></params>", "x"),
        ("\n <methodName>system.isAlive</methodName>\n<params> <param>\n<value>x</value> </param></params>\n", "x"),
        ("<methodName>system.isAlive</methodName><params><param><value> x </value></param></params>", " x "),
        ("<methodName>system.isAlive</methodName><params/>", ""),
        # xapi answers 500 without <params>.
        ("<methodName>system.isAlive</methodName>", ""),
        ("<methodName>system.isAlive</methodName><params><param><value><![CDATA[<x>]]></value></param></params>", "&lt;x&gt;"),
        ("<!-- a --><methodName>system.isAlive</methodName><params><param><value>x<!-- b -->y</value></param></params>", "xy"),
        (
            "<methodName>system.isAlive</methodName><params><param><value><int>007</int></value></param></params>",
            "7",
        ),
        # xapi takes what OCaml reads as an integer.
        ("<methodName>system.isAlive</methodName><params><param><value><int>0x10</int></value></param></params>", None),
        ("<methodName>system.isAlive</methodName><params><param><value><int>1_000</int></value></param></params>", None),
    ],
)  # fmt: skip
async def test_what_the_parser_lets_pass(gateway: Running, inside: str, value: str | None) -> None:
    reply = await gateway.post(f"<methodCall>{inside}</methodCall>".encode())
    assert reply.status == (400 if value is None else 200)
    if value is not None:
        assert reply.body == success(f"<value>{value}</value>")


async def test_names_are_not_trimmed(gateway: Running, session: str) -> None:
    reply = await gateway.post(call(" Test.echo", session, "x"))
    assert reply.body == failure("MESSAGE_METHOD_UNKNOWN", " Test.echo")


async def test_latin_1_is_read(gateway: Running) -> None:
    body = b'<?xml version="1.0" encoding="ISO-8859-1"?>' + call("system.isAlive", "x\xe4").split(b"?>", 1)[
        1
    ].decode().encode("latin-1")
    assert (await gateway.post(body)).body == success("<value>xä</value>")


async def test_what_follows_a_call_is_an_error(gateway: Running) -> None:
    # xapi ignores it.
    assert (await gateway.post(call("system.isAlive", "x") + b"<more/>")).status == 400


async def test_of_members_of_one_name_the_last_counts(gateway: Running, session: str) -> None:
    # xapi keeps both.
    member = "<member><name>a</name><value>{}</value></member>"
    sent = f"<struct>{member.format(1)}{member.format(2)}</struct>"
    expected = f"<value><struct>{member.format(2)}</struct></value>"
    assert (await gateway.post(call("Test.echo", session, sent))).body == success(expected)
