"""Clients of xapi other than the Python one, unmodified, and every method that they rely on, in every envelope."""

from __future__ import annotations

import json
import subprocess
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.npm import npm_package
from support.running import ADMIN, PASSWORD, Platform, make_platform, wait_until

pytestmark = pytest.mark.e2e

XEN_API = "xen-api@4.7.6"
WALK = Path(__file__).with_name("xen_api_walk.mjs")
NODE = 18

# Answers with its parameters, session left out.
ECHO = """#!/usr/bin/env python3
import sys, xmlrpc.client
params, method = xmlrpc.client.loads(sys.stdin.buffer.read(), use_builtin_types=False)
print(xmlrpc.client.dumps(({"Status": "Success", "Value": list(params[1:])},), "", True, allow_none=True))
"""

FAIL = """#!/usr/bin/env python3
import xmlrpc.client
print(xmlrpc.client.dumps(({"Status": "Failure", "ErrorDescription": ["CODE", "a", "b & <c>"]},), "", True))
"""

TYPES = """#!/usr/bin/env python3
import xmlrpc.client
value = [5, -1, True, 1.5, "7", None, {"n": 3}, xmlrpc.client.DateTime("20260101T00:00:00Z"), xmlrpc.client.Binary(b"x")]
print(xmlrpc.client.dumps(({"Status": "Success", "Value": value},), "", True, allow_none=True))
"""


@pytest.fixture(scope="module", params=["up", "services"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    made = make_platform(request.param, tmp_path_factory.mktemp(request.param))
    try:
        made.start_all()
        made.drop_in("Walk.echo", ECHO)
        made.drop_in("Walk.fail", FAIL)
        made.drop_in("Walk.types", TYPES)
        made.drop_in("Walk.sleep", "#!/bin/sh\nexec sleep 600\n")
        yield made
    finally:
        made.kill_all()


@pytest.fixture(scope="session")
def xen_api(request: pytest.FixtureRequest) -> Path:
    """Return the folder in which npm has installed the client, once for all runs of the tests."""
    return npm_package(request.config.cache, XEN_API, NODE)


def walk(folder: Path, platform: Platform, what: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", str(WALK), str(folder), platform.url, what],
        input=json.dumps({"user": ADMIN, "password": PASSWORD}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_npm_xen_api_makes_calls(platform: Platform, xen_api: Path) -> None:
    seen = walk(xen_api, platform, "calls")
    assert [one.pop("transport") for one in seen] == ["auto", "json-rpc", "xml-rpc"]
    for one in seen:
        assert one.pop("loggedOut")[0] == "SESSION_INVALID"
        assert one.pop("wrong")[:2] == ["SESSION_AUTHENTICATION_FAILED", ADMIN]
        assert one == {
            "status": "connected",
            "echo": ["5", "-1", "text & <more>", True, False, 1.5, None, ["a", []], {"k": {"l": "m"}}, ""],
            "failure": ["CODE", "a", "b & <c>"],
            "unknown": ["MESSAGE_METHOD_UNKNOWN", "Walk.unknown"],
            "handle": ["HANDLE_INVALID", "task", "OpaqueRef:none"],
            "session": "session.*() methods are disabled from this interface",
            "isTask": True,
            "pool": True,
            "byUuid": True,
            "master": True,
            "hosts": True,
            "shared": ["y"],
            "disconnected": "disconnected",
        }


def test_npm_xen_api_watches_events(platform: Platform, xen_api: Path) -> None:
    seen = walk(xen_api, platform, "events")
    assert [one.pop("transport") for one in seen] == ["auto", "json-rpc", "xml-rpc"]
    for one in seen:
        assert {"pool", "host", "user", "role"} <= set(one.pop("types"))
        assert one == {
            "master": "host",
            "result": ["5", "text & <more>", {"k": ["v"]}],
            "failure": ["CODE", "a", "b & <c>"],
            "unknown": ["MESSAGE_METHOD_UNKNOWN", "Walk.unknown"],
            "cancelled": "task canceled",
            "destroyed": True,
            "created": "",
            "noticed": True,
            "error": None,
            "only": ["x"],
        }


Envelope = Callable[[str, Sequence[Any]], Any]
"""Makes a call and returns its value, or the list of code and parameters in a `Failed`."""


@dataclass(frozen=True)
class Failed:
    error: list[str]


def post(url: str, body: bytes) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as response:
        return response.read()


def json_rpc(url: str, version: Mapping[str, str]) -> Envelope:
    def call(method: str, params: Sequence[Any]) -> Any:
        request = {**version, "method": method, "params": params, "id": "an-id"}
        answer = json.loads(post(f"{url}/jsonrpc", json.dumps(request).encode()))
        assert answer.pop("id") == "an-id"
        if not version:
            assert answer.keys() == {"result", "error"}
            return answer["result"] if answer["error"] is None else Failed(answer["error"])
        assert answer.pop("jsonrpc") == "2.0"
        if "error" not in answer:
            assert answer.keys() == {"result"}
            return answer["result"]
        assert answer.keys() == {"error"}
        error = answer["error"]
        assert error.keys() == {"code", "message", "data"}
        assert error["code"] == 1
        return Failed([error["message"], *error["data"]])

    return call


def xml_rpc(url: str) -> Envelope:
    def call(method: str, params: Sequence[Any]) -> Any:
        body = xmlrpc.client.dumps(tuple(params), method, allow_none=True)
        ((answer,), _) = xmlrpc.client.loads(post(f"{url}/RPC2", body.encode()))
        if method == "system.listMethods" and isinstance(answer, list):
            return answer
        if answer["Status"] == "Success":
            assert answer.keys() == {"Status", "Value"}
            return answer["Value"]
        assert answer.keys() == {"Status", "ErrorDescription"}
        return Failed(answer["ErrorDescription"])

    return call


@dataclass
class Client:
    """One session in one envelope, and the objects that calls name."""

    call: Envelope
    is_xml: bool
    names: dict[str, Any] = field(default_factory=dict)

    def make(self, method: str, params: Sequence[Any]) -> Any:
        return self.call(
            method, [self.names.get(param, param) if isinstance(param, str) else param for param in params]
        )


ENVELOPES = ("XML-RPC", "JSON-RPC 1.0", "JSON-RPC 2.0")


@pytest.fixture(scope="module")
def clients(platform: Platform) -> dict[str, Client]:
    return {envelope: logged_in(platform, envelope) for envelope in ENVELOPES}


@pytest.fixture(params=ENVELOPES)
def client(request: pytest.FixtureRequest, clients: dict[str, Client]) -> Client:
    return clients[request.param]


def logged_in(platform: Platform, envelope: str) -> Client:
    is_xml = envelope == "XML-RPC"
    version = {"jsonrpc": "2.0"} if envelope == "JSON-RPC 2.0" else {}
    made = Client(xml_rpc(platform.url) if is_xml else json_rpc(platform.url, version), is_xml)
    session = made.call("session.login_with_password", [ADMIN, PASSWORD])
    [pool] = made.call("pool.get_all", [session])
    task = made.call("Async.Walk.echo", [session, "x"])
    made.names = {"SESSION": session, "POOL": pool, "HOST": made.call("pool.get_master", [session, pool]), "TASK": task}
    wait_until("the task's end", lambda: made.call("task.get_status", [session, task]) == "success")
    return made


class Ref:
    """The shape of a reference."""


REF = Ref()
POOL_RECORD = {"uuid": str, "name_label": str, "master": REF, "other_config": dict}
HOST_RECORD = {
    "API_version_major": int,
    "API_version_minor": int,
    "software_version": {"xapi": str},
    "address": str,
    "name_label": str,
}
TASK_RECORD = {
    "uuid": str,
    "name_label": "Async.Walk.echo",
    "name_description": str,
    "allowed_operations": list,
    "current_operations": dict,
    "status": "success",
    "resident_on": REF,
    "progress": 1.0,
    "type": "<none/>",
    "result": "<value><array><data><value>x</value></data></array></value>",
    "error_info": [],
    "other_config": dict,
    "subtask_of": REF,
    "subtasks": [],
    "backtrace": str,
}


def check(value: Any, shape: Any, *, is_xml: bool) -> None:
    """Compare a value with a shape: a type, a record with at least some fields, any reference, or a value."""
    if shape is int and is_xml:
        int(value)
    elif shape is REF:
        assert isinstance(value, str)
        assert value.startswith("OpaqueRef:")
    elif isinstance(shape, type):
        assert type(value) is shape
    elif isinstance(shape, dict):
        for name, inner in shape.items():
            check(value[name], inner, is_xml=is_xml)
    else:
        assert value == shape


# The table of what a compatible server must answer: method, parameters, and the shape of the value.
ROWS: Sequence[tuple[str, Sequence[Any], Any]] = [
    ("session.login_with_password", [ADMIN, PASSWORD], REF),
    ("session.login_with_password", [ADMIN, PASSWORD, "1.0"], REF),
    ("session.login_with_password", [ADMIN, PASSWORD, "1.0", "tests"], REF),
    ("session.get_is_local_superuser", ["SESSION", "SESSION"], True),
    ("session.get_rbac_permissions", ["SESSION", "SESSION"], list),
    ("session.get_this_user", ["SESSION", "SESSION"], "OpaqueRef:NULL"),
    ("session.get_this_host", ["SESSION", "SESSION"], REF),
    ("session.get_subject", ["SESSION", "SESSION"], "OpaqueRef:NULL"),
    ("session.get_auth_user_sid", ["SESSION", "SESSION"], str),
    ("session.get_uuid", ["SESSION", "SESSION"], str),
    ("pool.get_all", ["SESSION"], list),
    ("pool.get_record", ["SESSION", "POOL"], POOL_RECORD),
    ("pool.get_master", ["SESSION", "POOL"], REF),
    ("host.get_all", ["SESSION"], list),
    ("host.get_record", ["SESSION", "HOST"], HOST_RECORD),
    ("host.get_API_version_major", ["SESSION", "HOST"], int),
    ("host.get_API_version_minor", ["SESSION", "HOST"], int),
    ("host.get_software_version", ["SESSION", "HOST"], {"xapi": str}),
    ("system.listMethods", [], list),
    ("Async.Walk.echo", ["SESSION", "x"], REF),
    ("task.get_all", ["SESSION"], list),
    ("task.get_record", ["SESSION", "TASK"], TASK_RECORD),
    ("task.get_status", ["SESSION", "TASK"], "success"),
    ("task.get_progress", ["SESSION", "TASK"], 1.0),
    ("task.get_result", ["SESSION", "TASK"], TASK_RECORD["result"]),
    ("task.get_error_info", ["SESSION", "TASK"], []),
    ("event.inject", ["SESSION", "pool", "POOL"], str),
    ("event.from", ["SESSION", ["task"], "", 0.0], {"token": str, "events": list, "valid_ref_counts": {"task": int}}),
    ("pool.has_extension", ["SESSION", "POOL", "Walk.echo"], True),
    ("pool.has_extension", ["SESSION", "POOL", "Walk.none"], False),
    ("host.has_extension", ["SESSION", "HOST", "Walk.echo"], True),
    ("Walk.echo", ["SESSION", "x", True, []], ["x", True, []]),
]


@pytest.mark.parametrize(("method", "params", "shape"), ROWS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_clients_rely_on(client: Client, method: str, params: Sequence[Any], shape: Any) -> None:
    check(client.make(method, params), shape, is_xml=client.is_xml)


def test_all_records(client: Client) -> None:
    for kind, name, record in (
        ("pool", "POOL", POOL_RECORD),
        ("host", "HOST", HOST_RECORD),
        ("task", "TASK", TASK_RECORD),
    ):
        found = client.make(f"{kind}.get_all_records", ["SESSION"])
        check(found[client.names[name]], record, is_xml=client.is_xml)


def test_counts_of_references_are_numbers_in_xml_too(client: Client) -> None:
    # npm xen-api compares with ===, and asks for all tasks again where it is not equal (xapi-project/xen-api#988).
    answer = client.make("event.from", ["SESSION", ["task"], "", 0.0])
    count = answer["valid_ref_counts"]["task"]
    assert type(count) is int
    assert count == len(client.make("task.get_all", ["SESSION"]))
    added = [event for event in answer["events"] if event["ref"] == client.names["TASK"]]
    assert [(event["class"], event["operation"]) for event in added] == [("task", "add")]
    check(added[0]["snapshot"], TASK_RECORD, is_xml=client.is_xml)


def test_methods_that_are_listed(client: Client) -> None:
    listed = set(client.make("system.listMethods", []))
    assert {"pool.get_all_records", "task.get_all_records", "event.from", "session.get_uuid"} <= listed
    # xapi has none, and npm xen-api refuses to call it.
    assert "session.get_all_records" not in listed


# Method, parameters and error: failures are the same everywhere.
@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("Walk.fail", ["SESSION"], ["CODE", "a", "b & <c>"]),
        ("Walk.unknown", ["SESSION"], ["MESSAGE_METHOD_UNKNOWN", "Walk.unknown"]),
        ("Walk.echo", ["OpaqueRef:none"], ["SESSION_INVALID", "OpaqueRef:none"]),
        ("pool.get_record", ["SESSION", "OpaqueRef:none"], ["HANDLE_INVALID", "pool", "OpaqueRef:none"]),
        ("task.get_by_uuid", ["SESSION", "none"], ["UUID_INVALID", "task", "none"]),
        ("pool.get_all", ["SESSION", "x"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "pool.get_all", "0", "1"]),
        ("Async.session.logout", ["SESSION"], ["Fault", "No async mode for this operation (rpc: session.logout)"]),
    ],
)
def test_failures(client: Client, method: str, params: Sequence[Any], error: list[str]) -> None:
    assert client.make(method, params) == Failed(error)


def test_types_in_answers(client: Client) -> None:
    value = client.make("Walk.types", ["SESSION"])
    if client.is_xml:
        date, binary = value.pop(-2), value.pop()
        assert (str(date), binary.data) == ("20260101T00:00:00Z", b"x")
        assert value == ["5", "-1", True, 1.5, "7", None, {"n": "3"}]
    else:
        assert value == [5, -1, True, 1.5, "7", None, {"n": 3}, "20260101T00:00:00Z", "eA=="]


def test_the_end_of_tasks_and_sessions(client: Client) -> None:
    task = client.make("Async.Walk.sleep", ["SESSION"])
    assert client.make("task.cancel", ["SESSION", task]) == ""
    wait_until("the task's end", lambda: client.make("task.get_status", ["SESSION", task]) == "cancelled")
    assert client.make("task.get_error_info", ["SESSION", task]) == ["TASK_CANCELLED", task]
    assert client.make("task.destroy", ["SESSION", task]) == ""
    assert client.make("task.get_status", ["SESSION", task]) == Failed(["HANDLE_INVALID", "task", task])
    for logout in ("session.logout", "session.local_logout"):
        session = client.make("session.login_with_password", [ADMIN, PASSWORD])
        assert client.make(logout, [session]) == ""
        assert client.make("pool.get_all", [session]) == Failed(["SESSION_INVALID", session])
