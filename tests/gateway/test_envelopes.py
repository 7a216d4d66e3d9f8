"""What goes over the wire, byte for byte."""

from __future__ import annotations

import re

import pytest

from support.wire import HEAD, TAIL, Running, Wire, call, failure, request, success

HEADERS = (
    b"HTTP/1.1 200 OK\r\n"
    b"date: DATE\r\n"
    b"content-type: text/xml\r\n"
    b"access-control-allow-origin: *\r\n"
    b"access-control-allow-headers: X-Requested-With\r\n"
    b"cache-control: no-cache, no-store\r\n"
    b"content-length: %d\r\n"
    b"x-request-id: the-id"
)


@pytest.mark.parametrize("path", ["/", "/RPC2", "/xmlrpc", "/?a=b", "/RPC2?x", "/%52PC2"])
async def test_head_and_body_of_an_answer(gateway: Running, session: str, path: str) -> None:
    reply = await gateway.post(call("Test.echo", session, "x"), path, X_Request_Id="the-id")
    assert reply.body == success("<value>x</value>")
    assert re.sub(rb"date: [^\r]*", b"date: DATE", reply.head) == HEADERS % len(reply.body)


# What stands in <value> of the request, and <value> of the answer.
ECHOES = [
    ("text", "<value>text</value>"),
    ("", "<value></value>"),
    ("<string> both ends </string>", "<value> both ends </value>"),
    ("<string>&lt;a&gt; &amp; &quot;'</string>", "<value>&lt;a&gt; &amp; &quot;'</value>"),
    ("☃ 𝄞", "<value>☃ 𝄞</value>"),
    ("<int>5</int>", "<value>5</value>"),
    ("<i4>-2147483648</i4>", "<value>-2147483648</value>"),
    ("<i8>9223372036854775807</i8>", "<value>9223372036854775807</value>"),
    ("<int>-9223372036854775808</int>", "<value>-9223372036854775808</value>"),
    ("<boolean>1</boolean>", "<value><boolean>1</boolean></value>"),
    ("<boolean>0</boolean>", "<value><boolean>0</boolean></value>"),
    ("<double>1.5</double>", "<value><double>1.5</double></value>"),
    ("<nil/>", "<value><nil/></value>"),
    (
        "<dateTime.iso8601>20260101T00:00:00Z</dateTime.iso8601>",
        "<value><dateTime.iso8601>20260101T00:00:00Z</dateTime.iso8601></value>",
    ),
    ("<base64>AAH/\n AAE=</base64>", "<value><base64>AAH/AAE=</base64></value>"),
    ("<array><data/></array>", "<value><array><data></data></array></value>"),
    (
        "<array><data><value>a</value><value><int>1</int></value></data></array>",
        "<value><array><data><value>a</value><value>1</value></data></array></value>",
    ),
    (
        "<struct><member><name>k&amp;</name><value>v</value></member></struct>",
        "<value><struct><member><name>k&amp;</name><value>v</value></member></struct></value>",
    ),
]


@pytest.mark.parametrize(("sent", "answered"), ECHOES)
async def test_every_type_comes_back(gateway: Running, session: str, sent: str, answered: str) -> None:
    reply = await gateway.post(call("Test.echo", session, sent))
    assert (reply.status, reply.body) == (200, success(answered))


async def test_void_is_the_empty_string(gateway: Running, session: str) -> None:
    assert (await gateway.post(call("Test.void", session))).body == success("<value></value>")


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("Test.fail", ["OWN", "a", "&lt;b&gt; &amp;"]),
        ("No.such", ["MESSAGE_METHOD_UNKNOWN", "No.such"]),
    ],
)
async def test_a_failure_is_an_answer(gateway: Running, session: str, method: str, error: list[str]) -> None:
    reply = await gateway.post(call(method, session, *(error if method == "Test.fail" else ())))
    assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/xml", failure(*error))


async def test_a_control_character_does_not_spoil_the_answer(gateway: Running, session: str) -> None:
    async def control(*_: object) -> str:
        return "a\x00b\x1bc"

    gateway.platform.methods["Test.control"] = control
    assert (await gateway.post(call("Test.control", session))).body == success("<value>abc</value>")


async def test_list_methods_is_bare_and_sorted(gateway: Running) -> None:
    reply = await gateway.post(b"<methodCall><methodName>system.listMethods</methodName></methodCall>")
    names = re.findall(r"<value>([^<]*)</value>", reply.body.decode())
    assert reply.body.decode() == (
        f"{HEAD}<value><array><data>{''.join(f'<value>{name}</value>' for name in names)}</data></array></value>{TAIL}"
    )
    assert names == sorted(names)
    assert {"session.login_with_password", "session.get_record", "Test.echo", "system.listMethods"} <= set(names)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/json", "", "text/xml; charset=latin-1", "nonsense"]
)
async def test_the_content_type_of_a_request_does_not_matter(gateway: Running, session: str, content_type: str) -> None:
    reply = await gateway.post(call("Test.echo", session, "ä"), content_type=content_type, accept="image/png")
    assert reply.body == success("<value>ä</value>")


@pytest.mark.parametrize("path", ["/", "/RPC2", "/xmlrpc"])
@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("content-type, x-other", "content-type, x-other, X-Requested-With"),
        ("", "X-Requested-With"),
        ("<script>", "X-Requested-With"),
    ],
)
async def test_preflight(gateway: Running, path: str, wanted: str, allowed: str) -> None:
    head = request(b"", path, origin="http://elsewhere", access_control_request_headers=wanted)
    async with await Wire.open(gateway.port) as wire:
        await wire.send(head.replace(b"POST", b"OPTIONS", 1))
        reply = await wire.reply()
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == allowed
    assert reply.headers["access-control-allow-methods"] == "PUT"
    assert reply.body == b""


async def test_a_large_value_goes_both_ways(gateway: Running, session: str) -> None:
    text = "x" * 3_000_000
    assert (await gateway.post(call("Test.echo", session, text))).body == success(f"<value>{text}</value>")
    many = "".join("<value>y</value>" for _ in range(50_000))
    array = f"<array><data>{many}</data></array>"
    assert (await gateway.post(call("Test.echo", session, array))).body == success(f"<value>{array}</value>")
