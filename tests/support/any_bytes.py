"""What any bytes at all may be answered with, in each envelope: for tests of properties, and for `tests/fuzz`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fakes import FakePlatform
from gateway.app import GatewayApp
from graft_common.settings import Settings

MAX_BODY = 5000
SESSION = "ref"
XML = "/RPC2"
JSON = "/jsonrpc"


@dataclass
class Answered:
    """An answer, as ASGI has it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


async def open_app() -> GatewayApp:
    """Open a gateway over fakes, with one open session, whose reference is SESSION."""
    platform = FakePlatform()
    platform.sessions[SESSION] = platform.sessions.pop(platform.open_session())
    # Only opened gates: nobody is there to open one.
    platform.gate.set()
    return await GatewayApp.open(Settings(http_max_body=MAX_BODY), *platform.clients())


async def serve(app: GatewayApp, path: str, chunks: list[bytes]) -> Answered:
    """Post a body in pieces."""
    sent: list[dict[str, Any]] = []
    messages = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": None}
    await app.asgi(scope, receive, send)
    body = b"".join(message["body"] for message in sent[1:])
    return Answered(sent[0]["status"], dict(sent[0]["headers"]), body)


def check_xml(answer: Answered) -> None:
    assert answer.status in {200, 400, 413}
    assert int(answer.headers[b"content-length"]) == len(answer.body)
    if answer.status == 200:
        assert answer.headers[b"content-type"] == b"text/xml"
        assert answer.body.startswith(b'<?xml version="1.0"?><methodResponse>')
    else:
        assert answer.headers[b"content-type"] == b"text/plain; charset=utf-8"
        assert answer.body.endswith(b".\n")
        assert answer.body.count(b"\n") == 1


def check_json(answer: Answered, sent: bytes) -> None:
    if answer.status == 204:
        assert answer.body == b""
        assert not {b"content-length", b"content-type"} & answer.headers.keys()
        return
    assert answer.status in {200, 400, 413}
    assert int(answer.headers[b"content-length"]) == len(answer.body)
    assert answer.headers[b"content-type"] == b"application/json"
    found = json.loads(answer.body, parse_constant=_no_constant)
    several = found if isinstance(found, list) else [found]
    assert several
    if isinstance(found, list):
        assert answer.status == 200
        assert len(found) <= len(json.loads(sent))
    for one in several:
        _check_response(one, answer.status)


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def _check_response(one: dict[str, Any], status: int) -> None:
    """Check that it is what JSON-RPC calls a response object."""
    assert isinstance(one["id"], str | int | float | None)
    assert not isinstance(one["id"], bool)
    if "jsonrpc" not in one:
        assert one.keys() == {"result", "error", "id"}
        assert one["result"] is None or one["error"] is None
        assert one["error"] is None or all(isinstance(item, str) for item in one["error"])
        return
    assert one["jsonrpc"] == "2.0"
    assert one.keys() - {"jsonrpc", "id"} in ({"result"}, {"error"})
    if "error" in one:
        error = one["error"]
        assert error.keys() == {"code", "message", "data"}
        assert error["code"] in {1, -32600, -32700}
        assert isinstance(error["message"], str)
        assert all(isinstance(item, str) for item in error["data"])
        assert status == 200 or error["code"] != 1
