"""`task.*`: the tasks as XenAPI shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Param
from dispatcher_service.builtins.records import ObjectClass, date_time, readers
from dispatcher_service.references import NULL_REF, ref_of
from dispatcher_service.store.tasks import TaskTable
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
    """Make the readers of tasks, `task.cancel` and `task.destroy`."""

    async def cancel(caller: CallerContext, params: Sequence[Value]) -> Value:
        await tasks.cancel(caller.require_session(), str(params[0]))
        return ""

    async def destroy(caller: CallerContext, params: Sequence[Value]) -> Value:
        await tasks.destroy(caller.require_session(), str(params[0]))
        return ""

    kind = ObjectClass("task", TASK_FIELDS, tasks.get, tasks.list)
    return {
        **readers(kind),
        "task.cancel": Builtin(cancel, READ_ONLY, (Param("task"),), "Stop a pending task; one that ended stays."),
        "task.destroy": Builtin(
            destroy, READ_ONLY, (Param("self"),), "Forget a task; one that is pending is forgotten at its end."
        ),
    }
