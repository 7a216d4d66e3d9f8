"""`TaskService` and `HostService`, in-process and over gRPC alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dispatcher_service.sessions.session import Session
from dispatcher_service.state import DispatcherState
from graft.dispatcher.v1 import host_pb2, host_pb2_grpc, task_pb2, task_pb2_grpc
from graft_common.errors import GraftError, session_invalid
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.context import call_metadata
from graft_common.rpc.local import LocalStub
from graft_common.rpc.server import RpcServer
from graft_common.settings import Settings
from support.dispatcher_hosts import ANNA, BERT, OPERATOR, Gate, caller, gives, make_session, raises, until
from support.stores import with_tables

NOBODY = make_session("nora", "no-role")
SESSIONS = {"anna": ANNA, "bert": BERT, "olga": OPERATOR, "nora": NOBODY}


class Sessions:
    """The sessions of this test."""

    async def session_of(self, ref: str, min_revision: int = 0) -> Session:
        if ref not in SESSIONS:
            raise session_invalid(ref)
        return SESSIONS[ref]


class Client:
    """Calls both services with a user's credential."""

    def __init__(self, tasks: Any, hosts: Any) -> None:
        self._stubs = {**dict.fromkeys(dir(tasks), tasks), **dict.fromkeys(("ListHosts", "GetPool"), hosts)}

    async def ask(self, method: str, request: Any, user: str = "anna") -> Any:
        metadata = call_metadata(user, "req-1", "192.0.2.7")
        return await call(getattr(self._stubs[method], method), request, timeout=20, metadata=metadata)

    async def refused(self, method: str, request: Any, user: str = "anna") -> list[str]:
        with pytest.raises(GraftError) as caught:
            await self.ask(method, request, user)
        return caught.value.error_info()


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[DispatcherState]:
    opened = await DispatcherState.open(Settings(data_dir=with_tables(tmp_path, "dispatcher")), "none")
    yield opened
    await opened.close()


@pytest.fixture(params=["local", "remote"])
async def client(request: pytest.FixtureRequest, state: DispatcherState) -> AsyncIterator[Client]:
    services = state.services(Sessions())
    if request.param == "local":
        yield Client(*(LocalStub(service) for service in services))
        return
    server = RpcServer(services)
    port = await server.start("127.0.0.1:0")
    channel = open_channel(f"127.0.0.1:{port}")
    yield Client(task_pb2_grpc.TaskServiceStub(channel), host_pb2_grpc.HostServiceStub(channel))
    await channel.close()
    await server.stop(1)


async def test_a_task_as_clients_of_grpc_see_it(state, client):
    gate = Gate()
    ref = await state.tasks.start("A.b", caller(), gate)
    task = (await client.ask("GetTask", task_pb2.GetTaskRequest(ref=ref))).task
    assert (task.ref, task.name_label, task.user) == (ref, "Async.A.b", "anna")
    assert (task.status, task.progress) == (task_pb2.TASK_STATUS_PENDING, 0)
    assert task.resident_on == state.hosts.host_ref
    assert not task.HasField("finished")
    await client.ask("CancelTask", task_pb2.CancelTaskRequest(ref=ref))

    async def ended() -> Any:
        found = (await client.ask("GetTask", task_pb2.GetTaskRequest(ref=ref))).task
        return found if found.HasField("finished") else None

    task = await until("the end", ended)
    assert task.status == task_pb2.TASK_STATUS_CANCELLED
    assert list(task.error_info) == ["TASK_CANCELLED", ref]
    await client.ask("DestroyTask", task_pb2.DestroyTaskRequest(ref=ref))
    assert await client.refused("GetTask", task_pb2.GetTaskRequest(ref=ref)) == ["HANDLE_INVALID", "task", ref]


@pytest.mark.parametrize(
    ("user", "code"), [("bert", "HANDLE_INVALID"), ("nora", "RBAC_PERMISSION_DENIED"), ("", "SESSION_INVALID")]
)
async def test_others_learn_nothing(state, client, user, code):
    gate = Gate()
    ref = await state.tasks.start("A.b", caller(), gate)
    for method, request in (
        ("GetTask", task_pb2.GetTaskRequest(ref=ref)),
        ("CancelTask", task_pb2.CancelTaskRequest(ref=ref)),
        ("DestroyTask", task_pb2.DestroyTaskRequest(ref=ref)),
    ):
        assert (await client.refused(method, request, user))[0] == code
    assert (await client.ask("GetTask", task_pb2.GetTaskRequest(ref=ref), "olga")).task.user == "anna"
    assert not gate.killed.is_set()


async def test_tasks_come_in_pages(state, client):
    refs = [await state.tasks.start("A.b", caller(), gives(number)) for number in range(25)]
    await state.tasks.drain(10)
    seen, token = [], ""
    while True:
        page = await client.ask("ListTasks", task_pb2.ListTasksRequest(page_size=10, page_token=token))
        seen += [task.ref for task in page.tasks]
        token = page.next_page_token
        if not token:
            break
    assert seen == refs[::-1]
    assert list((await client.ask("ListTasks", task_pb2.ListTasksRequest(), "bert")).tasks) == []
    refused = await client.refused("ListTasks", task_pb2.ListTasksRequest(page_token="x/y"))
    assert refused[:2] == ["VALUE_NOT_SUPPORTED", "page_token"]


async def test_what_changes_something_is_audited(state, client):
    ref = await state.tasks.start("A.b", caller(), raises(GraftError("CODE")))
    await state.tasks.drain(10)
    await client.ask("CancelTask", task_pb2.CancelTaskRequest(ref=ref))
    await client.refused("DestroyTask", task_pb2.DestroyTaskRequest(ref="none"))
    (newest, oldest), _ = await state.audit.page()
    assert (oldest.record.action, oldest.record.outcome, oldest.record.task) == ("task.cancel", "OK", ref)
    assert (newest.record.action, newest.record.outcome) == ("task.destroy", "HANDLE_INVALID")
    assert (newest.record.user, newest.record.track_id) == ("anna", ANNA.track_id)
    assert (newest.record.request_id, newest.record.peer) == ("req-1", "192.0.2.7")
    assert newest.host == state.hosts.host_ref


async def test_hosts_and_the_pool(state, client):
    [host] = (await client.ask("ListHosts", host_pb2.ListHostsRequest())).hosts
    assert (host.ref, host.address, host.engine, host.live) == (state.hosts.host_ref, "127.0.0.1:50052", "none", True)
    assert host.lease_until.ToSeconds() > host.started.ToSeconds()
    pool = (await client.ask("GetPool", host_pb2.GetPoolRequest())).pool
    assert (pool.ref, pool.master) == (f"OpaqueRef:{pool.uuid}", host.ref)
    for kind, ref in (("pool", pool.ref), ("host", host.ref)):
        setters = state.builtins()
        for method, *params in (("set_name_label", "a"), ("set_name_description", "b"), ("add_tags", "c")):
            await setters[f"{kind}.{method}"].handler(caller(), [ref, *params])
        await setters[f"{kind}.add_to_other_config"].handler(caller(), [ref, "d", "e"])
    [host] = (await client.ask("ListHosts", host_pb2.ListHostsRequest())).hosts
    pool = (await client.ask("GetPool", host_pb2.GetPoolRequest())).pool
    for message in (host, pool):
        assert (message.name_label, message.name_description, [*message.tags]) == ("a", "b", ["c"])
        assert dict(message.other_config) == {"d": "e"}
    for method, request in (("ListHosts", host_pb2.ListHostsRequest()), ("GetPool", host_pb2.GetPoolRequest())):
        assert (await client.refused(method, request, "nora"))[0] == "RBAC_PERMISSION_DENIED"


async def test_a_second_dispatcher_on_the_same_data_is_refused(state, tmp_path):
    from graft_common.errors import StartupError

    with pytest.raises(StartupError, match="another dispatcher runs"):
        await DispatcherState.open(Settings(data_dir=tmp_path), "none")


async def test_an_answer_waits_for_the_end_of_a_task(state, client):
    gate = Gate()
    ref = await state.tasks.start("A.b", caller(), gate)
    request = task_pb2.GetTaskRequest(ref=ref)
    request.wait.FromMilliseconds(1)
    assert (await client.ask("GetTask", request)).task.status == task_pb2.TASK_STATUS_PENDING
    request.wait.FromSeconds(30)
    waiting = asyncio.create_task(client.ask("GetTask", request))
    await client.ask("CancelTask", task_pb2.CancelTaskRequest(ref=ref))
    assert (await waiting).task.status == task_pb2.TASK_STATUS_CANCELLED


async def test_nothing_waits_for_a_host_that_shuts_down(state, client):
    ref = await state.tasks.start("A.b", caller(), Gate())
    request = task_pb2.GetTaskRequest(ref=ref)
    request.wait.FromSeconds(60)
    waiting = asyncio.create_task(client.ask("GetTask", request))
    await asyncio.sleep(0)
    await state.tasks.drain(0.1)
    assert (await waiting).task.status == task_pb2.TASK_STATUS_PENDING


async def test_results_are_kept_as_json_too(state, client):
    ref = await state.tasks.start("A.b", caller(), gives({"a": [1, b"x"]}))
    request = task_pb2.GetTaskRequest(ref=ref)
    request.wait.FromSeconds(30)
    task = (await client.ask("GetTask", request)).task
    assert task.result_json == b'{"a":[1,"eA=="]}'
