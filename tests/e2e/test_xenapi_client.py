"""The PyPI XenAPI client, unmodified, through its whole life."""

from __future__ import annotations

import json
import stat
import tempfile
import textwrap
import uuid
import xmlrpc.client
from pathlib import Path

import pytest
import XenAPI

from support.running import ADMIN, PASSWORD, Platform, wait_until

pytestmark = pytest.mark.e2e

# Answers with the stdin that it was given, as one string.
MIRROR = """#!/bin/sh
body=$(sed -e 's/&/\\&amp;/g' -e 's/</\\&lt;/g')
printf '<?xml version="1.0"?><methodResponse><params><param><value>%s</value></param></params></methodResponse>' "$body"
"""

# Answers with its parameters, session left out.
ECHO = """#!/usr/bin/env python3
import sys, xmlrpc.client
params, method = xmlrpc.client.loads(sys.stdin.buffer.read(), use_builtin_types=False)
print(xmlrpc.client.dumps(({"Status": "Success", "Value": list(params[1:])},), "", True, allow_none=True))
"""

FAILURE = """#!/usr/bin/env python3
import xmlrpc.client
print(xmlrpc.client.dumps(({"Status": "Failure", "ErrorDescription": ["CODE", "a", "b & <c>"]},), "", True))
"""


SEEN = """#!/bin/sh
[ -e '{path}' ] && seen=yes || seen=no
echo "<methodResponse><params><param><value>$seen</value></param></params></methodResponse>"
"""


def reply(value: str) -> str:
    return textwrap.dedent(f"""\
        #!/bin/sh
        printf '<?xml version="1.0"?><methodResponse><params><param>{value}</param></params></methodResponse>'
        """)


def failure(call: object, *args: object) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return caught.value.details


def test_a_bad_password_is_told(platform: Platform) -> None:
    session = platform.client()
    details = failure(session.xenapi.login_with_password, ADMIN, "wrong")
    assert details[:2] == ["SESSION_AUTHENTICATION_FAILED", ADMIN]


def test_login_takes_two_to_four_arguments(platform: Platform) -> None:
    for extra in ([], ["1.0"], ["1.0", "tests"]):
        session = platform.client()
        session.xenapi.login_with_password(ADMIN, PASSWORD, *extra)
        session.xenapi.session.logout()
    assert failure(platform.client().xenapi.login_with_password, ADMIN)[0] == "MESSAGE_PARAMETER_COUNT_MISMATCH"


def test_every_class_can_be_browsed(platform: Platform, session: XenAPI.Session) -> None:
    listed = platform.proxy().system.listMethods()
    classes = {name.removesuffix(".get_all_records") for name in listed if name.endswith(".get_all_records")}
    assert classes >= {"pool", "host", "task", "user", "role", "extension", "link"}
    for name in sorted(classes | {"session"}):
        calls = getattr(session.xenapi, name)
        records = calls.get_all_records()
        assert records.keys() == set(calls.get_all())
        assert records or name in {"task", "extension", "link"}
        for ref, record in [*records.items()][:1]:
            assert calls.get_record(ref).keys() == record.keys()
            assert calls.get_by_uuid(record["uuid"]) == ref
            for field in record:
                getattr(calls, f"get_{field}")(ref)


def test_what_clients_note_with_the_pool_is_kept(session: XenAPI.Session) -> None:
    [pool] = session.xenapi.pool.get_all()
    key = f"tests:{uuid.uuid4()}"
    session.xenapi.pool.add_to_other_config(pool, key, "a & <b>")
    assert session.xenapi.pool.get_all_records()[pool]["other_config"][key] == "a & <b>"
    duplicate = failure(session.xenapi.pool.add_to_other_config, pool, key, "c")
    assert duplicate == ["MAP_DUPLICATE_KEY", "pool", "other_config", pool, key]
    session.xenapi.pool.remove_from_other_config(pool, key)
    assert key not in session.xenapi.pool.get_other_config(pool)


def test_a_file_dropped_in_a_moment_ago_is_a_method(platform: Platform, session: XenAPI.Session) -> None:
    assert failure(session.xenapi.Moment.ago) == ["MESSAGE_METHOD_UNKNOWN", "Moment.ago"]
    platform.drop_in("Moment.ago", reply("<value>now</value>"))
    assert session.xenapi.Moment.ago() == "now"
    platform.drop_in("Moment.ago", reply("<value>later</value>"))
    assert session.xenapi.Moment.ago() == "later"
    (platform.extensions / "Moment.ago").unlink()
    assert failure(session.xenapi.Moment.ago) == ["MESSAGE_METHOD_UNKNOWN", "Moment.ago"]


def test_every_type_goes_in_and_comes_back(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Types.echo", ECHO)
    sent = [
        "text with <, > & \" '",
        "",
        5,
        -(2**31),
        True,
        False,
        1.5,
        None,
        ["a", [], {}],
        {"key & <name>": "x", "nested": {"list": [1, "2"]}},
        xmlrpc.client.Binary(b"\0\1\xff" * 100),
        xmlrpc.client.DateTime("20260101T00:00:00"),
        "snow ☃ and 𝄞",
    ]
    got = session.xenapi.Types.echo(*sent)
    expected = list(sent)
    expected[2], expected[3] = "5", str(-(2**31))
    expected[9] = {"key & <name>": "x", "nested": {"list": ["1", "2"]}}
    assert got == expected


def test_stdin_is_what_xapi_writes(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Mirror.stdin", MIRROR)
    seen = session.xenapi.Mirror.stdin("a<b", 7, True, {"k": 2.5})
    assert seen == (
        '<?xml version="1.0"?><methodCall><methodName>Mirror.stdin</methodName><params>'
        f"<param><value>{session.handle}</value></param>"
        "<param><value>a&lt;b</value></param><param><value>7</value></param>"
        "<param><value><boolean>1</boolean></value></param>"
        "<param><value><struct><member><name>k</name><value><double>2.5</double></value></member></struct></value></param>"
        "</params></methodCall>"
    )


def test_a_failure_is_passed_on(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Test.test", FAILURE)
    assert failure(session.xenapi.Test.test) == ["CODE", "a", "b & <c>"]


def test_async_gives_a_task(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Task.echo", ECHO)
    platform.drop_in("Task.fail", FAILURE)
    task = session.xenapi.Async.Task.echo("x")
    assert task.startswith("OpaqueRef:")
    wait_until("the task's end", lambda: session.xenapi.task.get_status(task) != "pending")
    record = session.xenapi.task.get_record(task)
    assert record["status"] == "success"
    assert record["name_label"] == "Async.Task.echo"
    assert record["result"] == "<value><array><data><value>x</value></data></array></value>"
    assert record["error_info"] == []
    assert float(record["progress"]) == 1.0
    session.xenapi.task.destroy(task)
    assert failure(session.xenapi.task.get_record, task) == ["HANDLE_INVALID", "task", task]

    failed = session.xenapi.Async.Task.fail()
    wait_until("the task's end", lambda: session.xenapi.task.get_status(failed) != "pending")
    assert session.xenapi.task.get_error_info(failed) == ["CODE", "a", "b & <c>"]
    assert failed in session.xenapi.task.get_all_records()
    session.xenapi.task.destroy(failed)


def test_cancel_kills(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Task.sleep", "#!/bin/sh\nexec sleep 600\n")
    task = session.xenapi.Async.Task.sleep()
    session.xenapi.task.cancel(task)
    wait_until("the task's end", lambda: session.xenapi.task.get_status(task) not in {"pending", "cancelling"})
    assert session.xenapi.task.get_status(task) == "cancelled"
    assert session.xenapi.task.get_error_info(task) == ["TASK_CANCELLED", task]
    session.xenapi.task.destroy(task)


def test_a_stale_session_is_renewed_by_the_client(platform: Platform) -> None:
    platform.drop_in("Stale.echo", ECHO)
    session = platform.session()
    stale = session.handle
    platform.proxy().session.logout(stale)
    assert session.xenapi.Stale.echo("x") == ["x"]
    assert session.handle != stale
    session.xenapi.session.logout()


def test_a_closed_session_is_invalid(platform: Platform) -> None:
    session = platform.session()
    ref = session.handle
    session.xenapi.session.logout()
    server = platform.proxy()
    assert server.pool.get_all(ref) == {"Status": "Failure", "ErrorDescription": ["SESSION_INVALID", ref]}


def test_pool_and_host_are_there(platform: Platform, session: XenAPI.Session) -> None:
    [pool] = session.xenapi.pool.get_all()
    host = session.xenapi.pool.get_master(pool)
    assert session.xenapi.pool.get_all_records()[pool]["master"] == host
    assert host in session.xenapi.host.get_all()
    record = session.xenapi.host.get_record(host)
    assert session.xenapi.host.get_all_records()[host] == record
    assert int(record["API_version_major"]) >= 2
    platform.drop_in("Has.it", ECHO)
    assert session.xenapi.pool.has_extension(pool, "Has.it") is True
    assert session.xenapi.host.has_extension(host, "Has.it") is True
    assert session.xenapi.host.has_extension(host, "Has.not") is False
    assert session.API_version.startswith("2.")
    call = json.dumps({"method": "Has.it", "params": [session.handle, "x", 5], "id": 1})
    assert session.xenapi.host.call_extension(host, call) == ["x", "5"]


def test_list_methods_is_a_bare_array(platform: Platform) -> None:
    platform.drop_in("Listed.method", ECHO)
    server = platform.proxy()
    wait_until("the method in the list", lambda: "Listed.method" in server.system.listMethods(), 2.0)
    assert {"session.login_with_password", "pool.get_all_records", "task.cancel"} <= set(server.system.listMethods())
    assert server.system.isAlive("x")["Status"] == "Success"


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("Backup.method~", 0o755),
        (".Hidden.method", 0o755),
        ("Package.method.rpmsave", 0o755),
        ("nodot", 0o755),
        ("Not.executable", 0o644),
        ("Writable.byothers", 0o757),
        ("Directory.method", stat.S_IFDIR),
    ],
)
def test_what_is_no_method(platform: Platform, session: XenAPI.Session, name: str, mode: int) -> None:
    if mode == stat.S_IFDIR:
        (platform.extensions / name).mkdir()
    else:
        platform.drop_in(name, ECHO, mode)
    server = platform.proxy()
    answer = getattr(server, name)(session.handle)
    assert answer == {"Status": "Failure", "ErrorDescription": ["MESSAGE_METHOD_UNKNOWN", name]}
    wait_until("the reason in the log", lambda: f'"{name}"' in platform.logs() or name in platform.logs(), 3.0)


@pytest.mark.parametrize("name", ["..", "a/b", "../../etc/passwd", ".", "a\\b", "Test.test/../x", "A.b\n"])
def test_names_that_leave_the_directory(platform: Platform, session: XenAPI.Session, name: str) -> None:
    server = platform.proxy()
    answer = getattr(server, name)(session.handle)
    assert answer["ErrorDescription"][0] == "MESSAGE_METHOD_UNKNOWN"


def test_only_the_admin_calls_what_is_undeclared(platform: Platform) -> None:
    platform.drop_in("Admin.only", ECHO)
    platform.log_in()
    added = platform.graft("user", "add", "reader", "--role", "read-only", GRAFT_NEW_PASSWORD="pw")
    assert added.returncode == 0, added.stderr
    reader = platform.session("reader", "pw")
    details = failure(reader.xenapi.Admin.only)
    assert details[0:2] == ["RBAC_PERMISSION_DENIED", "host.call_extension"]
    assert "pool-admin" in details[2]
    assert reader.xenapi.task.get_all() == []
    reader.xenapi.session.logout()


def test_scripts_of_xapi_on_the_same_machine_need_no_password(platform: Platform) -> None:
    if platform.kind != "up":
        pytest.skip("a gateway alone has a local socket only where one is set")
    # The client takes every `_` of the path for a `/`.
    link = Path(tempfile.gettempdir()) / f"graft-{uuid.uuid4().hex}"
    link.symlink_to(platform.root / "data")
    try:
        opened = XenAPI.Session(f"http://{str(link).replace('/', '_')}_graft.sock/", transport=XenAPI.UDSTransport())
        opened.xenapi.login_with_password("root", "", "1.0", "a script")
        assert len(opened.xenapi.pool.get_all()) == 1
        # Calls do not find it.
        platform.drop_in("Try.find", SEEN.format(path=platform.root / "data/graft.sock"))
        assert opened.xenapi.Try.find() == "no"
        opened.xenapi.session.logout()
        opened("close")()
    finally:
        link.unlink()
