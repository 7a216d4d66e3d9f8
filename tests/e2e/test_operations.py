"""Load, crashes, restarts and orderly ends, seen from the outside."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import signal
import threading
import time
import urllib.request
import xml.parsers.expat
from pathlib import Path

import grpc
import msgspec
import psutil
import pytest
import XenAPI
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from graft.dispatcher.v1 import dispatcher_pb2, dispatcher_pb2_grpc
from graft.registry.v1 import identity_pb2, identity_pb2_grpc
from support.running import ADMIN, PASSWORD, Platform, wait_until

pytestmark = pytest.mark.e2e

ECHO = """#!/bin/sh
read -r body
value=${body##*<param><value>}
value=${value%%</value>*}
printf '<?xml version="1.0"?><methodResponse><params><param><value>%s</value></param></params></methodResponse>' "$value"
"""


def test_fifty_clients_get_their_own_answers(own_platform: Platform) -> None:
    own_platform.drop_in("Load.echo", ECHO)
    clients, calls = 50, 5
    runner = psutil.Process(own_platform.processes[own_platform.runner()].pid)

    def client(number: int) -> int:
        session = own_platform.session()
        right = sum(session.xenapi.Load.echo(f"{number}-{call}") == f"{number}-{call}" for call in range(calls))
        session.xenapi.session.logout()
        return right

    def batch() -> int:
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            return sum(pool.map(client, range(clients)))

    client(0)
    assert batch() == clients * calls
    before = runner.memory_info().rss
    processes = len(runner.children(recursive=True))
    calls = 15
    assert batch() == clients * calls
    assert runner.memory_info().rss < before + (12 << 20)
    wait_until("as many processes as before", lambda: len(runner.children(recursive=True)) <= processes)


def test_a_killed_dispatcher_comes_back(own_platform: Platform) -> None:
    own_platform.drop_in("Crash.echo", ECHO)
    own_platform.drop_in("Crash.sleep", "#!/bin/sh\nexec sleep 600\n")
    session = own_platform.session()
    finished = session.xenapi.Async.Crash.echo("done")
    wait_until("the task's end", lambda: session.xenapi.task.get_status(finished) == "success")
    running = session.xenapi.Async.Crash.sleep()
    runner = psutil.Process(own_platform.processes[own_platform.runner()].pid)
    wait_until("the process of the task", lambda: any(p.name() == "sleep" for p in runner.children(recursive=True)))
    sandboxed = runner.children(recursive=True)

    stop = threading.Event()
    seen: list[str] = []

    def load() -> None:
        server = own_platform.proxy()
        while not stop.is_set():
            try:
                answer = server.Crash.echo(session.handle, "x")
                seen.append(answer.get("Value") or answer["ErrorDescription"][0])
            except (OSError, http.client.HTTPException, xml.parsers.expat.ExpatError):
                # Refused, or cut off in the middle of an answer, which xmlrpc.client shows as an empty document.
                seen.append("connection refused")
                stop.wait(0.02)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until("some answers", lambda: seen.count("x") > 20)
    own_platform.stop(own_platform.runner(), signal.SIGKILL)
    wait_until("the end of what it ran", lambda: not any(process.is_running() for process in sandboxed))
    time.sleep(0.3)
    own_platform.start(own_platform.runner())
    own_platform.wait_ready()
    assert session.xenapi.Crash.echo("ready") == "ready"
    answered = len(seen)
    wait_until("answers after the restart", lambda: "x" in seen[answered:], 20)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert set(seen) <= {"x", "connection refused", "SERVICE_UNAVAILABLE"}

    assert session.xenapi.task.get_status(finished) == "success"
    assert session.xenapi.task.get_result(finished) == "<value>done</value>"
    wait_until("the lost task's end", lambda: session.xenapi.task.get_status(running) == "failure", 30)
    code, text, *_ = session.xenapi.task.get_error_info(running)
    assert code == "INTERNAL_ERROR"
    assert "dispatcher" in text
    assert all(record["status"] != "pending" for record in session.xenapi.task.get_all_records().values())


def test_calls_go_on_without_the_registry(own_platform: Platform) -> None:
    if own_platform.kind == "up":
        pytest.skip("graft up has the registry in the same process")
    own_platform.drop_in("Alone.echo", ECHO)
    session = own_platform.session()
    assert session.xenapi.Alone.echo("before") == "before"
    own_platform.stop("registry", signal.SIGKILL)
    for _ in range(5):
        assert session.xenapi.Alone.echo("meanwhile") == "meanwhile"
    task = session.xenapi.Async.Alone.echo("meanwhile")
    wait_until("the task's end", lambda: session.xenapi.task.get_status(task) == "success")
    with pytest.raises(XenAPI.Failure) as caught:
        own_platform.session()
    assert caught.value.details[0] == "SERVICE_UNAVAILABLE"
    unknown = own_platform.proxy().pool.get_all("OpaqueRef:00000000-0000-0000-0000-000000000000")
    assert unknown["ErrorDescription"][0] == "SERVICE_UNAVAILABLE"
    own_platform.start("registry")
    own_platform.wait_ready()
    assert session.xenapi.Alone.echo("after") == "after"
    fresh = own_platform.session()
    assert fresh.xenapi.Alone.echo("fresh") == "fresh"


def test_sigterm_lets_running_calls_end(own_platform: Platform) -> None:
    own_platform.drop_in("Drain.slow", "#!/bin/sh\nsleep 1.5\n" + ECHO.removeprefix("#!/bin/sh\n"))
    session = own_platform.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(session.xenapi.Drain.slow, "whole")
        runner = psutil.Process(own_platform.processes[own_platform.runner()].pid)
        wait_until("the call", lambda: any(p.name() == "sleep" for p in runner.children(recursive=True)))
        codes = own_platform.stop_all()
        assert answer.result(10) == "whole"
    assert set(codes.values()) == {0}


def test_users_sessions_and_tasks_survive_a_restart(own_platform: Platform) -> None:
    own_platform.drop_in("Restart.echo", ECHO)
    session = own_platform.session()
    task = session.xenapi.Async.Restart.echo("kept")
    wait_until("the task's end", lambda: session.xenapi.task.get_status(task) == "success")
    assert set(own_platform.stop_all().values()) == {0}
    own_platform.start_all()
    assert session.xenapi.task.get_result(task) == "<value>kept</value>"
    assert session.xenapi.Restart.echo("x") == "x"


def test_grpc_clients_have_it_all(platform: Platform) -> None:
    platform.drop_in("Grpc.echo", ECHO)
    with (
        grpc.insecure_channel(f"127.0.0.1:{platform.registry}") as registry,
        grpc.insecure_channel(f"127.0.0.1:{platform.dispatcher}") as dispatcher,
    ):
        for channel, service in (
            (registry, "graft.registry.v1.IdentityService"),
            (dispatcher, "graft.dispatcher.v1.DispatcherService"),
        ):
            health = health_pb2_grpc.HealthStub(channel)
            for name in ("", service):
                answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            assert service in ProtoReflectionDescriptorDatabase(channel).get_services()

        login = identity_pb2_grpc.IdentityServiceStub(registry).Login(
            identity_pb2.LoginRequest(user=ADMIN, password=PASSWORD, originator="grpc"), timeout=10
        )
        bearer = [("authorization", f"Bearer {login.session_ref}")]
        stub = dispatcher_pb2_grpc.DispatcherServiceStub(dispatcher)
        request = dispatcher_pb2.InvokeRequest(method="Grpc.echo", params=msgspec.msgpack.encode(["x"]))
        answer = stub.Invoke(request, timeout=10, metadata=bearer)
        assert msgspec.msgpack.decode(answer.value) == "x"
        assert answer.usage.wall.ToNanoseconds() > 0

        for metadata, reason in (
            (bearer, "MESSAGE_METHOD_UNKNOWN"),
            ([("authorization", "Bearer OpaqueRef:x")], "SESSION_INVALID"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Invoke(
                    dispatcher_pb2.InvokeRequest(method="No.such", params=msgspec.msgpack.encode([])),
                    timeout=10,
                    metadata=metadata,
                )
            [detail] = rpc_status.from_call(caught.value).details
            info = error_details_pb2.ErrorInfo()
            assert detail.Unpack(info)
            assert (info.domain, info.reason) == ("graft", reason)
        assert (
            identity_pb2_grpc.IdentityServiceStub(registry)
            .WhoAmI(identity_pb2.WhoAmIRequest(), timeout=5, metadata=bearer)
            .session.user
            == ADMIN
        )


def test_health_and_metrics(platform: Platform, session: XenAPI.Session) -> None:
    session.xenapi.pool.get_all()
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"{platform.url}/{path}") as response:
            assert response.status == 200
    with urllib.request.urlopen(f"{platform.url}/metrics") as response:
        text = response.read().decode()
    assert "graft_http_requests_total" in text
    if platform.kind == "up":
        assert "graft_calls_total" in text
        assert "graft_logins_total" in text


def test_audit_tells_who_did_what(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Audited.echo", ECHO)
    session.xenapi.Audited.echo("a-parameter-that-nobody-may-read")
    with pytest.raises(XenAPI.Failure):
        session.xenapi.Audited.unknown()

    platform.log_in()

    def records() -> list[dict[str, object]]:
        done = platform.graft("audit", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def told(action: str, outcome: str) -> bool:
        return any(record["action"] == action and record["outcome"] == outcome for record in records())

    wait_until("the call's record", lambda: told("Audited.echo", "OK"))
    wait_until("the failure's record", lambda: told("Audited.unknown", "MESSAGE_METHOD_UNKNOWN"))
    assert told("session.login_with_password", "OK")
    assert "a-parameter-that-nobody-may-read" not in json.dumps(records())


def test_no_secret_reaches_a_log_or_the_disk(own_platform: Platform) -> None:
    own_platform.drop_in("Secret.echo", ECHO)
    session = own_platform.session()
    session.xenapi.Secret.echo("a-secret-parameter")
    task = session.xenapi.Async.Secret.echo("another-secret-parameter")
    wait_until("the task's end", lambda: session.xenapi.task.get_status(task) == "success")
    with pytest.raises(XenAPI.Failure):
        own_platform.client().xenapi.login_with_password(ADMIN, "a-wrong-secret-password")
    own_platform.stop_all()
    secrets = [session.handle, PASSWORD, "a-secret-parameter", "a-wrong-secret-password"]
    logs = own_platform.logs()
    assert not [secret for secret in secrets if secret in logs]
    for path in Path(own_platform.root / "data").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in data], path
