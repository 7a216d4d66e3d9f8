"""`TaskService`: translates between gRPC and the task manager."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

from dispatcher_service.calls.record import AuditSink, CallRecord
from dispatcher_service.messages import timestamp, usage_message
from dispatcher_service.references import ref_of
from dispatcher_service.sessions.admission import SessionSource, admit
from dispatcher_service.sessions.session import Session
from dispatcher_service.tasks import edits
from dispatcher_service.tasks.manager import TaskManager
from dispatcher_service.tasks.task import Origin, Task, TaskStatus
from graft.dispatcher.v1 import task_pb2, task_pb2_grpc
from graft_common.errors import GraftError, server_busy, value_not_supported
from graft_common.rpc.context import REQUEST_ID, CallContext, metadata_value, peer_address
from graft_common.rpc.service import RpcService

MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_WATCHES = 1000
"""Watchers of tasks on one host; see `dispatcher_service.events.hub.MAX_WATCHERS`."""
MAX_WAIT = 60.0
"""Seconds for which an answer waits for the end of a task."""

_STATUS = {
    TaskStatus.PENDING: task_pb2.TASK_STATUS_PENDING,
    TaskStatus.SUCCESS: task_pb2.TASK_STATUS_SUCCESS,
    TaskStatus.FAILURE: task_pb2.TASK_STATUS_FAILURE,
    TaskStatus.CANCELLED: task_pb2.TASK_STATUS_CANCELLED,
}


class TaskServicer:
    """Serves the tasks; what changes something is audited, as calls of the same methods are."""

    def __init__(self, tasks: TaskManager, sessions: SessionSource, audit: AuditSink) -> None:
        self._tasks = tasks
        self._sessions = sessions
        self._audit = audit
        self._watching = 0

    def service(self) -> RpcService:
        """Return what a server needs."""
        descriptor = task_pb2.DESCRIPTOR.services_by_name["TaskService"]
        return RpcService(descriptor, self, task_pb2_grpc.add_TaskServiceServicer_to_server)

    async def GetTask(self, request: task_pb2.GetTaskRequest, context: CallContext) -> task_pb2.GetTaskResponse:  # noqa: N802  (gRPC's name)
        """Return one task, at once or when it has ended."""
        session = await admit(self._sessions, context, "task.get_record")
        seconds = min(max(request.wait.ToTimedelta().total_seconds(), 0.0), MAX_WAIT)
        return task_pb2.GetTaskResponse(task=task_message(await self._tasks.wait(session, request.ref, seconds)))

    async def ListTasks(self, request: task_pb2.ListTasksRequest, context: CallContext) -> task_pb2.ListTasksResponse:  # noqa: N802  (gRPC's name)
        """List the tasks that the session sees."""
        session = await admit(self._sessions, context, "task.get_all_records")
        size = min(request.page_size, MAX_PAGE) if request.page_size > 0 else DEFAULT_PAGE
        page = await self._tasks.page(session, size, _read_token(request.page_token))
        token = f"{page.tasks[-1].created!r}/{page.tasks[-1].ref}" if page.more else ""
        return task_pb2.ListTasksResponse(tasks=map(task_message, page.tasks), next_page_token=token)

    async def CancelTask(  # noqa: N802  (gRPC's name)
        self, request: task_pb2.CancelTaskRequest, context: CallContext
    ) -> task_pb2.CancelTaskResponse:
        """Tell a task to stop."""
        session = await admit(self._sessions, context, "task.cancel")
        async with self._audited(session, context, "task.cancel", request.ref):
            await self._tasks.cancel(session, request.ref)
        return task_pb2.CancelTaskResponse()

    async def DestroyTask(  # noqa: N802  (gRPC's name)
        self, request: task_pb2.DestroyTaskRequest, context: CallContext
    ) -> task_pb2.DestroyTaskResponse:
        """Forget a task."""
        session = await admit(self._sessions, context, "task.destroy")
        async with self._audited(session, context, "task.destroy", request.ref):
            await self._tasks.destroy(session, request.ref)
        return task_pb2.DestroyTaskResponse()

    async def WatchTask(  # noqa: N802  (gRPC's name)
        self, request: task_pb2.WatchTaskRequest, context: CallContext
    ) -> AsyncGenerator[task_pb2.WatchTaskResponse, None]:
        """Send a task whenever it has changed, as long as the caller has a session."""
        if self._watching >= MAX_WATCHES:
            raise server_busy(f"{MAX_WATCHES} tasks are watched on this host")
        following = self._tasks.follow(lambda: admit(self._sessions, context, "task.get_record"), request.ref)
        self._watching += 1
        try:
            async with aclosing(following) as changes:
                async for task in changes:
                    yield task_pb2.WatchTaskResponse(task=task_message(task))
        finally:
            self._watching -= 1

    async def CreateTask(  # noqa: N802  (gRPC's name)
        self, request: task_pb2.CreateTaskRequest, context: CallContext
    ) -> task_pb2.CreateTaskResponse:
        """Make a task of a client."""
        session = await admit(self._sessions, context, "task.create")
        origin = Origin(request.subtask_of, dict(request.other_config))
        async with self._audited(session, context, "task.create", ""):
            ref = await self._tasks.clients.create(session, request.name_label, request.name_description, origin)
        return task_pb2.CreateTaskResponse(ref=ref)

    async def UpdateTask(  # noqa: N802  (gRPC's name)
        self, request: task_pb2.UpdateTaskRequest, context: CallContext
    ) -> task_pb2.UpdateTaskResponse:
        """Change what clients say of a task."""
        wanted = _read_edits(request)
        session = await admit(self._sessions, context, "task.get_record")
        for action, _ in wanted:
            await admit(self._sessions, context, action)
        action = wanted[0][0] if wanted else "task.get_record"
        async with self._audited(session, context, action, request.ref):
            task = await self._tasks.clients.edit(session, request.ref, edits.in_turn([edit for _, edit in wanted]))
        return task_pb2.UpdateTaskResponse(task=task_message(task))

    @asynccontextmanager
    async def _audited(self, session: Session, context: CallContext, action: str, task: str) -> AsyncIterator[None]:
        started = time.perf_counter()
        outcome = "INTERNAL_ERROR"
        try:
            yield
            outcome = "OK"
        except GraftError as error:
            outcome = error.code
            raise
        finally:
            record = CallRecord(
                time=datetime.now(UTC),
                user=session.user,
                roles=session.roles,
                track_id=session.track_id,
                action=action,
                allowed=True,
                outcome=outcome,
                duration=time.perf_counter() - started,
                request_id=metadata_value(context, REQUEST_ID),
                originator=session.originator,
                peer=peer_address(context),
                task=task,
                user_uuid=session.user_uuid,
            )
            self._audit.record(record)


def task_message(task: Task) -> task_pb2.Task:
    """Write one task."""
    stopping = task.pending and task.cancel_requested
    return task_pb2.Task(
        ref=task.ref,
        uuid=task.uuid,
        name_label=task.name_label,
        name_description=task.name_description,
        status=task_pb2.TASK_STATUS_CANCELLING if stopping else _STATUS[task.status],
        progress=task.progress,
        result=task.result,
        result_json=task.result_json.encode(),
        error_info=task.error_info,
        created=timestamp(task.created),
        finished=None if task.finished is None else timestamp(task.finished),
        user=task.user,
        resident_on=ref_of(task.host),
        usage=usage_message(task.usage),
        other_config=task.other_config,
        subtask_of=task.subtask_of,
        subtasks=task.subtasks,
        log=[task_pb2.TaskLogLine(time=timestamp(line.time), text=line.text) for line in task.log],
        log_total=task.log_total,
        made_by_client=task.by_client,
    )


def _read_edits(request: task_pb2.UpdateTaskRequest) -> list[tuple[str, edits.Edit]]:
    """Read what is to be changed, each with the permission that XenAPI has for it."""
    found: list[tuple[str, edits.Edit]] = []
    if request.status:
        name = task_pb2.TaskStatus.Name(request.status) if request.status in task_pb2.TaskStatus.values() else ""
        status = name.removeprefix("TASK_STATUS_").lower()
        found.append(("task.set_status", edits.with_status(status, time.time())))
    if request.HasField("progress"):
        found.append(("task.set_progress", edits.with_progress(request.progress)))
    if request.HasField("result"):
        found.append(("task.set_result", edits.with_result(request.result)))
    if request.error_info:
        found.append(("task.set_error_info", edits.with_error_info(list(request.error_info))))
    if request.HasField("other_config"):
        config = dict(request.other_config.entries)
        found.append(("task.set_other_config", edits.with_other_config(config)))
    return found


def _read_token(token: str) -> tuple[float, str] | None:
    if not token:
        return None
    created, _, ref = token.partition("/")
    try:
        return float(created), ref
    except ValueError:
        raise value_not_supported("page_token", token, "it must be the next_page_token of an answer") from None
