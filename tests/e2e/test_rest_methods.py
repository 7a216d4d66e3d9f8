"""Calls in JSON against whole platforms: REST by declaration, the guide's commands, MCP with its own client, schemathesis."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.running import Platform, make_platform, wait_until

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]
SCHEMATHESIS = Path(sys.executable).with_name("st")
ADMIN = b64encode(b"admin:admin").decode()
READER = b64encode(b"rita:password of rita").decode()
METHODS = "api/v1/methods"
DECLARATION = """
<methods xmlns="urn:graft:methods:1">
  <enum name="mood"><value name="good"/><value name="bad"/></enum>
  <record name="thing">
    <field name="name" type="string"/>
    <field name="size" type="int" default="5"/>
    <field name="when" type="datetime option"/>
    <field name="part" type="thing record option"/>
  </record>
  <method name="Mirror.show" role="read-only" idempotent="true">
    <doc>Show what was given. And nothing else.</doc>
    <param name="thing" type="thing record"/>
    <param name="ratio" type="float" default="1.5"/>
    <param name="moods" type="(int -&gt; enum mood) map" default="{}"/>
    <param name="maybe" type="int option option" default="[]"/>
    <result type="mirrored record"/>
  </method>
  <record name="mirrored">
    <field name="thing" type="thing record"/>
    <field name="ratio" type="float"/>
    <field name="moods" type="(int -&gt; enum mood) map"/>
    <field name="maybe" type="int option option"/>
  </record>
  <method name="Mirror.clean" role="pool-admin"><doc>Clean it.</doc></method>
</methods>
"""
MIRROR = """#!/usr/bin/env python3
import sys, xmlrpc.client
(_, thing, ratio, moods, maybe), _ = xmlrpc.client.loads(sys.stdin.buffer.read())
value = {"thing": thing, "ratio": ratio, "moods": moods, "maybe": maybe}
print(xmlrpc.client.dumps(({"Status": "Success", "Value": value},), methodresponse=True))
"""
CLEAN = """#!/bin/sh
echo '<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member>'
echo '<member><name>Value</name><value></value></member></struct></value></param></params></methodResponse>'
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Three services with the example content, a declared drop-in, and a user who may only read."""
    root = tmp_path_factory.mktemp("rest")
    shutil.copytree(REPOSITORY / "examples/resources", root / "resources")
    declarations = root / "declarations.d"
    declarations.mkdir()
    platform = make_platform(
        "services",
        root,
        GRAFT_ADMIN_USER="admin",
        GRAFT_ADMIN_PASSWORD="admin",
        GRAFT_RESOURCES_DIR=str(root / "resources"),
        GRAFT_DECLARATIONS_DIR=str(declarations),
    )
    try:
        shutil.copytree(REPOSITORY / "examples/extensions", platform.extensions, dirs_exist_ok=True)
        platform.drop_in("Mirror.show", MIRROR)
        platform.drop_in("Mirror.clean", CLEAN)
        (declarations / "mirror.xml").write_text(DECLARATION)
        platform.start_all()
        done = platform.graft("login", "--user", "admin", GRAFT_PASSWORD="admin")
        assert done.returncode == 0, done.stderr
        done = platform.graft("link", "EXT/1.0", "HDP/2.4")
        assert done.returncode == 0, done.stderr
        done = platform.graft("user", "add", "rita", "--role", "read-only", GRAFT_NEW_PASSWORD="password of rita")
        assert done.returncode == 0, done.stderr
        wait_until("the methods of the link", lambda: offers(platform, "Greeter.greet", "Mirror.show"))
        yield platform
    finally:
        platform.kill_all()


def ask(platform: Platform, path: str, body: bytes | None = None, user: str = ADMIN, verb: str | None = None) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {user}"}
    request = urllib.request.Request(f"{platform.url}/{path}", body, headers, method=verb)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def offers(platform: Platform, *names: str) -> bool:
    status, methods = ask(platform, METHODS)
    return status == 200 and {*names} <= {method["name"] for method in methods}


def show(platform: Platform, arguments: str, user: str = ADMIN) -> Any:
    return ask(platform, f"{METHODS}/Mirror.show", arguments.encode(), user)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (
            {"thing": {"name": "ä\U0001f600"}},
            {"thing": {"name": "ä\U0001f600", "size": 5}, "ratio": 1.5, "moods": {}, "maybe": []},
        ),
        (
            {
                "thing": {
                    "name": "a",
                    "size": "9007199254740993",
                    "when": "2026-01-01T01:00:00.25+01:00",
                    "part": None,
                },
                "ratio": "-Infinity",
                "moods": {"-5": "GOOD"},
                "maybe": [None],
            },
            {
                "thing": {"name": "a", "size": 9007199254740993, "when": "2026-01-01T00:00:00.25Z", "part": None},
                "ratio": "-Infinity",
                "moods": {"-5": "good"},
                "maybe": [None],
            },
        ),
        (
            [{"name": "a", "size": -(2**63), "part": {"name": "b", "size": 2**63 - 1}}, 2, {"1": "bad"}, [7]],
            {
                "thing": {"name": "a", "size": -(2**63), "part": {"name": "b", "size": 2**63 - 1}},
                "ratio": 2.0,
                "moods": {"1": "bad"},
                "maybe": [7],
            },
        ),
    ],
)
def test_values_keep_their_types(served: Platform, arguments: Any, answer: Any) -> None:
    assert show(served, json.dumps(arguments)) == (200, answer)
    status, ref = ask(served, f"{METHODS}/Async.Mirror.show", json.dumps(arguments).encode())
    assert status == 202
    status, task = ask(served, f"api/v1/tasks/{ref}?wait=30")
    assert (status, task["status"], task["result"]) == (200, "success", answer)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ('{"thing": {"name": 5}}', "FIELD_TYPE_ERROR", 'param "thing".name: expected string, got int'),
        ('{"thing": {"name": "a"}, "moods": {"1": "odd"}}', "INVALID_VALUE", 'param "moods"["1"]: \'odd\''),
        ('{"ratio": 1}', "FIELD_TYPE_ERROR", 'param "thing": expected thing record, got nothing'),
        ('{"thing": {"name": "a"}, "colour": 1}', "FIELD_TYPE_ERROR", "Mirror.show has no such parameter"),
        ("[]", "MESSAGE_PARAMETER_COUNT_MISMATCH", "takes 1 parameters, and was given 0"),
        ("[", "VALUE_NOT_SUPPORTED", "not JSON"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(served: Platform, arguments: str, code: str, message: str) -> None:
    status, error = show(served, arguments)
    assert (status, error["code"]) == (400, code)
    assert message in error["message"]


def test_roles_are_the_declarations(served: Platform) -> None:
    assert show(served, '{"thing": {"name": "a"}}', READER)[0] == 200
    status, error = ask(served, f"{METHODS}/Mirror.clean", b"", READER)
    assert (status, error["code"]) == (403, "RBAC_PERMISSION_DENIED")
    assert ask(served, f"{METHODS}/Mirror.clean", b"") == (200, None)


def test_built_in_methods_have_names_too(served: Platform) -> None:
    status, ref = ask(served, f"{METHODS}/Async.Mirror.clean", b"{}")
    assert status == 202
    status, record = ask(served, f"{METHODS}/task.get_record", json.dumps({"self": ref}).encode())
    assert (status, record["name_label"]) == (200, "Async.Mirror.clean")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["created"])
    assert ask(served, f"api/v1/tasks/{ref}/cancel", b"", verb="POST")[0] == 204
    assert ask(served, f"api/v1/tasks/{ref}", verb="DELETE")[0] == 204
    assert ask(served, f"api/v1/tasks/{ref}", user=READER)[0] == 404


def test_the_guide_is_right(served: Platform) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    text = (REPOSITORY / "docs/rest-methods.md").read_text().replace("http://127.0.0.1:8080", served.url)
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    for block in blocks:
        lines = block.splitlines()
        script = "\n".join(line[2:] for line in lines if line.startswith("$ "))
        wanted = "".join(line for line in lines if not line.startswith("$ "))
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            env={**os.environ, "no_proxy": "*"},
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
        pattern = ".*".join(map(re.escape, wanted.split("…")))
        assert re.fullmatch(pattern, done.stdout.replace("\n", "")), f"{script}\n{done.stdout}"


@asynccontextmanager
async def tools(platform: Platform, user: str = ADMIN, classes: str = "", mode: Any = "auto") -> AsyncIterator[Any]:
    import httpx2
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client

    async with httpx2.AsyncClient(headers={"authorization": f"Basic {user}"}, trust_env=False) as http:
        transport = streamable_http_client(f"{platform.url}/mcp{classes}", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_tools_for_the_official_client(served: Platform, mode: str) -> None:
    async with tools(served, mode=mode) as client:
        offered = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"Mirror_show", "Mirror_clean", "Greeter_greet", "task_get_record"} <= offered.keys()
        assert not any(name.startswith(("session_", "Hello_")) for name in offered)
        tool = offered["Mirror_show"]
        assert tool.title == "Show what was given."
        assert tool.input_schema["required"] == ["thing"]
        assert tool.annotations.idempotent_hint
        assert offered["task_get_record"].annotations.read_only_hint
        # The client checks what is answered against the tool's schema.
        answer = await client.call_tool("Mirror_show", {"thing": {"name": "a", "part": {"name": "b"}}, "ratio": "NaN"})
        assert not answer.is_error
        assert answer.structured_content["result"]["thing"]["part"] == {"name": "b", "size": 5}
        assert json.loads(answer.content[0].text) == answer.structured_content["result"]
        assert (await client.call_tool("Mirror.clean", {})).structured_content == {"result": None}
        wrong = await client.call_tool("Greeter_greet", {"name": ""})
        assert wrong.is_error
        assert json.loads(wrong.content[0].text)["code"] == "GREETER_SPEECHLESS"
        wrong = await client.call_tool("Greeter_greet", {"nam": "x"})
        assert "has no such parameter" in wrong.content[0].text


async def test_tools_are_those_of_the_role(served: Platform) -> None:
    from mcp.shared.exceptions import MCPError

    async with tools(served, READER, "?classes=Mirror") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["Mirror_show"]
        refused = await client.call_tool("Mirror_clean", {})
        assert json.loads(refused.content[0].text)["code"] == "RBAC_PERMISSION_DENIED"
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("Mirror_break", {})


async def test_tools_follow_the_declarations(served: Platform) -> None:
    declared = served.root / "declarations.d" / "later.xml"
    async with tools(served, classes="?classes=Hello") as client:
        assert (await client.list_tools()).tools == []
        declared.write_text(
            '<methods xmlns="urn:graft:methods:1"><method name="Hello.greet"><param name="name" type="string"/>'
            '<result type="string"/></method></methods>'
        )
        try:
            async with asyncio.timeout(30):
                while not (await client.list_tools(cache_mode="bypass")).tools:  # noqa: ASYNC110  (polled, with a bound)
                    await asyncio.sleep(0.1)
            answer = await client.call_tool("Hello_greet", {"name": "you"})
            assert answer.structured_content == {"result": "Hello, you!"}
        finally:
            declared.unlink()


CONFIG = """
[phases.coverage]
unexpected-methods = ["DELETE", "PATCH"]

# What a method itself makes of arguments that are valid is its own matter.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "422"]

# No task and no object has the reference that a schema makes up; what any method takes when it is started, none tells.
[[operations]]
include-path-regex = "^/(tasks/|methods/(Async[.]|host[.]|pool[.]|session[.]|task[.]|[{]))"
[operations.checks.positive_data_acceptance]
enabled = false
"""


def test_every_operation_does_what_the_document_says(served: Platform, tmp_path: Path) -> None:
    """Examples, edge cases and some random requests, valid and invalid, with all checks that schemathesis has."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", config, "run", f"{served.url}/api/v1/methods/openapi.json"),
            *("--auth", "admin:admin", "--phases", "examples,coverage,fuzzing", "--max-examples", "2"),
            *("--include-path-regex", "^/(tasks|methods)(/Mirror|/Greeter|/task[.](cancel|get_all$)|/[{]|/Async|$)"),
            *("--generation-deterministic", "--no-color"),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "SCHEMATHESIS_HOOKS": "support.methods_hooks"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tested = re.search(r"Tested: ([0-9]+)", done.stdout)
    assert tested is not None, done.stdout
    assert int(tested[1]) >= 8, done.stdout
    assert "http.crashed" not in served.logs()
