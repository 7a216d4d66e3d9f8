"""A call's whole path over real gRPC: a real registry, a real dispatcher, and an engine that does what tests say."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
import pytest_asyncio
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from dispatcher_service.app import DispatcherApp
from dispatcher_service.builtins.names import builtin_names
from dispatcher_service.engines import factory
from dispatcher_service.engines.base import Command, Finding, IsolationLevel, Outcome, Usage, Verdict
from graft.dispatcher.v1 import dispatcher_pb2, task_pb2
from graft.registry.v1 import identity_pb2
from graft_common.declarations.texts import NAMESPACE
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata, track_id
from graft_common.rpc.server import RpcServer
from graft_common.settings import ENGINES, Settings
from graft_common.values import DateTime, Value, decode_value, encode_values
from graft_common.xmlrpc import format_success, parse_call
from registry_service.app import RegistryApp
from support.stores import QUICK, with_tables

ROLES = ["pool-admin", "pool-operator", "read-only"]


@dataclass
class FakeEngine:
    """Answers with the call it was given, unless the method's name says otherwise."""

    name: str = "fake"
    level: IsolationLevel = IsolationLevel.NONE
    commands: list[Command] = field(default_factory=list)
    running: dict[str, asyncio.Future[Outcome]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)

    async def prepare(self) -> None:
        return

    async def probe(self) -> list[Finding]:
        return []

    async def close(self) -> None:
        return

    async def run(self, command: Command) -> Outcome:
        self.commands.append(command)
        assert (command.tree / command.executable).is_file()
        usage = Usage(cpu=0.5, memory_peak=1000, wall=0.25)
        if command.executable.endswith("waits"):
            end = self.running[command.call_id] = asyncio.get_running_loop().create_future()
            try:
                return await end
            except asyncio.CancelledError:
                self.cancelled.append(command.call_id)
                raise
            finally:
                del self.running[command.call_id]
        if command.executable.endswith("fails"):
            return Outcome(Verdict.EXITED, exit_code=3, stdout=b"out", stderr=b"err", usage=usage)
        got = parse_call(command.stdin)
        return Outcome(Verdict.EXITED, stdout=format_success([got.method, *got.params]), usage=usage)

    def kill(self, call_id: str) -> bool:
        end = self.running.get(call_id)
        if end is not None and not end.done():
            end.set_result(Outcome(Verdict.KILLED))
        return end is not None


@dataclass
class Site:
    """A registry and a dispatcher behind gRPC, and a session of each role."""

    settings: Settings
    registry_app: RegistryApp
    registry_server: RpcServer
    registry: RegistryClients
    app: DispatcherApp
    engine: FakeEngine
    dispatcher: DispatcherClients
    refs: dict[str, str] = field(default_factory=dict)

    def drop_in(self, name: str, mode: int = 0o755) -> Path:
        path = self.settings.extensions_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
        return path

    async def login(self, user: str) -> str:
        request = identity_pb2.LoginRequest(user=user, password="pw", originator="tests")
        response = await call(self.registry.identity.Login, request, timeout=10)
        return response.session_ref

    async def call(self, method: str, *params: Value, role: str = "pool-admin", ref: str | None = None) -> Value:
        metadata = call_metadata(self.refs[role] if ref is None else ref)
        request = dispatcher_pb2.InvokeRequest(method=method, params=encode_values(params))
        response = await call(self.dispatcher.dispatcher.Invoke, request, timeout=10, metadata=metadata)
        return decode_value(response.value)

    async def start(self, method: str, *params: Value, role: str = "pool-admin") -> str:
        request = dispatcher_pb2.InvokeAsyncRequest(method=method, params=encode_values(params))
        metadata = call_metadata(self.refs[role])
        response = await call(self.dispatcher.dispatcher.InvokeAsync, request, timeout=10, metadata=metadata)
        return response.task_ref

    async def error(self, method: str, *params: Value, **options: Any) -> list[str]:
        with pytest.raises(GraftError) as caught:
            await self.call(method, *params, **options)
        return caught.value.error_info()

    async def task(self, ref: str, *, ended: bool = True) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                record = await self.call("task.get_record", ref)
                assert isinstance(record, dict)
                if not ended or record["status"] != "pending":
                    return record
                await asyncio.sleep(0.01)

    async def records(self, count: int = 10) -> list[Any]:
        request = dispatcher_pb2.ListCallRecordsRequest(page_size=count)
        metadata = call_metadata(self.refs["read-only"])
        stub = self.dispatcher.dispatcher.ListCallRecords
        return list((await call(stub, request, timeout=10, metadata=metadata)).records)

    async def runs(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.engine.running) != count:  # noqa: ASYNC110  (polled, with a bound)
                await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def site(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    bounds: dict[str, int | None] = getattr(request, "param", {"call_concurrency": 2, "call_queue": 1})
    settings = Settings(
        data_dir=with_tables(tmp_path / "data"),
        extensions_dir=tmp_path / "extensions.d",
        admin_user="pool-admin",
        admin_password="pw",
        service_token="token",
        **({"call_method_concurrency": bounds["call_concurrency"]} | bounds),
    )
    settings.extensions_path.mkdir()
    registry_app = await RegistryApp.open(settings, QUICK)
    registry_server = RpcServer(registry_app.services)
    registry_port = await registry_server.start("127.0.0.1:0")
    registry_channel = open_channel(f"127.0.0.1:{registry_port}")
    registry = RegistryClients.remote(registry_channel)
    engine = FakeEngine()
    app = await DispatcherApp.open(settings, registry, engine)
    server = RpcServer(app.services)
    channel = open_channel(f"127.0.0.1:{await server.start('127.0.0.1:0')}")
    made = Site(settings, registry_app, registry_server, registry, app, engine, DispatcherClients.remote(channel))
    made.refs["pool-admin"] = await made.login("pool-admin")
    for role in ROLES[1:]:
        request = identity_pb2.CreateUserRequest(name=role, password="pw", roles=[role])
        await call(registry.identity.CreateUser, request, timeout=10, metadata=call_metadata(made.refs["pool-admin"]))
        made.refs[role] = await made.login(role)
    yield made
    await channel.close()
    await server.stop(0)
    await app.close()
    await registry_channel.close()
    await registry_server.stop(0)
    await registry_app.drain(1)
    await registry_app.close()


async def test_a_drop_in_runs_with_xapis_calling_convention(site: Site) -> None:
    path = site.drop_in("Echo.it")
    params: list[Value] = [5, "x", 1.5, True, None, b"b", DateTime("20260101T00:00:00Z"), [1], {"a&b": "c"}]
    answer = await site.call("Echo.it", *params)
    ref = site.refs["pool-admin"]
    # Integers are untyped in both directions, as xapi has it.
    assert answer == [
        "Echo.it",
        ref,
        "5",
        "x",
        1.5,
        True,
        None,
        b"b",
        DateTime("20260101T00:00:00Z"),
        ["1"],
        {"a&b": "c"},
    ]
    [command] = site.engine.commands
    assert (command.path, command.arguments) == (str(path), ("--xmlrpc",))
    assert (command.limits.wall, command.limits.output) == (60.0, 8 << 20)


async def test_a_declaration_may_refuse_warm_interpreters(site: Site) -> None:
    site.drop_in("Echo.it")
    await site.call("Echo.it")
    inner = "<method name='Echo.it' zygote='off'><result type='string set'/></method>"
    site.settings.declarations_path.mkdir(exist_ok=True)
    (site.settings.declarations_path / "echo.xml").write_text(f"<methods xmlns='{NAMESPACE}'>{inner}</methods>")
    await site.call("Echo.it")
    assert [command.zygote for command in site.engine.commands] == [True, False]


async def test_calls_wait_for_no_store(site: Site) -> None:
    site.drop_in("Echo.it")
    await site.call("Echo.it")
    with contextlib.ExitStack() as locked:
        for service in ("registry", "dispatcher"):
            path = make_url(site.settings.database(service)).database
            assert path is not None
            other = locked.enter_context(contextlib.closing(sqlite3.connect(path, isolation_level=None)))
            other.execute("BEGIN EXCLUSIVE")
        for number in range(20):
            answer = await site.call("Echo.it", f"{number}")
            assert isinstance(answer, list)
            assert answer[2] == f"{number}"
    assert len(await site.records(100)) == 21


async def test_a_failure_tells_path_and_output(site: Site) -> None:
    path = site.drop_in("It.fails")
    assert await site.error("It.fails") == ["INTERNAL_ERROR", str(path), "non-zero exit", "out", "err"]


@pytest.mark.parametrize(
    "method", ["No.such", "", "..", "a/b", "Echo.it~", ".Echo.it", "Echo.it.rpmsave", "x" * 300, "A.\n"]
)
async def test_unknown_methods(site: Site, method: str) -> None:
    assert await site.error(method) == ["MESSAGE_METHOD_UNKNOWN", method]
    assert await site.error(method, role="read-only") == ["MESSAGE_METHOD_UNKNOWN", method]


async def test_the_order_of_the_checks(site: Site) -> None:
    site.drop_in("Echo.it")
    # Session, before anything else is told.
    assert await site.error("Echo.it", ref="OpaqueRef:none") == ["SESSION_INVALID", "OpaqueRef:none"]
    assert await site.error("No.such", ref="OpaqueRef:none") == ["SESSION_INVALID", "OpaqueRef:none"]
    assert await site.error("task.cancel", 1, 2, 3, ref="OpaqueRef:none") == ["SESSION_INVALID", "OpaqueRef:none"]
    # Without any session xapi knows no extension.
    assert await site.error("Echo.it", ref="") == ["MESSAGE_METHOD_UNKNOWN", "Echo.it"]
    assert await site.error("task.get_all", ref="") == ["SESSION_INVALID", ""]
    # Role before parameters.
    denied = await site.error("host.has_extension", role="read-only")
    assert denied[:2] == ["RBAC_PERMISSION_DENIED", "host.has_extension"]
    # Parameters.
    assert await site.error("task.cancel") == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "task.cancel", "1", "0"]
    assert await site.error("task.cancel", 5) == ["FIELD_TYPE_ERROR", "task", "string", "int"]
    assert site.engine.commands == []


@pytest.mark.parametrize("role", ["pool-operator", "read-only"])
async def test_undeclared_methods_are_for_the_administrator(site: Site, role: str) -> None:
    site.drop_in("Echo.it")
    assert await site.error("Echo.it", role=role) == [
        "RBAC_PERMISSION_DENIED",
        "host.call_extension",
        "No permission in user session. (Roles with this permission: pool-admin)",
    ]


async def test_methods_that_need_no_session(site: Site) -> None:
    site.drop_in("Echo.it")
    await site.call("Echo.it")
    names = await site.call("system.listMethods", ref="")
    assert isinstance(names, list)
    assert {"Echo.it", "task.cancel", "pool.get_all_records", "system.listMethods"} <= set(names)
    assert await site.call("system.isAlive", "x", ref="") == "x"
    assert await site.call("system.isAlive:anything", 5, ref="") == 5
    response = await call(site.dispatcher.dispatcher.ListMethods, dispatcher_pb2.ListMethodsRequest(), timeout=10)
    listed = {method.name: method for method in response.methods}
    assert listed["Echo.it"].role == "pool-admin"
    assert listed["Echo.it"].source == dispatcher_pb2.METHOD_SOURCE_DROP_IN
    assert listed["task.cancel"].source == dispatcher_pb2.METHOD_SOURCE_BUILT_IN
    assert "system.isAlive:" not in listed
    assert sorted(listed) == names


async def test_extensions_can_be_asked_for_and_run_by_name(site: Site) -> None:
    site.drop_in("Echo.it")
    [host] = await site.call("host.get_all")
    [pool] = await site.call("pool.get_all")
    for method, ref in [("host.has_extension", host), ("pool.has_extension", pool)]:
        assert await site.call(method, ref, "Echo.it") is True
        assert await site.call(method, ref, "Echo.not") is False
        assert await site.error(method, "OpaqueRef:x", "Echo.it") == [
            "HANDLE_INVALID",
            method.split(".")[0],
            "OpaqueRef:x",
        ]
    request = '{"method": "Echo.it", "params": ["a session", 5], "id": 1}'
    assert await site.call("host.call_extension", host, request) == ["Echo.it", "a session", "5"]
    unknown = '{"method": "Echo.not", "params": []}'
    assert await site.error("host.call_extension", host, unknown) == ["MESSAGE_METHOD_UNKNOWN", "Echo.not"]
    assert (await site.error("host.call_extension", host, "no JSON"))[0] == "VALUE_NOT_SUPPORTED"
    assert (await site.error("host.call_extension", host, request, role="pool-operator"))[0] == "RBAC_PERMISSION_DENIED"


async def test_any_dispatcher_answers_which_extensions_all_have(site: Site, tmp_path: Path) -> None:
    site.drop_in("Echo.it")
    folder = tmp_path / "extensions-of-the-other"
    folder.mkdir()
    changes = {
        "data_dir": tmp_path / "other",
        "extensions_dir": folder,
        "database_url": SecretStr(site.settings.database("dispatcher")),
    }
    settings = site.settings.model_copy(update=changes)
    other = await DispatcherApp.open(settings, site.registry, FakeEngine())
    try:
        [pool] = await site.call("pool.get_all")
        hosts = await site.call("host.get_all")
        assert isinstance(hosts, list)
        [far] = {*hosts} - {await site.call("pool.get_master", pool)}

        async def said(there: bool) -> None:
            async with asyncio.timeout(10):
                while await site.call("pool.has_extension", pool, "Echo.it") is not there:  # noqa: ASYNC110  (the same)
                    await asyncio.sleep(0.05)

        await said(False)
        executable = folder / "Echo.it"
        executable.write_text("#!/bin/sh\n")
        executable.chmod(0o755)
        await said(True)
        assert await site.call("host.has_extension", far, "Echo.it") is True
        executable.unlink()
        await said(False)
        assert await site.call("host.has_extension", far, "Echo.it") is False
    finally:
        await other.close()


async def test_a_task_has_the_result(site: Site) -> None:
    site.drop_in("Echo.it")
    record = await site.task(await site.start("Echo.it", "x"))
    assert record["status"] == "success"
    assert "<value>x</value>" in record["result"]
    assert record["name_label"] == "Async.Echo.it"


async def test_a_task_has_the_error(site: Site) -> None:
    path = site.drop_in("It.fails")
    record = await site.task(await site.start("It.fails"))
    assert (record["status"], record["error_info"]) == (
        "failure",
        ["INTERNAL_ERROR", str(path), "non-zero exit", "out", "err"],
    )


async def test_builtins_run_as_tasks_too(site: Site) -> None:
    record = await site.task(await site.start("pool.get_all"))
    assert record["status"] == "success"


async def test_cancelling_a_task_kills_what_it_runs(site: Site) -> None:
    site.drop_in("It.waits")
    ref = await site.start("It.waits")
    await site.runs(1)
    await site.call("task.cancel", ref)
    record = await site.task(ref)
    assert (record["status"], record["error_info"]) == ("cancelled", ["TASK_CANCELLED", ref])
    assert len(site.engine.cancelled) == 1
    assert (await site.records(20))[-1].action
    assert "TASK_CANCELLED" in {record.outcome for record in await site.records(20)}


async def test_the_checks_come_before_the_task(site: Site) -> None:
    with pytest.raises(GraftError, match="MESSAGE_METHOD_UNKNOWN"):
        await site.start("No.such")
    site.drop_in("Echo.it")
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await site.start("Echo.it", role="read-only")
    assert await site.call("task.get_all") == []


async def test_a_client_that_leaves_kills_its_call(site: Site) -> None:
    site.drop_in("It.waits")
    waiting = asyncio.create_task(site.call("It.waits"))
    await site.runs(1)
    waiting.cancel()
    await site.runs(0)
    assert len(site.engine.cancelled) == 1


async def test_beyond_the_bounds_the_server_is_busy(site: Site) -> None:
    site.drop_in("It.waits")
    waiting = [asyncio.create_task(site.call("It.waits")) for _ in range(3)]
    await site.runs(2)
    async with asyncio.timeout(5):
        while (await site.error("It.waits"))[0] != "SERVER_BUSY":
            pass
    # Built-in methods need no place.
    assert await site.call("system.isAlive", 1) == 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await site.runs(0)
    site.drop_in("Echo.it")
    await site.call("Echo.it")


FOUR = {"call_concurrency": 4, "call_queue": 4, "call_method_concurrency": None}


@pytest.mark.parametrize("site", [FOUR], indirect=True)
async def test_a_flood_of_one_method_leaves_others_responsive(site: Site) -> None:
    """Calls of one method that never end: two run, two wait, and all others are answered, the same user's too."""
    for name in ("It.waits", "Echo.it"):
        site.drop_in(name)
    flood = [asyncio.create_task(site.call("It.waits")) for _ in range(20)]
    ended: list[str] = []
    for task in flood:
        task.add_done_callback(lambda task: ended.append("" if task.cancelled() else str(task.exception())))
    await site.runs(2)
    async with asyncio.timeout(10):
        while len(ended) < 16:  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.005)
    for number in range(5):
        answer = await site.call("Echo.it", str(number))
        ended.append(str(answer))
        await site.task(await site.start("Echo.it"))
    why = "2 calls of It.waits for the caller pool-admin run and 2 wait (their share of GRAFT_CALL_QUEUE=4)"
    assert ended[:16] == [f"SERVER_BUSY['{why}']"] * 16
    assert [answer[:11] for answer in ended[16:]] == ["['Echo.it',"] * 5
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    await site.runs(0)


async def test_a_task_that_was_accepted_waits_and_is_not_refused(site: Site) -> None:
    site.drop_in("It.waits")
    site.drop_in("Echo.it")
    waiting = [asyncio.create_task(site.call("It.waits")) for _ in range(2)]
    await site.runs(2)
    # The queue has one place: the task takes it before its reference is given out, and keeps it until it runs.
    accepted = await site.start("Echo.it")
    assert (await site.error("Echo.it"))[0] == "SERVER_BUSY"
    with pytest.raises(GraftError, match="SERVER_BUSY"):
        await site.start("Echo.it")
    assert (await site.task(accepted, ended=False))["status"] == "pending"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (await site.task(accepted))["status"] == "success"


async def test_the_wait_for_a_turn_ends_with_the_callers_deadline(site: Site) -> None:
    site.drop_in("It.waits")
    waiting = [asyncio.create_task(site.call("It.waits")) for _ in range(2)]
    await site.runs(2)
    request = dispatcher_pb2.InvokeRequest(method="It.waits")
    with pytest.raises(GraftError) as caught:
        await call(
            site.dispatcher.dispatcher.Invoke,
            request,
            timeout=0.2,
            metadata=call_metadata(site.refs["pool-admin"]),
        )
    assert caught.value.code in {"SERVER_BUSY", "SERVICE_UNAVAILABLE"}
    assert len(site.engine.commands) == 2
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_of_watching_only_what_fails_is_recorded(site: Site) -> None:
    await site.call("event.from", ["*"], "", 0.0)
    await site.error("event.from", ["*"], "no token", 0.0)
    await site.call("event.get_current_id")
    records = {(record.action, record.outcome) for record in await site.records()}
    assert records == {("event.from", "EVENT_FROM_TOKEN_PARSE_FAILURE"), ("event.get_current_id", "OK")}


async def test_every_call_is_recorded_and_none_tells_a_secret(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.drop_in("Echo.it")
    await site.call("Echo.it", "a secret")
    await site.error("Echo.it", role="read-only")
    await site.error("No.such")
    for mistaken in ("{}", "{}.get_record", "Async.{}.x", "VM.start{}", "system.{}"):
        await site.error(mistaken.format(site.refs["pool-admin"]))
    await site.call(f"system.isAlive:{site.refs['pool-admin']}")
    await site.error("Two\nlines.x")
    await site.error("A." + "x" * 1000)
    await site.task(await site.start("Echo.it", "a secret"))
    records = {(record.action, record.outcome, bool(record.task)): record for record in await site.records(50)}
    ran = records["Echo.it", "OK", False]
    assert (ran.user, list(ran.roles), ran.originator) == ("pool-admin", ["pool-admin"], "tests")
    assert ran.track_id == track_id(site.refs["pool-admin"])
    assert ran.decision == 1
    assert (ran.usage.cpu.nanos, ran.usage.memory_peak_bytes) == (500_000_000, 1000)
    assert ran.request_id
    assert ran.peer.startswith("ipv4:127.0.0.1")
    assert records["Echo.it", "RBAC_PERMISSION_DENIED", False].decision == 2
    assert records["No.such", "MESSAGE_METHOD_UNKNOWN", False].decision == 1
    assert records["Echo.it", "OK", True].usage.memory_peak_bytes == 1000
    assert {action for action, _, _ in records} == {
        *("Echo.it", "No.such", "VM.startOpaqueRef:", "Async.OpaqueRef:", "system.OpaqueRef:", "system.isAlive:"),
        *("task.get_record", "(not a plain name)"),
    }
    shown = "".join(capfd.readouterr()) + str(list(records.values()))
    assert "call.finished" in shown
    assert "a secret" not in shown
    assert not any(ref in shown for ref in site.refs.values())


async def test_a_logged_out_session_is_invalid(site: Site) -> None:
    ref = site.refs["read-only"]
    response = await call(
        site.registry.identity.Logout, identity_pb2.LogoutRequest(), timeout=10, metadata=call_metadata(ref)
    )
    request = dispatcher_pb2.InvokeRequest(method="pool.get_all")
    metadata = call_metadata(ref, min_revision=response.revision)
    with pytest.raises(GraftError) as caught:
        await call(site.dispatcher.dispatcher.Invoke, request, timeout=10, metadata=metadata)
    assert caught.value.error_info() == ["SESSION_INVALID", ref]


async def test_calls_go_on_while_the_registry_is_away(site: Site) -> None:
    site.drop_in("Echo.it")
    await site.call("Echo.it")
    await site.registry_server.stop(0)
    assert (await site.call("Echo.it"))[0] == "Echo.it"
    assert (await site.error("Echo.it", ref="OpaqueRef:none"))[0] == "SERVICE_UNAVAILABLE"


async def test_params_that_are_none_are_told(site: Site) -> None:
    request = dispatcher_pb2.InvokeRequest(method="pool.get_all", params=b"\xc1")
    with pytest.raises(GraftError) as caught:
        await call(
            site.dispatcher.dispatcher.Invoke, request, timeout=10, metadata=call_metadata(site.refs["pool-admin"])
        )
    assert caught.value.error_info()[:2] == ["VALUE_NOT_SUPPORTED", "params"]


async def test_draining_lets_calls_end(site: Site) -> None:
    site.drop_in("It.waits")
    waiting = asyncio.create_task(site.call("It.waits"))
    await site.runs(1)
    draining = asyncio.create_task(site.app.drain(10))
    async with asyncio.timeout(5):
        while (await site.error("No.such"))[0] != "SERVICE_UNAVAILABLE":
            pass
    assert not draining.done()
    [end] = site.engine.running.values()
    end.set_result(Outcome(Verdict.EXITED, stdout=format_success("in time")))
    assert await waiting == "in time"
    await draining


async def test_draining_kills_what_does_not_end(site: Site) -> None:
    path = site.drop_in("It.waits")
    waiting = [asyncio.create_task(site.error("It.waits")) for _ in range(3)]
    await site.runs(2)
    await site.app.drain(0.5)
    killed = ["INTERNAL_ERROR", str(path), "killed: the dispatcher is stopping", "", ""]
    refused = ["SERVICE_UNAVAILABLE", "dispatcher", "it is shutting down; try again in a moment"]
    assert sorted(await asyncio.gather(*waiting)) == [killed, killed, refused]


async def test_a_dispatcher_starts_without_its_registry(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, service_token="token", admin_password="pw")
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        app = await DispatcherApp.open(settings, RegistryClients.remote(channel), FakeEngine())
        try:
            assert not app.ready
            clients = DispatcherClients.local(app.services)
            with pytest.raises(GraftError, match="has not heard from the registry"):
                await call(clients.dispatcher.ListMethods, dispatcher_pb2.ListMethodsRequest(), timeout=5)
        finally:
            await app.close()


async def test_an_engine_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=f"there is no engine 'unheard-of'; there are: {', '.join(ENGINES)}"):
        Settings(data_dir=tmp_path, engine="unheard-of", service_token="token")
    assert list(factory.ENGINES) == list(ENGINES)


async def test_the_names_of_builtins_are_known_without_a_dispatcher(site: Site) -> None:
    listed = await site.call("system.listMethods")
    assert isinstance(listed, list)
    assert set(listed) == {name for name in builtin_names() if not name.endswith(":")}


async def test_arguments_and_values_in_json(site: Site) -> None:
    site.drop_in("Echo.it")

    async def invoke(method: str, arguments: bytes, ref: str | None = None, params: bytes = b"") -> str:
        request = dispatcher_pb2.InvokeRequest(method=method, arguments_json=arguments, params=params)
        metadata = call_metadata(site.refs["pool-admin"] if ref is None else ref)
        response = await call(site.dispatcher.dispatcher.Invoke, request, timeout=10, metadata=metadata)
        assert not response.value
        return response.value_json.decode()

    ref = site.refs["pool-admin"]
    assert await invoke("Echo.it", b'[5, "x", null]') == f'["Echo.it","{ref}","5","x",null]'
    assert await invoke("task.get_by_name_label", b'{"label": "x"}') == "[]"
    request = dispatcher_pb2.InvokeAsyncRequest(method="Echo.it", arguments_json=b"[[1.5]]")
    started = await call(site.dispatcher.dispatcher.InvokeAsync, request, timeout=10, metadata=call_metadata(ref))
    assert (await site.task(started.task_ref))["status"] == "success"
    wanted = task_pb2.GetTaskRequest(ref=started.task_ref)
    task = (await call(site.dispatcher.tasks.GetTask, wanted, timeout=10, metadata=call_metadata(ref))).task
    assert task.result_json.decode() == f'["Echo.it","{ref}",[1.5]]'
    assert await invoke("task.destroy", f'{{"self": "{started.task_ref}"}}'.encode()) == "null"

    async def refused(*arguments: Any) -> list[str]:
        with pytest.raises(GraftError) as caught:
            await invoke(*arguments)
        return caught.value.error_info()

    # Who asks comes before what is wrong with the JSON.
    assert await refused("Echo.it", b"[", "OpaqueRef:none") == ["SESSION_INVALID", "OpaqueRef:none"]
    assert (await refused("Echo.it", b"["))[:2] == ["VALUE_NOT_SUPPORTED", "arguments"]
    assert await refused("Echo.it", b"{}") == ["FIELD_TYPE_ERROR", "arguments", "array", "struct"]
    assert (await refused("Echo.it", b"[]", None, encode_values([])))[:2] == ["VALUE_NOT_SUPPORTED", "arguments_json"]
    assert await refused("task.cancel", b"{}") == ["FIELD_TYPE_ERROR", "task", "task ref", "nothing"]
    assert len(site.engine.commands) == 2


async def _fifo(site: Site) -> Path:
    """Wait for the call that waits, and return the FIFO that it was given."""
    await site.runs(1)
    command = site.engine.commands[-1]
    named = dict(command.access.environment)["GRAFT_TASK"]
    # An engine without mounts of its own shows it where it is.
    assert command.access.write == (named,)
    return Path(named)


async def test_the_call_of_a_task_tells_how_far_it_is(site: Site) -> None:
    site.drop_in("It.waits")
    ref = await site.start("It.waits")
    fifo = await _fifo(site)
    fifo.write_text("progress 0.5\nlog half\n")
    async with asyncio.timeout(10):
        while (record := await site.task(ref, ended=False))["progress"] != 0.5:  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)
    assert record["log"] == ["half"]
    await site.call("task.cancel", ref)
    assert (await site.task(ref))["status"] == "cancelled"
    assert not fifo.exists()
    # What is the platform's own is nothing that was granted.
    assert not (await site.records(20))[-1].HasField("access")


async def test_calls_without_a_task_tell_nobody(site: Site) -> None:
    site.drop_in("Echo.it")
    await site.call("Echo.it")
    assert site.engine.commands[0].access.environment == ()
    assert site.engine.commands[0].access.write == ()


async def test_what_is_run_by_name_tells_of_itself_too(site: Site) -> None:
    site.drop_in("It.waits")
    [host] = cast("list[str]", await site.call("host.get_all"))
    ref = await site.start("host.call_extension", host, '{"method": "It.waits", "params": [], "id": 1}')
    (await _fifo(site)).write_text("progress 0.5\n")
    async with asyncio.timeout(10):
        while (await site.task(ref, ended=False))["progress"] != 0.5:  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.01)
    await site.call("task.cancel", ref)
    await site.task(ref)


async def test_a_call_for_a_clients_task_stops_with_it(site: Site) -> None:
    site.drop_in("It.waits")
    ref = str(await site.call("task.create", "mine", ""))
    request = dispatcher_pb2.InvokeRequest(method="It.waits", params=encode_values([]), task=ref)
    metadata = call_metadata(site.refs["pool-admin"])
    waiting = asyncio.create_task(call(site.dispatcher.dispatcher.Invoke, request, timeout=30, metadata=metadata))
    (await _fifo(site)).write_text("log on it\n")
    await site.call("task.cancel", ref)
    with pytest.raises(GraftError) as caught:
        await waiting
    assert caught.value.error_info() == ["TASK_CANCELLED", ref]
    record = await site.task(ref, ended=False)
    assert (record["status"], record["current_operations"]) == ("pending", {"cancel": "cancel"})
    [told] = [found for found in await site.records(20) if found.action == "It.waits"]
    assert (told.task, told.outcome) == (ref, "TASK_CANCELLED")
    # Checks come first, and leave the task as it is.
    request.method = "No.such"
    with pytest.raises(GraftError, match="MESSAGE_METHOD_UNKNOWN"):
        await call(site.dispatcher.dispatcher.Invoke, request, timeout=10, metadata=metadata)


async def test_a_task_that_waits_for_its_turn_is_cancelled_at_once(site: Site) -> None:
    site.drop_in("It.waits")
    running = [await site.start("It.waits") for _ in range(2)]
    await site.runs(2)
    waiting = await site.start("It.waits")
    await site.call("task.cancel", waiting)
    assert (await site.task(waiting))["status"] == "cancelled"
    assert len(site.engine.commands) == 2
    for ref in running:
        await site.call("task.cancel", ref)
        assert (await site.task(ref))["status"] == "cancelled"


async def test_asynchronous_calls_can_be_a_part_of_a_task(site: Site) -> None:
    site.drop_in("It.waits")
    whole = str(await site.call("task.create", "whole", ""))
    request = dispatcher_pb2.InvokeAsyncRequest(
        method="It.waits", params=encode_values([]), subtask_of=whole, other_config={"http:k": "v"}
    )
    metadata = call_metadata(site.refs["pool-admin"])
    part = (await call(site.dispatcher.dispatcher.InvokeAsync, request, timeout=10, metadata=metadata)).task_ref
    record = await site.task(part, ended=False)
    assert (record["subtask_of"], record["other_config"]) == (whole, {"http:k": "v"})
    assert (await site.task(whole, ended=False))["subtasks"] == [part]
    await site.call("task.cancel", whole)
    assert (await site.task(part))["status"] == "cancelled"
    request.subtask_of = "OpaqueRef:none"
    with pytest.raises(GraftError, match="HANDLE_INVALID"):
        await call(site.dispatcher.dispatcher.InvokeAsync, request, timeout=10, metadata=metadata)
