"""`task.*`: the tasks as XenAPI shows them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Handler, Param, ParamType
from dispatcher_service.builtins.records import ObjectClass, date_time, readers
from dispatcher_service.references import NULL_REF, ref_of
from dispatcher_service.store.tasks import TaskTable
from dispatcher_service.tasks import edits
from dispatcher_service.tasks.edits import Edit
from dispatcher_service.tasks.manager import TaskManager
from dispatcher_service.tasks.task import Task
from graft_common.roles import READ_ONLY
from graft_common.values import Value


def _wishes(task: Task) -> Value:
    """Tell what is still to become of a task; xapi's keys are the calls that wish it."""
    wishes: dict[str, Value] = {}
    if task.pending and task.cancel_requested:
        wishes["cancel"] = "cancel"
    if task.pending and task.destroy_requested:
        wishes["destroy"] = "destroy"
    return wishes


TASK_FIELDS: Mapping[str, Callable[[Task], Value]] = {
    "uuid": lambda task: task.uuid,
    "name_label": lambda task: task.name_label,
    "name_description": lambda task: task.name_description,
    "allowed_operations": lambda task: (
        ["cancel", "destroy"] if task.pending and not task.cancel_requested else ["destroy"]
    ),
    "current_operations": _wishes,
    "created": lambda task: date_time(task.created),
    "finished": lambda task: date_time(task.finished),
    "status": lambda task: task.status.value,
    "resident_on": lambda task: ref_of(task.host),
    "progress": lambda task: float(task.progress),
    "type": lambda _: "<none/>",
    "result": lambda task: task.result,
    "error_info": lambda task: list(task.error_info),
    "other_config": lambda task: dict(task.other_config),
    "subtask_of": lambda task: task.subtask_of or NULL_REF,
    "subtasks": lambda task: list(task.subtasks),
    # An empty list, as xapi's s-expression has it.
    "backtrace": lambda _: "()",
    "log": lambda task: [line.text for line in task.log],
}
"""The record of a task (xapi, datamodel.ml, Task), and the last lines of its log, which xapi's has not."""


def task_records(tasks: TaskTable) -> Callable[[Sequence[str]], Awaitable[Mapping[str, Value]]]:
    """Return what reads the records of tasks as events show them: by reference, those that are there."""

    async def load(refs: Sequence[str]) -> Mapping[str, Value]:
        return {task.ref: record_of(task) for task in await tasks.find(refs)}

    return load


def record_of(task: Task) -> Value:
    """Write the record of a task."""
    return {field: read(task) for field, read in TASK_FIELDS.items()}


def task_builtins(tasks: TaskManager) -> BuiltinTable:
    """Make the readers of tasks, what stops and forgets them, and what clients make and say of them."""

    async def cancel(caller: CallerContext, params: Sequence[Value]) -> Value:
        await tasks.cancel(caller.require_session(), str(params[0]))
        return ""

    async def destroy(caller: CallerContext, params: Sequence[Value]) -> Value:
        await tasks.destroy(caller.require_session(), str(params[0]))
        return ""

    async def create(caller: CallerContext, params: Sequence[Value]) -> Value:
        label, description = map(str, params)
        return await tasks.clients.create(caller.require_session(), label, description)

    def setter(make: Callable[[Sequence[Value]], Edit]) -> Handler:
        async def change(caller: CallerContext, params: Sequence[Value]) -> Value:
            await tasks.clients.edit(caller.require_session(), str(params[0]), make(params))
            return ""

        return change

    kind = ObjectClass("task", TASK_FIELDS, tasks.get, tasks.list)
    this, value, key = Param("self"), Param("value"), Param("key")
    number, texts = Param("value", ParamType.FLOAT), Param("value", ParamType.SET)
    return {
        **readers(kind),
        "task.cancel": Builtin(cancel, READ_ONLY, (Param("task"),), "Stop a pending task; one that ended stays."),
        "task.destroy": Builtin(
            destroy, READ_ONLY, (this,), "Forget a task; one that is pending is forgotten at its end."
        ),
        "task.create": Builtin(
            create, READ_ONLY, (Param("label"), Param("description")), "Make a task of which the client tells."
        ),
        "task.set_status": Builtin(
            setter(lambda params: edits.with_status(str(params[1]), time.time())),
            READ_ONLY,
            (this, value),
            "Say how a task stands that a client has made.",
        ),
        "task.set_progress": Builtin(
            setter(lambda params: edits.with_progress(float(cast("float | str", params[1])))),
            READ_ONLY,
            (this, number),
            "Say how far a task is that a client has made.",
        ),
        "task.set_result": Builtin(
            setter(lambda params: edits.with_result(str(params[1]))),
            READ_ONLY,
            (this, value),
            "Say what has come of a task that a client has made.",
        ),
        "task.set_error_info": Builtin(
            setter(lambda params: edits.with_error_info(cast("Sequence[Value]", params[1]))),
            READ_ONLY,
            (this, texts),
            "Say why a task has failed that a client has made.",
        ),
        "task.set_other_config": Builtin(
            setter(lambda params: edits.with_other_config(cast("Mapping[str, Value]", params[1]))),
            READ_ONLY,
            (this, Param("value", ParamType.MAP)),
            "Set a task's other_config.",
        ),
        "task.add_to_other_config": Builtin(
            setter(lambda params: edits.with_entry(str(params[0]), str(params[1]), str(params[2]))),
            READ_ONLY,
            (this, key, value),
            "Add a key to a task's other_config.",
        ),
        "task.remove_from_other_config": Builtin(
            setter(lambda params: edits.without_entry(str(params[1]))),
            READ_ONLY,
            (this, key),
            "Remove a key from a task's other_config, if it is there.",
        ),
    }
