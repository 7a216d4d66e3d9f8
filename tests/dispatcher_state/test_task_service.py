"""Tasks over gRPC: watched, made and changed by clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatcher_service.sessions.session import Session
from dispatcher_service.state import DispatcherState
from dispatcher_service.tasks.task import Origin
from graft.dispatcher.v1 import task_pb2
from graft_common.errors import GraftError
from graft_common.rpc.client import call, open_channel, stream
from graft_common.rpc.clients import DispatcherClients
from graft_common.rpc.context import call_metadata
from graft_common.rpc.server import RpcServer
from graft_common.settings import Settings
from support.dispatcher_hosts import ANNA, BERT, Gate, caller, until
from support.stores import with_tables

SESSIONS = {"anna": ANNA, "bert": BERT}


class Sessions:
    """Knows a user by the name."""

    def __init__(self) -> None:
        self.known = dict(SESSIONS)

    async def session_of(self, ref: str, min_revision: int = 0) -> Session:
        del min_revision
        if ref not in self.known:
            raise GraftError("SESSION_INVALID", ref)
        return self.known[ref]


class Served:
    """A dispatcher's tasks behind gRPC."""

    def __init__(self, state: DispatcherState, clients: DispatcherClients) -> None:
        self.state = state
        self.tasks = clients.tasks

    async def ask(self, method: str, request: object, user: str = "anna"):
        return await call(getattr(self.tasks, method), request, timeout=10, metadata=call_metadata(user))

    def watch(self, ref: str, user: str = "anna"):
        request = task_pb2.WatchTaskRequest(ref=ref)
        return stream(self.tasks.WatchTask, request, metadata=call_metadata(user))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    state = await DispatcherState.open(
        Settings(data_dir=with_tables(tmp_path, "dispatcher"), dispatcher="[::1]:50052"), "none"
    )
    server = RpcServer(state.services(Sessions()))
    channel = open_channel(f"127.0.0.1:{await server.start('127.0.0.1:0')}")
    yield Served(state, DispatcherClients.remote(channel))
    await channel.close()
    await server.stop(0)
    await state.close()


async def refusal(awaitable) -> str:
    with pytest.raises(GraftError) as caught:
        await awaitable
    return caught.value.code


async def test_a_task_is_sent_until_it_ends(served):
    gate = Gate("x")

    async def execution(ref: str):
        with served.state.tasks.channel(ref) as path:
            path.write_text("progress 0.5\nlog half\n")
            return await gate(ref)

    ref = await served.state.tasks.start("A.b", caller(), execution)
    seen: list[task_pb2.Task] = []

    async def watch() -> None:
        async for response in served.watch(ref):
            seen.append(response.task)  # noqa: PERF401  (looked at meanwhile)

    watching = asyncio.create_task(watch())

    async def half() -> bool:
        return any(task.progress == 0.5 and [line.text for line in task.log] == ["half"] for task in seen)

    await until("what the call tells", half)
    gate.open.set()
    await watching
    assert seen[-1].status == task_pb2.TASK_STATUS_SUCCESS
    assert (seen[-1].result, seen[-1].log_total, seen[-1].made_by_client) == ("<value>x</value>", 1, False)


async def test_others_see_nothing(served):
    ref = (await served.ask("CreateTask", task_pb2.CreateTaskRequest(name_label="x"))).ref
    assert await refusal(anext(served.watch(ref, "bert"))) == "HANDLE_INVALID"
    assert await refusal(anext(served.watch(ref, "nobody"))) == "SESSION_INVALID"
    update = task_pb2.UpdateTaskRequest(ref=ref, progress=0.5)
    assert await refusal(served.ask("UpdateTask", update, "bert")) == "HANDLE_INVALID"


async def test_clients_make_tasks_and_change_them(served):
    whole = await served.state.tasks.start("A.b", caller(), Gate(), Origin(other_config={"a": "1"}))
    request = task_pb2.CreateTaskRequest(
        name_label="copy", name_description="of a disk", subtask_of=whole, other_config={"k": "v"}
    )
    ref = (await served.ask("CreateTask", request)).ref
    made = (await served.ask("GetTask", task_pb2.GetTaskRequest(ref=ref))).task
    assert (made.name_label, made.name_description, made.subtask_of) == ("copy", "of a disk", whole)
    assert (dict(made.other_config), made.made_by_client) == ({"k": "v"}, True)
    assert list((await served.ask("GetTask", task_pb2.GetTaskRequest(ref=whole))).task.subtasks) == [ref]
    update = task_pb2.UpdateTaskRequest(
        ref=ref,
        progress=0.75,
        result="r",
        error_info=["CODE", "a"],
        status=task_pb2.TASK_STATUS_FAILURE,
        other_config=task_pb2.TaskConfig(entries={"z": "1"}),
    )
    changed = (await served.ask("UpdateTask", update)).task
    assert (changed.progress, changed.result, list(changed.error_info)) == (0.75, "r", ["CODE", "a"])
    assert (changed.status, dict(changed.other_config)) == (task_pb2.TASK_STATUS_FAILURE, {"z": "1"})
    assert changed.HasField("finished")
    same = (await served.ask("UpdateTask", task_pb2.UpdateTaskRequest(ref=ref))).task
    assert same == changed
    await served.ask("CancelTask", task_pb2.CancelTaskRequest(ref=whole))


@pytest.mark.parametrize(
    ("update", "code"),
    [
        ({"progress": 2.0}, "VALUE_NOT_SUPPORTED"),
        ({"status": task_pb2.TASK_STATUS_CANCELLING}, "VALUE_NOT_SUPPORTED"),
        ({"status": 77}, "VALUE_NOT_SUPPORTED"),
        ({"result": "x" * (1 << 21)}, "VALUE_NOT_SUPPORTED"),
    ],
)
async def test_what_cannot_be_said_changes_nothing(served, update, code):
    ref = (await served.ask("CreateTask", task_pb2.CreateTaskRequest(name_label="x"))).ref
    before = (await served.ask("GetTask", task_pb2.GetTaskRequest(ref=ref))).task
    request = task_pb2.UpdateTaskRequest(ref=ref, error_info=["CODE"])
    request.MergeFrom(task_pb2.UpdateTaskRequest(**update))
    assert await refusal(served.ask("UpdateTask", request)) == code
    assert (await served.ask("GetTask", task_pb2.GetTaskRequest(ref=ref))).task == before
