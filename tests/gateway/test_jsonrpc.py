"""JSON-RPC: messages read and written, and what goes over the wire, byte for byte."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
import structlog

from fakes import ADMIN, PASSWORD
from gateway import jsonrpc_envelope
from gateway.jsonrpc import MAX_BATCH, MAX_PARAMS, Form, format_failure, format_success
from graft_common.errors import GraftError
from graft_common.values import DateTime, Value
from support.wire import Reply, Running, Wire, request, running_gateway, wait_until

V1 = Form(version_2=False, id=7)
V2 = Form(id=7)
HEADERS = (
    b"HTTP/1.1 200 OK\r\n"
    b"date: DATE\r\n"
    b"content-type: application/json\r\n"
    b"access-control-allow-origin: *\r\n"
    b"access-control-allow-headers: X-Requested-With\r\n"
    b"cache-control: no-cache, no-store\r\n"
    b"content-length: %d\r\n"
    b"x-request-id: the-id"
)


async def post(gateway: Running, body: bytes | str) -> Reply:
    return await gateway.post(body if isinstance(body, bytes) else body.encode(), "/jsonrpc")


async def called(gateway: Running, method: str, *params: Any, **more: Any) -> Any:
    reply = await post(gateway, json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1} | more))
    assert reply.status == 200
    return json.loads(reply.body)


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (V1, "v", '{"result":"v","error":null,"id":7}'),
        (V2, "v", '{"jsonrpc":"2.0","result":"v","id":7}'),
        (V2, "", '{"jsonrpc":"2.0","result":"","id":7}'),
        (V2, 5, '{"jsonrpc":"2.0","result":5,"id":7}'),
        (V2, 2**63 - 1, '{"jsonrpc":"2.0","result":9223372036854775807,"id":7}'),
        (V2, -(2**63), '{"jsonrpc":"2.0","result":-9223372036854775808,"id":7}'),
        (V2, True, '{"jsonrpc":"2.0","result":true,"id":7}'),
        (V2, None, '{"jsonrpc":"2.0","result":null,"id":7}'),
        (V2, 1.5, '{"jsonrpc":"2.0","result":1.5,"id":7}'),
        (V2, 1.0, '{"jsonrpc":"2.0","result":1.0,"id":7}'),
        (V2, float("nan"), '{"jsonrpc":"2.0","result":"NaN","id":7}'),
        (V2, [float("inf"), float("-inf")], '{"jsonrpc":"2.0","result":["Infinity","-Infinity"],"id":7}'),
        (V2, DateTime("20260101T00:00:00Z"), '{"jsonrpc":"2.0","result":"20260101T00:00:00Z","id":7}'),
        (V2, b"\0\xff", '{"jsonrpc":"2.0","result":"AP8=","id":7}'),
        (V2, {"a": [], "b": {}}, '{"jsonrpc":"2.0","result":{"a":[],"b":{}},"id":7}'),
        (V2, '\0\x1b"\\ä\u2028', '{"jsonrpc":"2.0","result":"\\u0000\\u001b\\"\\\\ä\u2028","id":7}'),
        (Form(id="x"), "v", '{"jsonrpc":"2.0","result":"v","id":"x"}'),
        (Form(id=2**80), "v", f'{{"jsonrpc":"2.0","result":"v","id":{2**80}}}'),
        (Form(id=1.0), "v", '{"jsonrpc":"2.0","result":"v","id":1.0}'),
        (Form(id=None), "v", '{"jsonrpc":"2.0","result":"v","id":null}'),
        (V1, GraftError("CODE", "a", "b"), '{"result":null,"error":["CODE","a","b"],"id":7}'),
        (V1, GraftError("CODE"), '{"result":null,"error":["CODE"],"id":7}'),
        (
            V2,
            GraftError("CODE", "a", "b"),
            '{"jsonrpc":"2.0","error":{"code":1,"message":"CODE","data":["a","b"]},"id":7}',
        ),
        (V2, GraftError("CODE"), '{"jsonrpc":"2.0","error":{"code":1,"message":"CODE","data":[]},"id":7}'),
    ],
)
def test_answers(form: Form, value: Value | GraftError, text: str) -> None:
    written = format_failure(form, value) if isinstance(value, GraftError) else format_success(form, value)
    assert written.decode() == text
    json.loads(written)


async def test_head_and_body_of_an_answer(gateway: Running, session: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "method": "Test.echo", "params": [session, 5], "id": 0}).encode()
    reply = await gateway.post(body, "/jsonrpc", X_Request_Id="the-id")
    assert reply.body == b'{"jsonrpc":"2.0","result":5,"id":0}'
    assert re.sub(rb"date: [^\r]*", b"date: DATE", reply.head) == HEADERS % len(reply.body)


# What is sent, and the result and the parameters that the method sees; the reference of the session is put before them.
@pytest.mark.parametrize(
    ("params", "seen"),
    [
        ("5", [5]),
        ("9223372036854775807", [2**63 - 1]),
        ("-9223372036854775808", [-(2**63)]),
        ("5.0", [5.0]),
        ("1e3", [1000.0]),
        ('"5"', ["5"]),
        ("true, false, null", [True, False, None]),
        (r'"\u2603 \ud834\udd1e \u0000"', ["☃ 𝄞 \0"]),
        ('[1, ["a"]], {"k": {"l": 2}}', [[1, ["a"]], {"k": {"l": 2}}]),
    ],
)
async def test_values_stay_what_they_are(gateway: Running, session: str, params: str, seen: list[Value]) -> None:
    reply = await post(gateway, f'{{"jsonrpc":"2.0","method":"Test.mirror","params":["{session}", {params}],"id":"i"}}')
    assert gateway.platform.seen[-1].params == seen
    assert [type(item) for item in gateway.platform.seen[-1].params] == [type(item) for item in seen]
    assert json.loads(reply.body) == {"jsonrpc": "2.0", "result": seen, "id": "i"}


INVALID = {"code": -32600, "message": "Invalid Request"}


# What does not reach a method: the request, and the code and the id of the answer.
@pytest.mark.parametrize(
    ("sent", "code", "sent_id"),
    [
        # No JSON at all: xapi answers 500.
        ("", -32700, None),
        ("{", -32700, None),
        ('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', -32700, None),
        (b'{"jsonrpc":"2.0","method":"\xff","id":1}', -32700, None),
        (b"\xef\xbb\xbf{}", -32700, None),
        ('{"jsonrpc":"2.0","method":"\\ud800","id":1}', -32700, None),
        ('{"jsonrpc":"2.0","method":"a.b","params":[NaN],"id":1}', -32700, None),
        ('{"jsonrpc":"2.0","method":"a.b","params":[],"id":1,"id":2}', -32700, None),
        ('{"jsonrpc":"2.0","method":"a.b","params":[],"id":1} {}', -32700, None),
        ("[" * 5000, -32700, None),
        ('{"jsonrpc":"2.0","method":"a.b","params":[' + "9" * 5000 + '],"id":1}', -32700, None),
        # JSON, but no request.
        ("[]", -32600, None),
        ("5", -32600, None),
        ('"a.b"', -32600, None),
        ("null", -32600, None),
        ('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', -32600, None),
        ('{"jsonrpc":"2.0","id":3}', -32600, 3),
        ('{"jsonrpc":"2.0","method":"a.b","params":5,"id":3}', -32600, 3),
        ('{"jsonrpc":"2.0","method":"a.b","params":"x","id":"three"}', -32600, "three"),
        ('{"jsonrpc":"1.0","method":"a.b","params":[],"id":3}', -32600, 3),
        ('{"jsonrpc":2.0,"method":"a.b","params":[],"id":3}', -32600, 3),
        ('{"jsonrpc":null,"method":"a.b","params":[],"id":3}', -32600, 3),
        ('{"jsonrpc":"2.0","method":"a.b","params":[],"id":true}', -32600, None),
        ('{"jsonrpc":"2.0","method":"a.b","params":[],"id":[1]}', -32600, None),
        ('{"jsonrpc":"2.0","method":"a.b","params":[],"id":{}}', -32600, None),
        ('{"jsonrpc":"2.0","method":"a.b","params":[],"id":1e999}', -32600, None),
        (json.dumps({"jsonrpc": "2.0", "method": "a.b", "params": [0] * (MAX_PARAMS + 1), "id": 3}), -32600, 3),
        (json.dumps([{}] * (MAX_BATCH + 1)), -32600, None),
    ],
    ids=lambda value: repr(value)[-60:],
)
async def test_what_is_no_request(gateway: Running, sent: str | bytes, code: int, sent_id: str | int | None) -> None:
    body = sent if isinstance(sent, bytes) else sent.encode()
    async with await Wire.open(gateway.port) as wire:
        reply = await wire.post(body, "/jsonrpc")
        assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
        answer = json.loads(reply.body)
        [reason] = answer["error"].pop("data")
        assert isinstance(reason, str)
        message = {-32700: "Parse error", -32600: "Invalid Request"}[code]
        assert answer == {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": sent_id}
        # The connection is still of use.
        assert (await wire.post(b'{"method":"system.isAlive","params":[],"id":1}', "/jsonrpc")).status == 200
    assert not gateway.platform.seen or gateway.platform.seen[-1].method == "system.isAlive"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ('{"method":"a.b","id":3}', "the member params is no array"),
        ('{"method":"a.b","params":{},"id":3}', "the member params is no array"),
        ('{"method":"a.b","params":null,"id":3}', "the member params is no array"),
        ('{"params":[],"id":3}', "the member method is no string"),
    ],
)
async def test_what_is_no_request_of_version_1(gateway: Running, sent: str, reason: str) -> None:
    reply = await post(gateway, sent)
    assert (reply.status, reply.body.decode()) == (
        400,
        f'{{"result":null,"error":["Invalid Request","{reason}"],"id":3}}',
    )


async def test_version_1_wants_an_id(gateway: Running) -> None:
    reply = await post(gateway, '{"method":"system.isAlive","params":[]}')
    assert reply.status == 400
    assert json.loads(reply.body)["id"] is None
    assert not gateway.platform.seen


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ("[1, 9223372036854775808]", ["params[1]", "9223372036854775808", "integers have 64 bits"]),
        ('[{"a": [-9223372036854775809]}]', ["params[0].a[0]", "-9223372036854775809", "integers have 64 bits"]),
        ("[1e999]", ["params[0]", "", "the number is larger than a double can be"]),
        ("[" * 70 + "]" * 70, ["arguments", "", "it nests more than 64 deep"]),
    ],
)
async def test_what_no_call_carries(gateway: Running, params: str, error: list[str]) -> None:
    reply = await post(gateway, f'{{"jsonrpc":"2.0","method":"system.isAlive","params":{params},"id":3}}')
    assert reply.status == 200
    assert json.loads(reply.body) == {
        "jsonrpc": "2.0",
        "error": {"code": 1, "message": "VALUE_NOT_SUPPORTED", "data": error},
        "id": 3,
    }
    assert not gateway.platform.seen


@pytest.mark.parametrize(
    ("params", "seen"),
    [("", []), (',"params":null', []), (',"params":[]', []), (',"params":{"a":1}', [{"a": 1}])],
)
async def test_parameters_of_version_2(gateway: Running, params: str, seen: list[Value]) -> None:
    reply = await post(gateway, f'{{"jsonrpc":"2.0","method":"system.isAlive"{params},"id":1}}')
    assert reply.status == 200
    assert gateway.platform.seen[-1].params == seen


@pytest.mark.parametrize(
    "sent_id", ["0", "-1", '"x"', '""', "1.5", "1e100", str(2**70), "null", r'"\u0000\ud834\udd1e"']
)
async def test_ids_come_back(gateway: Running, sent_id: str) -> None:
    reply = await post(gateway, f'{{"jsonrpc":"2.0","method":"system.isAlive","params":["x"],"id":{sent_id}}}')
    assert reply.status == 200
    assert json.loads(reply.body) == {"jsonrpc": "2.0", "result": "x", "id": json.loads(sent_id)}


@pytest.mark.parametrize(
    "sent",
    [
        '{"jsonrpc":"2.0","method":"%s","params":["%s"]}',
        '{"method":"%s","params":["%s"],"id":null}',
        '[{"jsonrpc":"2.0","method":"%s","params":["%s"]}]',
    ],
)
@pytest.mark.parametrize("method", ["Test.void", "Test.crash", "No.such"])
async def test_notifications_are_made_and_not_answered(gateway: Running, session: str, sent: str, method: str) -> None:
    async with await Wire.open(gateway.port) as wire:
        await wire.send(request((sent % (method, session)).encode(), "/jsonrpc"))
        reply = await wire.reply(has_body=False)
        assert reply.status == 204
        assert not {"content-length", "content-type", "transfer-encoding"} & reply.headers.keys()
        assert gateway.platform.seen[-1].method == method
        # No byte of a body has come.
        assert (await wire.post(b'{"method":"system.isAlive","params":[],"id":1}', "/jsonrpc")).status == 200


async def test_the_batch_of_the_specification(gateway: Running, session: str) -> None:
    batch = [
        {"jsonrpc": "2.0", "method": "Test.mirror", "params": [session, 1, 2, 4], "id": "1"},
        {"jsonrpc": "2.0", "method": "Test.void", "params": [session, 7]},
        {"jsonrpc": "2.0", "method": "Test.mirror", "params": [session, 42, 23], "id": "2"},
        {"foo": "boo"},
        1,
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "Test.fail", "params": [session, "CODE", "a"], "id": 9},
        {"method": "Test.void", "params": [session], "id": "6"},
    ]
    reply = await post(gateway, json.dumps(batch))
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    answers = json.loads(reply.body)
    assert [answer.pop("id") for answer in answers] == ["1", "2", None, None, "5", 9, "6"]
    assert all(answer.pop("jsonrpc") == "2.0" for answer in answers)
    assert [answers[0], answers[1]] == [{"result": [1, 2, 4]}, {"result": [42, 23]}]
    for invalid in (answers[2], answers[3], answers[6]):
        assert invalid["error"].items() >= INVALID.items()
    assert answers[4]["error"] == {
        "code": 1,
        "message": "FIELD_TYPE_ERROR",
        "data": ["session_id", "string", "struct"],
    }
    assert answers[5]["error"] == {"code": 1, "message": "CODE", "data": ["a"]}


async def test_the_calls_of_a_batch_are_made_side_by_side(
    gateway: Running, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonrpc_envelope, "AT_ONCE", 3)
    calls = [{"jsonrpc": "2.0", "method": "Test.wait", "params": [session], "id": number} for number in range(5)]
    answer = asyncio.create_task(post(gateway, json.dumps(calls)))
    await gateway.platform.wait_running(3)
    assert gateway.platform.running == 3
    gateway.platform.gate.set()
    assert [item["result"] for item in json.loads((await answer).body)] == ["waited"] * 5


async def test_the_answers_to_a_batch_are_bounded(
    gateway: Running, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonrpc_envelope, "AT_ONCE", 1)
    monkeypatch.setattr(jsonrpc_envelope, "MAX_BATCH_ANSWER", 100)
    calls = [{"jsonrpc": "2.0", "method": "Test.echo", "params": [session, "x" * 60], "id": n} for n in range(4)]
    answers = json.loads((await post(gateway, json.dumps(calls))).body)
    assert [answer.get("error", {}).get("message", "") for answer in answers] == ["", "", "SERVER_BUSY", "SERVER_BUSY"]
    assert sum(seen.method == "Test.echo" for seen in gateway.platform.seen) == 2


async def test_a_mistake_of_ours_costs_one_call_of_a_batch(gateway: Running, session: str) -> None:
    calls = [{"jsonrpc": "2.0", "method": f"Test.{name}", "params": [session], "id": 1} for name in ("crash", "void")]
    crash, void = json.loads((await post(gateway, json.dumps(calls))).body)
    assert crash["error"]["message"] == "INTERNAL_ERROR"
    assert "secret" not in repr(crash)
    assert void["result"] == ""


@pytest.mark.parametrize("version", [{}, {"jsonrpc": "2.0"}])
async def test_the_whole_life_of_a_client(gateway: Running, version: dict[str, str]) -> None:
    def read(answer: dict[str, Any]) -> Any:
        if not version:
            assert answer.keys() == {"result", "error", "id"}
            return answer["result"] if answer["error"] is None else answer["error"]
        assert answer.pop("jsonrpc") == "2.0"
        error = answer.get("error")
        return answer["result"] if error is None else [error["message"], *error["data"]]

    async def make(method: str, *params: Any) -> Any:
        reply = await post(gateway, json.dumps({"method": method, "params": params, "id": 1, **version}))
        return read(json.loads(reply.body))

    assert (await make("session.login_with_password", ADMIN, "wrong"))[0] == "SESSION_AUTHENTICATION_FAILED"
    session = await make("session.login_with_password", ADMIN, PASSWORD)
    assert await make("Test.echo", session, 5) == 5
    assert await make("No.such", session) == ["MESSAGE_METHOD_UNKNOWN", "No.such"]
    assert (await make("Test.echo", session))[0] == "MESSAGE_PARAMETER_COUNT_MISMATCH"
    assert await make("Async.Test.echo", session, 5) in gateway.platform.tasks
    names = await make("system.listMethods")
    assert names == sorted(names)
    assert {"Test.echo", "session.logout"} <= set(names)
    assert await make("session.get_uuid", session, session) == gateway.platform.sessions[session].uuid
    assert await make("session.logout", session) == ""
    assert await make("Test.echo", session, 5) == ["SESSION_INVALID", session]


async def test_a_session_serves_both_envelopes(gateway: Running) -> None:
    ref = (await called(gateway, "session.login_with_password", ADMIN, PASSWORD))["result"]
    body = f"<methodCall><methodName>session.logout</methodName><params><param><value>{ref}</value></param></params></methodCall>"
    assert b"Success" in (await gateway.post(body.encode())).body
    assert (await called(gateway, "Test.echo", ref, 1))["error"]["message"] == "SESSION_INVALID"


async def test_a_large_value_goes_both_ways(gateway: Running, session: str) -> None:
    value = ["x" * 1_000_000, list(range(50_000))]
    assert (await called(gateway, "Test.echo", session, value))["result"] == value


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [({"content-encoding": "gzip"}, 10, 415), ({}, 100_000, 413)],
)
async def test_what_http_refuses_is_told_in_json(headers: dict[str, str], size: int, status: int) -> None:
    async with running_gateway(http_max_body="64KiB") as gateway:
        reply = await gateway.post(b"x" * size, "/jsonrpc", **headers)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    answer = json.loads(reply.body)
    assert answer["error"].items() >= INVALID.items()
    assert answer["id"] is None


@pytest.mark.parametrize("wanted", ["content-type", "content-type, authorization"])
async def test_preflight(gateway: Running, wanted: str) -> None:
    head = request(b"", "/jsonrpc", origin="http://elsewhere", access_control_request_headers=wanted)
    async with await Wire.open(gateway.port) as wire:
        await wire.send(head.replace(b"POST", b"OPTIONS", 1))
        reply = await wire.reply()
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == f"{wanted}, X-Requested-With"
    assert reply.headers["access-control-allow-methods"] == "PUT"


@pytest.mark.parametrize("batch", [False, True])
async def test_a_gateway_that_stops_says_so(batch: bool) -> None:
    async with running_gateway() as gateway:
        session = gateway.platform.open_session()
        call = {"jsonrpc": "2.0", "method": "Test.wait", "params": [session], "id": 5}
        notification = {"jsonrpc": "2.0", "method": "Test.wait", "params": [session]}
        waiting = asyncio.create_task(post(gateway, json.dumps([call, notification] if batch else call)))
        await gateway.platform.wait_running(2 if batch else 1)
        await gateway.server.stop(0)
        answers = json.loads((await waiting).body)
    [answer] = answers if batch else [answers]
    error = {"code": 1, "message": "SERVICE_UNAVAILABLE", "data": ["gateway", "it is stopping"]}
    assert answer == {"jsonrpc": "2.0", "error": error, "id": 5}


async def test_requests_are_logged_without_secrets(gateway: Running) -> None:
    ref = gateway.platform.open_session()
    bad_name = {"jsonrpc": "2.0", "method": f"{ref}.get", "params": [ref, "a-secret"], "id": ref}
    with structlog.testing.capture_logs() as logs:
        await called(gateway, "session.login_with_password", ADMIN, "a-secret")
        for body in (bad_name, [bad_name, 5], [5, bad_name], {"a-secret": ref}):
            await post(gateway, json.dumps(body))
        await wait_until(lambda: len(logs) >= 5)
    assert "a-secret" not in repr(logs)
    assert ref not in repr(logs)
    events = [event for event in logs if event["event"] == "http.request"]
    assert [(event["rpc"], event["outcome"]) for event in events] == [
        ("session.login_with_password", "SESSION_AUTHENTICATION_FAILED"),
        ("(not a plain name)", "MESSAGE_METHOD_UNKNOWN"),
        ("(a batch of 2)", "MESSAGE_METHOD_UNKNOWN"),
        ("(a batch of 2)", "MALFORMED"),
        ("", "MALFORMED"),
    ]
