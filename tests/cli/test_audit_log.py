"""The audit log over HTTP and on the command line, against a whole platform."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import XenAPI

from graft_common.rpc.context import track_id
from support.running import ADMIN, PASSWORD, Platform, make_platform, wait_until

SECRET = "x" * 20


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = make_platform("up", tmp_path_factory.mktemp("audit"), GRAFT_ENGINE="none")
    try:
        platform.start_all()
        platform.log_in()
        yield platform
    finally:
        platform.kill_all()


@pytest.fixture(scope="module")
def session(platform: Platform) -> XenAPI.Session:
    """A session that has done something: what it did stands in the log."""
    session = platform.session()
    [host] = session.xenapi.host.get_all()
    for arguments in ((host, "Any.thing"), (host,)):
        try:
            session.xenapi_request("host.has_extension", arguments)
        except XenAPI.Failure:
            continue
    return session


def ask(platform: Platform, query: str = "", **headers: str) -> httpx.Response:
    with httpx.Client(base_url=platform.url, timeout=30, verify=False) as client:
        return client.get(f"/audit_log{query}", headers=headers)


def get(platform: Platform, query: str = "", status: int = 200, **headers: str) -> tuple[str, str]:
    """Return the content type and the text of an answer."""
    response = ask(platform, query, **headers)
    assert response.status_code == status, response.text
    return response.headers["content-type"], response.text


def test_the_log_is_read_as_xapis_is(platform: Platform, session: XenAPI.Session) -> None:
    ref = session._session
    kind, text = get(platform, f"?session_id={quote(ref)}")
    assert kind == "text/plain; charset=utf-8"
    lines = text.splitlines()
    assert lines == sorted(lines, key=lambda line: line[1:22])
    who = f"'trackid={track_id(ref)}'"
    own = [line for line in lines if who in line]
    assert "'session.create' (('uname' 'root' '' '') ('originator' 'e2e' '' ''))" in own[0]
    [host] = session.xenapi.host.get_all()
    assert own[1].endswith(f"'OK' 'API' 'host.has_extension' (('host' '' '' '{host}') ('name' 'Any.thing' '' '')))")
    assert "'ERROR:MESSAGE_PARAMETER_COUNT_MISMATCH'" in own[2]
    assert "get_all" not in text
    assert ref not in text


def test_the_log_is_told_in_json_too(platform: Platform, session: XenAPI.Session) -> None:
    bearer = {"Authorization": f"Bearer {session._session}"}
    kind, text = get(platform, "?format=json", **bearer)
    assert kind == "application/x-ndjson"
    records = [json.loads(line) for line in text.splitlines()]
    assert {"host.get_all", "session.login_with_password"} <= {record["action"] for record in records}
    assert get(platform, Accept="application/json", **bearer)[1].startswith("{")
    later = get(platform, f"?format=json&since={quote(records[-1]['time'])}", **bearer)[1].splitlines()
    assert records[-1]["request_id"] in [json.loads(line)["request_id"] for line in later]
    assert len(later) < len(records)
    assert get(platform, "?since=29991231T00:00:00.000", **bearer)[1] == ""


def test_who_may_not_read_it_is_told(platform: Platform) -> None:
    assert platform.graft("role", "add", "nobody", "--base", "none").returncode == 0
    assert platform.graft("user", "add", "nora", "--role", "nobody", GRAFT_NEW_PASSWORD=SECRET).returncode == 0
    nora = {"Authorization": "Basic " + b64encode(f"nora:{SECRET}".encode()).decode()}
    assert "audit_log.get" in get(platform, "", 403, **nora)[1]
    assert platform.graft("role", "grant", "nobody", "audit_log.get").returncode == 0
    # The dispatcher, which has its share in the answer, hears of it a moment later.
    wait_until("nora may read the log", lambda: ask(platform, **nora).status_code == 200)
    assert "'session.create' (('uname' 'nora'" in get(platform, **nora)[1]
    root = {"Authorization": "Basic " + b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()}
    assert "'role.grant' (('name' 'nobody' '' '') ('permissions' 'audit_log.get' '' ''))" in get(platform, **root)[1]
    get(platform, "", 401)
    get(platform, "?session_id=OpaqueRef:none", 401)
    assert "since is a time" in get(platform, "?since=soon", 400, **root)[1]
    assert "format is" in get(platform, "?format=xml", 400, **root)[1]


def test_the_command_prints_each_form(platform: Platform, session: XenAPI.Session) -> None:
    session.xenapi.host.get_all()
    told = platform.graft("audit", "--xapi").stdout.splitlines()
    assert any("'host.has_extension' (('host'" in line for line in told)
    assert told == sorted(told, key=lambda line: line[1:22])
    table = platform.graft("audit").stdout
    assert 'name="Any.thing"' in table
    records = json.loads(platform.graft("audit", "--json", "--limit", "1000").stdout)
    assert any({"name": "name", "value": '"Any.thing"'} in record["arguments"] for record in records)
    assert platform.graft("audit", "--json", "--xapi").returncode == 2
