"""`task.*`: the tasks as XenAPI shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Param
from dispatcher_service.builtins.records import ObjectClass, date_time, readers
from dispatcher_service.references import NULL_REF, ref_of
from dispatcher_service.tasks.manager import TaskManager
from dispatcher_service.tasks.task import Task
from graft_common.roles import READ_ONLY
from graft_common.values import Value

TASK_FIELDS: Mapping[str, Callable[[Task], Value]] = {
    "uuid": lambda task: task.uuid,
    "name_label": lambda task: task.name_label,
    "name_description": lambda task: task.name_description,
    "allowed_operations": lambda task: (
        ["cancel", "destroy"] if task.pending and not task.cancel_requested else ["destroy"]
    ),
    "current_operations": lambda _: {},
    "created": lambda task: date_time(task.created),
    "finished": lambda task: date_time(task.finished),
    "status": lambda task: task.status.value,
    "resident_on": lambda task: ref_of(task.host),
    "progress": lambda task: float(task.progress),
    "type": lambda _: "<none/>",
    "result": lambda task: task.result,
    "error_info": lambda task: list(task.error_info),
    "other_config": lambda _: {},
    "subtask_of": lambda _: NULL_REF,
    "subtasks": lambda _: [],
    # An empty list, as xapi's s-expression has it.
    "backtrace": lambda _: "()",
}
"""The record of a task (xapi, datamodel.ml, Task)."""


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
