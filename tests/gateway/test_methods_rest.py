"""Calls and tasks over REST: what HTTP makes of them, with services that are fakes."""

from __future__ import annotations

import asyncio
import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from fakes import ADMIN, PASSWORD, FakePlatform
from gateway.methods.errors import STATUSES, body_of, sentence, status_of
from gateway.sessions import SESSION_METHODS
from graft.dispatcher.v1 import task_pb2
from graft_common.declarations.api import Api, Origin, Source
from graft_common.declarations.platform import platform_document
from graft_common.errors import GraftError, service_unavailable
from support.wire import Running, Wire, request, running_gateway

JSON = {"content-type": "application/json"}
METHODS = "/api/v1/methods"


@pytest.fixture
async def http(gateway: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=JSON, timeout=20, trust_env=False, verify=False
    ) as client:
        yield client


@pytest.fixture
def bearer(session: str) -> dict[str, str]:
    return {"authorization": f"Bearer {session}"}


async def test_a_call_with_a_session(
    http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running, session: str
) -> None:
    answer = await http.post(f"{METHODS}/Test.mirror", content=b'[1, "a", null]', headers=bearer)
    assert (answer.status_code, answer.content) == (200, b'[1,"a",null]')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    seen = gateway.platform.seen[-1]
    assert (seen.method, seen.params, seen.credential) == ("Test.mirror", [1, "a", None], session)
    assert seen.request_id == answer.headers["x-request-id"]


async def test_calls_with_a_password_share_a_session(http: httpx.AsyncClient, gateway: Running) -> None:
    for _ in range(3):
        answer = await http.post(f"{METHODS}/Test.echo", content=b'["x"]', auth=(ADMIN, PASSWORD))
        assert answer.json() == "x"
    assert len({seen.credential for seen in gateway.platform.seen}) == 1


async def test_a_shared_session_that_has_ended_is_opened_again(http: httpx.AsyncClient, gateway: Running) -> None:
    for _ in range(2):
        answer = await http.post(f"{METHODS}/Test.echo", content=b'["x"]', auth=(ADMIN, PASSWORD))
        assert answer.json() == "x"
        gateway.platform.sessions.clear()


async def test_what_an_executable_says_of_sessions_runs_nothing_twice(
    http: httpx.AsyncClient, gateway: Running
) -> None:
    answer = await http.post(f"{METHODS}/Test.fail", content=b'["SESSION_INVALID", "x"]', auth=(ADMIN, PASSWORD))
    assert answer.status_code == 401
    assert len(gateway.platform.seen) == 1


async def test_no_body_is_no_arguments(http: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    assert (await http.post(f"{METHODS}/Test.mirror", headers=bearer)).json() == []


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"]
)
async def test_ways_to_write_the_content_type(http: httpx.AsyncClient, bearer: dict[str, str], kind: str) -> None:
    assert (await http.post(f"{METHODS}/Test.mirror", headers={**bearer, "content-type": kind})).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"],
)
async def test_what_a_form_can_send_is_refused(gateway: Running, session: str, kind: str) -> None:
    headers = {"content_type": kind} if kind else {}
    reply = await gateway.post(b"[]", f"{METHODS}/Test.mirror", authorization=f"Bearer {session}", **headers)
    assert reply.status == 415
    assert b'"code":"UNSUPPORTED_MEDIA_TYPE"' in reply.body
    assert not gateway.platform.seen


@pytest.mark.parametrize(
    ("authorization", "code", "message"),
    [
        ("", "SESSION_INVALID", "there are no credentials"),
        ("Bearer OpaqueRef:nobody", "SESSION_INVALID", "there is no such session"),
        ("Bearer \u00e4", "SESSION_INVALID", "there is no such session"),
        ("Bearer", "SESSION_AUTHENTICATION_FAILED", "must be"),
        ("Digest x", "SESSION_AUTHENTICATION_FAILED", "must be"),
        ("Basic x", "SESSION_AUTHENTICATION_FAILED", "must be"),
        ("Basic " + b64encode(b"root:wrong").decode(), "SESSION_AUTHENTICATION_FAILED", "wrong user name or password"),
    ],
)
async def test_credentials_that_are_none(gateway: Running, authorization: str, code: str, message: str) -> None:
    async with await Wire.open(gateway.port) as wire:
        head = (
            f"POST {METHODS}/Test.echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5\r\n"
        )
        line = f"authorization: {authorization}\r\n" if authorization else ""
        await wire.send(f'{head}{line}\r\n["x"]'.encode("latin-1"))
        reply = await wire.reply()
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert f'"code":"{code}"'.encode() in reply.body
    assert message.encode() in reply.body


async def test_a_login_and_a_logout(http: httpx.AsyncClient, gateway: Running) -> None:
    answer = await http.post(
        f"{METHODS}/session.login_with_password", json={"uname": ADMIN, "pwd": PASSWORD, "originator": "me"}
    )
    ref = answer.json()
    assert gateway.platform.sessions[ref].originator == "me"
    bearer = {"authorization": f"Bearer {ref}"}
    uuid = (await http.post(f"{METHODS}/session.get_uuid", json=[ref], headers=bearer)).json()
    assert (
        await http.post(f"{METHODS}/session.get_by_uuid", json=[uuid], headers=bearer)
    ).json() == f"OpaqueRef:{uuid}"
    assert (await http.post(f"{METHODS}/session.logout", headers=bearer)).content == b"null"
    assert ref not in gateway.platform.sessions
    assert (await http.post(f"{METHODS}/session.logout", headers=bearer)).status_code == 401


async def test_logging_out_with_a_password_ends_the_shared_session(http: httpx.AsyncClient, gateway: Running) -> None:
    for _ in range(2):
        assert (await http.post(f"{METHODS}/session.logout", auth=(ADMIN, PASSWORD))).status_code == 200
    assert not gateway.platform.sessions


@pytest.mark.parametrize(
    ("method", "arguments", "status", "code"),
    [
        ("session.login_with_password", {"uname": ADMIN, "pwd": "no"}, 401, "SESSION_AUTHENTICATION_FAILED"),
        ("session.login_with_password", {"uname": ADMIN}, 400, "FIELD_TYPE_ERROR"),
        ("session.login_with_password", [ADMIN, 5], 400, "FIELD_TYPE_ERROR"),
        ("session.login_with_password", {"user": ADMIN, "pwd": "no"}, 400, "FIELD_TYPE_ERROR"),
        ("session.login_with_password", 5, 400, "FIELD_TYPE_ERROR"),
        ("session.get_record", [], 401, "SESSION_INVALID"),
        ("Async.session.logout", [], 400, "VALUE_NOT_SUPPORTED"),
        ("No.such", [], 401, "SESSION_INVALID"),
        ("x" * 300, [], 404, "MESSAGE_METHOD_UNKNOWN"),
    ],
)
async def test_calls_without_a_session(
    http: httpx.AsyncClient, method: str, arguments: Any, status: int, code: str
) -> None:
    answer = await http.post(f"{METHODS}/{method}", json=arguments)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)


async def test_what_needs_no_session(http: httpx.AsyncClient) -> None:
    assert (await http.post(f"{METHODS}/system.isAlive", content=b'["hi"]')).json() == "hi"
    names = (await http.post(f"{METHODS}/system.listMethods")).json()
    assert {"Test.echo", "session.logout"} <= {*names}


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (["FIELD_TYPE_ERROR", "size", "int", "string"], 400, "size: expected int, got string"),
        (["RBAC_PERMISSION_DENIED", "a.b", "No permission"], 403, "a.b: No permission"),
        (["MESSAGE_REMOVED"], 410, "the method has been removed"),
        (["SERVER_BUSY", "too much"], 503, "SERVER_BUSY: too much"),
        (["SERVICE_UNAVAILABLE", "dispatcher", "gone"], 503, "the dispatcher does not answer: gone"),
        (["INTERNAL_ERROR", "a", "b"], 500, "INTERNAL_ERROR: a, b"),
        (["HANDLE_INVALID", "VM", "OpaqueRef:1"], 404, "there is no VM OpaqueRef:1"),
        (["HANDLE_INVALID"], 404, "HANDLE_INVALID"),
        (["VOLUME_IN_USE", "{0}"], 422, "VOLUME_IN_USE: {0}"),
    ],
)
async def test_errors(
    http: httpx.AsyncClient, bearer: dict[str, str], error: list[str], status: int, message: str
) -> None:
    answer = await http.post(f"{METHODS}/Test.fail", json=error, headers=bearer)
    assert answer.status_code == status
    assert answer.json() == {"status": status, "code": error[0], "params": error[1:], "message": message}
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)


def test_sentences_of_services_come_first() -> None:
    error = GraftError("FIELD_TYPE_ERROR", "size", "int", "string", details={"message": 'param "size": no'})
    assert sentence(error) == 'param "size": no'
    assert [status_of(GraftError(code)) for code in STATUSES] == [*STATUSES.values()]
    assert b"?" in body_of(GraftError("X", "\ud800"))


async def test_a_mistake_of_ours_is_told_without_its_text(http: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    answer = await http.post(f"{METHODS}/Test.crash", headers=bearer)
    assert answer.status_code == 500
    assert "secret" not in answer.text


async def test_an_asynchronous_call(http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running) -> None:
    answer = await http.post(f"{METHODS}/Async.Test.echo", content=b'["x"]', headers=bearer)
    ref = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/v1/tasks/{ref}")
    task = gateway.platform.tasks[ref]
    task.result_json = b'{"a":1}'
    task.progress = 1
    task.created.FromJsonString("2026-01-01T00:00:00.5Z")
    task.finished.FromJsonString("2026-01-01T00:00:01Z")
    shown = (await http.get(answer.headers["location"], headers=bearer)).json()
    assert shown == {
        "ref": ref,
        "name": "Async.Test.echo",
        "status": "success",
        "progress": 1.0,
        "result": {"a": 1},
        "error": None,
        "created": "2026-01-01T00:00:00.500Z",
        "finished": "2026-01-01T00:00:01Z",
        "description": "",
        "other_config": {},
        "subtask_of": None,
        "subtasks": [],
        "log": [],
        "log_total": 0,
    }
    assert (await http.post(f"/api/v1/tasks/{ref}/cancel", headers=bearer)).status_code == 204
    assert (await http.get(f"/api/v1/tasks/{ref}", headers=bearer)).json()["status"] == "cancelling"
    forgotten = await http.delete(f"/api/v1/tasks/{ref}", headers=bearer)
    assert (forgotten.status_code, forgotten.content) == (204, b"")
    gone = await http.get(f"/api/v1/tasks/{ref}", headers=bearer)
    assert (gone.status_code, gone.json()["params"]) == (404, ["task", ref])


def pending(platform: FakePlatform, **values: Any) -> str:
    ref = "OpaqueRef:t"
    platform.tasks[ref] = task_pb2.Task(ref=ref, status=task_pb2.TASK_STATUS_PENDING, **values)
    return ref


async def test_tasks_that_failed(http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running) -> None:
    ref = pending(gateway.platform, error_info=["HANDLE_INVALID", "VM", "x"])
    shown = (await http.get(f"/api/v1/tasks/{ref}", headers=bearer)).json()
    assert shown["error"] == {"code": "HANDLE_INVALID", "params": ["VM", "x"], "message": "there is no VM x"}
    assert shown["finished"] is None


async def test_a_task_may_be_waited_for(http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running) -> None:
    ref = pending(gateway.platform)
    assert (await http.get(f"/api/v1/tasks/{ref}?wait=0.01", headers=bearer)).json()["status"] == "pending"
    waiting = asyncio.create_task(http.get(f"/api/v1/tasks/{ref}?wait=1e9", headers=bearer))
    await gateway.platform.wait_running(1)
    gateway.platform.tasks[ref].status = task_pb2.TASK_STATUS_SUCCESS
    gateway.platform.gate.set()
    assert (await waiting).json()["status"] == "success"


async def test_nobody_waits_for_a_gateway_that_stops(
    http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running
) -> None:
    ref = pending(gateway.platform)
    waiting = asyncio.create_task(http.get(f"/api/v1/tasks/{ref}?wait=60", headers=bearer))
    await gateway.platform.wait_running(1)
    await gateway.app.drain(10)
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert answer.headers["connection"] == "close"
    refused = await http.get(f"/api/v1/tasks/{ref}", headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


async def test_a_task_may_be_watched(http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running) -> None:
    ref = pending(gateway.platform)
    async with http.stream("GET", f"/api/v1/tasks/{ref}/events", headers=bearer) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        lines = answer.aiter_lines()
        assert json.loads((await anext(lines)).removeprefix("data: "))["status"] == "pending"
        gateway.platform.tasks[ref].status = task_pb2.TASK_STATUS_SUCCESS
        gateway.platform.gate.set()
        [line] = [line async for line in lines if line]
    assert json.loads(line.removeprefix("data: "))["status"] == "success"
    assert gateway.platform.running == 0


async def test_whoever_watches_no_more_costs_nothing(
    http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running
) -> None:
    ref = pending(gateway.platform)
    async with http.stream("GET", f"/api/v1/tasks/{ref}/events", headers=bearer) as answer:
        assert (await anext(answer.aiter_lines())).startswith("data: ")
        await gateway.platform.wait_running(1)
    await gateway.platform.wait_running(0)


async def test_a_session_that_ends_ends_its_watch(
    http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running
) -> None:
    ref = pending(gateway.platform)
    async with http.stream("GET", f"/api/v1/tasks/{ref}/events", headers=bearer) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        gateway.platform.sessions.clear()
        gateway.platform.gate.set()
        told = [line async for line in lines if line]
    assert told[0] == "event: error"
    assert json.loads(told[1].removeprefix("data: "))["code"] == "SESSION_INVALID"


async def test_no_watch_outlives_the_gateway(http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running) -> None:
    ref = pending(gateway.platform)
    async with http.stream("GET", f"/api/v1/tasks/{ref}/events", headers=bearer) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await gateway.app.drain(10)
        assert [line async for line in lines if line] == []


async def test_a_task_that_there_is_not_cannot_be_watched(http: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    answer = await http.get("/api/v1/tasks/x/events", headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (404, "HANDLE_INVALID")
    assert (await http.get("/api/v1/tasks/x/events")).status_code == 401


@pytest.mark.parametrize("wait", ["x", "-1", "nan", ""])
async def test_waits_that_are_none(
    http: httpx.AsyncClient, bearer: dict[str, str], gateway: Running, wait: str
) -> None:
    answer = await http.get(f"/api/v1/tasks/{pending(gateway.platform)}?wait={wait}", headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALUE_NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("PUT", f"{METHODS}/Test.echo", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", METHODS, "GET, HEAD, OPTIONS"),
        ("POST", f"{METHODS}/openapi.json", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/tasks/x", "DELETE, GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/tasks/x/cancel", "OPTIONS, POST"),
    ],
)
async def test_methods_of_http(http: httpx.AsyncClient, verb: str, path: str, allow: str) -> None:
    answer = await http.request(verb, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    asked = await http.options(path)
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, allow, b"")
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize(
    "path", [f"{METHODS}/", f"{METHODS}/a/b", "/api/v1/tasks", "/api/v1/tasks/", "/api/v1/tasks/x/y"]
)
async def test_paths_that_lead_nowhere(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_bodies_have_bounds(platform: FakePlatform, session: str) -> None:
    async with running_gateway(platform, http_max_body=1000, http_body_timeout=0.1) as gateway:
        headers = {"authorization": f"Bearer {session}", "content_type": "application/json"}
        reply = await gateway.post(b" " * 1001, f"{METHODS}/Test.echo", **headers)
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        packed = await gateway.post(gzip.compress(b"[]"), f"{METHODS}/Test.echo", content_encoding="gzip", **headers)
        assert packed.status == 415
        async with await Wire.open(gateway.port) as wire:
            await wire.send(request(b'["x"]', f"{METHODS}/Test.echo", **headers)[:-2])
            assert (await wire.reply()).status == 408


async def test_secrets_are_not_logged(http: httpx.AsyncClient, gateway: Running, session: str) -> None:
    with capture_logs() as logs:
        await http.post(f"{METHODS}/session.login_with_password", json={"uname": ADMIN, "pwd": PASSWORD})
        await http.post(f"{METHODS}/Test.echo", json=["hush"], headers={"authorization": f"Bearer {session}"})
        await http.post(f"{METHODS}/Test.echo", json=["hush"], auth=(ADMIN, PASSWORD))
    told = str(logs)
    assert not any(secret in told for secret in (PASSWORD, session, "hush"))
    assert [entry["rpc"] for entry in logs if entry["event"] == "http.request"][1:] == ["Test.echo", "Test.echo"]


@pytest.fixture
def described(platform: FakePlatform) -> FakePlatform:
    document = platform_document()
    names = [method.name for method in document.methods]
    platform.api = Api(
        document,
        {name: Origin(Source.BUILT_IN, available=name not in SESSION_METHODS) for name in names},
        {"Test.echo": Origin(Source.DROP_IN)},
    )
    return platform


@pytest.mark.usefixtures("described")
async def test_methods_are_listed_without_credentials(http: httpx.AsyncClient) -> None:
    listed = {row["name"]: row for row in (await http.get(METHODS)).json()}
    assert listed["Test.echo"] == {
        "name": "Test.echo",
        "doc": "",
        "role": "pool-admin",
        "declared": False,
        "deprecated": False,
    }
    assert listed["task.cancel"]["declared"]
    assert listed["task.cancel"]["doc"] == "Stop a pending task."
    assert listed["session.logout"]["role"] == "anyone"
    head = await http.head(METHODS)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.usefixtures("described")
async def test_one_method_is_described(http: httpx.AsyncClient) -> None:
    shown = (await http.get(f"{METHODS}/task.cancel")).json()
    assert (shown["role"], shown["available"], shown["idempotent"]) == ("read-only", True, True)
    assert shown["arguments"]["required"] == ["task"]
    assert shown["result"]["type"] == "null"
    assert shown["errors"][0]["code"] == "HANDLE_INVALID"
    assert shown["lifecycle"][0] == {"change": "published", "release": "0.1.0", "doc": ""}
    assert (await http.get(f"{METHODS}/Test.echo")).json()["arguments"]["type"] == "array"
    unknown = await http.get(f"{METHODS}/No.such")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "MESSAGE_METHOD_UNKNOWN")


@pytest.mark.usefixtures("described")
async def test_the_document_of_all_methods(http: httpx.AsyncClient) -> None:
    plain = await http.get(f"{METHODS}/openapi.json", headers={"accept-encoding": "identity"})
    packed = await http.get(f"{METHODS}/openapi.json", headers={"accept-encoding": "gzip"})
    assert plain.json() == packed.json()
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] != packed.headers["etag"]
    again = await http.get(f"{METHODS}/openapi.json", headers={"if-none-match": packed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_dispatcher_that_describes_nothing(http: httpx.AsyncClient, platform: FakePlatform) -> None:
    platform.describe_error = service_unavailable("dispatcher", "it is starting")
    answer = await http.get(METHODS)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    platform.describe_error = None
    assert (await http.get(METHODS)).status_code == 200


async def test_queries_have_bounds(http: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    for path in ("/api/v1/tasks/x", "/mcp"):
        answer = await http.request("GET" if "x" in path else "POST", f"{path}?{'a=1&' * 30}", headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


async def test_other_paths_of_the_api_stay_ambaris(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/openapi.json")
    assert answer.json()["externalDocs"]["url"] == "/api/v1/methods/openapi.json"
    assert (await http.get("/api/v1/methodsx")).status_code == 403
