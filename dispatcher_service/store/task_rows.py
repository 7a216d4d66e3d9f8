"""Tasks as rows of their table."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from dispatcher_service.engines.base import Usage
from dispatcher_service.store.schema import plain_text
from dispatcher_service.tasks.task import LogLine, Task, TaskStatus

TOLD_COLUMNS = ("progress", "log", "log_total")
"""What the call that a task runs may change while it is pending."""
END_COLUMNS = (
    "status",
    "result",
    "result_json",
    "error_info",
    "finished",
    "cpu",
    "memory_peak",
    "wall",
    "processes_peak",
    *TOLD_COLUMNS,
)
"""What changes with its end."""
NOTED_COLUMNS = ("other_config",)
"""What clients may say of a task that a host runs."""
SAID_COLUMNS = (*NOTED_COLUMNS, "status", "result", "error_info", "finished", *TOLD_COLUMNS)
"""What they may say of one that they have made."""


def new_row(task: Task) -> dict[str, Any]:
    """Write a task that is new."""
    return {
        "ref": task.ref,
        "name_label": plain_text(task.name_label),
        "name_description": plain_text(task.name_description),
        "owner": plain_text(task.user),
        "host": task.host,
        "epoch": task.epoch,
        "created": task.created,
        "touched": task.created,
        "cancel_requested": task.cancel_requested,
        "destroy_requested": False,
        "other_config": _map(task),
        "subtask_of": task.subtask_of,
        **end_values(task),
    }


def told_values(task: Task) -> dict[str, Any]:
    """Write what its call has told."""
    return {
        "progress": task.progress,
        "log": [[line.time, plain_text(line.text)] for line in task.log],
        "log_total": task.log_total,
    }


def end_values(task: Task) -> dict[str, Any]:
    """Write how it has ended, or that it has not."""
    return {
        "status": task.status.value,
        "result": plain_text(task.result),
        "result_json": task.result_json,
        "error_info": [plain_text(text) for text in task.error_info],
        "finished": task.finished,
        "cpu": task.usage.cpu if task.usage else None,
        "memory_peak": task.usage.memory_peak if task.usage else None,
        "wall": task.usage.wall if task.usage else None,
        "processes_peak": task.usage.processes_peak if task.usage else None,
        **told_values(task),
    }


def said_values(task: Task) -> dict[str, Any]:
    """Write what clients may say of a task; of one that a host runs, that host has the rest."""
    if not task.by_client:
        return {"other_config": _map(task)}
    return {
        "other_config": _map(task),
        "status": task.status.value,
        "result": plain_text(task.result),
        "error_info": [plain_text(text) for text in task.error_info],
        "finished": task.finished,
        **told_values(task),
    }


def read_task(row: Row[Any]) -> Task:
    """Read a task."""
    usage = None if row.wall is None else Usage(row.cpu, row.memory_peak, row.wall, row.processes_peak or 0)
    return Task(
        ref=row.ref,
        name_label=row.name_label,
        user=row.owner,
        host=row.host,
        epoch=row.epoch,
        created=row.created,
        name_description=row.name_description,
        status=TaskStatus(row.status),
        progress=row.progress,
        result=row.result,
        result_json=row.result_json,
        error_info=tuple(row.error_info),
        finished=row.finished,
        cancel_requested=row.cancel_requested,
        usage=usage,
        destroy_requested=row.destroy_requested,
        other_config=row.other_config,
        subtask_of=row.subtask_of,
        subtasks=read_parts(row.subtasks),
        log=tuple(LogLine(time, text) for time, text in row.log),
        log_total=row.log_total,
    )


def read_parts(joined: str | None) -> tuple[str, ...]:
    """Read the references of subtasks out of one text."""
    return tuple(sorted(joined.split())) if joined else ()


def _map(task: Task) -> dict[str, str]:
    return {plain_text(key): plain_text(value) for key, value in task.other_config.items()}
