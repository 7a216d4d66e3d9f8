"""What clients may say of tasks: the rules, on plain values.

Clients note what they want with any task. How one stands they say only of those that they have made themselves
(`task.create`): what a call runs as, the host knows better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dispatcher_service.hosts import labels
from dispatcher_service.hosts.labels import Labels
from dispatcher_service.tasks.task import Task, TaskStatus
from graft_common.errors import GraftError, field_type_error, value_not_supported
from graft_common.values import Value, type_name

Edit = Callable[[Task], Task]
"""Says what a task becomes. It may be asked more than once, and raises `GraftError` for what the caller is to see."""

MAX_LABEL = 1024
MAX_DESCRIPTION = 4096
MAX_RESULT = 1 << 20
MAX_ERROR = 64 << 10
"""Characters of an error's code and parameters together."""
MAX_ERROR_PARTS = 100
_SHOWN = 64


def with_other_config(value: Mapping[str, Value]) -> Edit:
    """Replace what clients remember with a task.

    Raises:
        GraftError: FIELD_TYPE_ERROR; VALUE_NOT_SUPPORTED, when it is too much.
    """
    return _config(labels.with_other_config(value))


def with_entry(ref: str, key: str, value: str) -> Edit:
    """Add a key to what clients remember with a task; MAP_DUPLICATE_KEY where it is there."""
    return _config(labels.with_entry("task", ref, key, value))


def without_entry(key: str) -> Edit:
    """Take a key from what clients remember with a task, if it is there."""
    return _config(labels.without_entry(key))


def with_status(value: str, now: float) -> Edit:
    """Say how a task stands.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED, when it is no status, or one that a task only gets by `task.cancel`. The edit
            raises OPERATION_NOT_ALLOWED for `pending` where the task has ended.
    """
    try:
        status = TaskStatus(value)
    except ValueError:
        names = ", ".join(status.value for status in TaskStatus)
        reason = "a task is told to stop by task.cancel" if value == "cancelling" else f"it must be one of {names}"
        raise value_not_supported("value", value[:_SHOWN], reason) from None

    def edit(task: Task) -> Task:
        _check_own(task)
        if status is TaskStatus.PENDING:
            if not task.pending:
                # Those that are pending are counted where they are made, and are not forgotten.
                raise GraftError("OPERATION_NOT_ALLOWED", "The task has ended.")
            return task
        return replace(task, status=status, finished=task.finished or now)

    return edit


def with_progress(value: float) -> Edit:
    """Say how far a task is.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED, when it is not from 0 to 1.
    """
    if math.isnan(value) or not 0 <= value <= 1:
        raise value_not_supported("value", str(value), "it must be from 0 to 1")
    return _own(lambda task: replace(task, progress=abs(value)))


def with_result(value: str) -> Edit:
    """Say what has come of a task.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED, when it is too long.
    """
    if len(value) > MAX_RESULT:
        raise value_not_supported("value", f"{value[:_SHOWN]}…", f"it has more than {MAX_RESULT:,} characters")
    return _own(lambda task: replace(task, result=value))


def with_error_info(value: Sequence[Value]) -> Edit:
    """Say why a task has failed: a code and its parameters.

    Raises:
        GraftError: FIELD_TYPE_ERROR; VALUE_NOT_SUPPORTED, when it is too much.
    """
    texts: list[str] = []
    for place, each in enumerate(value):
        if not isinstance(each, str):
            raise field_type_error(f"value[{place}]", "string", type_name(each))
        texts.append(each)
    if len(texts) > MAX_ERROR_PARTS or sum(map(len, texts)) > MAX_ERROR:
        reason = f"it may have {MAX_ERROR_PARTS} parts, and {MAX_ERROR:,} characters"
        raise value_not_supported("value", "", reason)
    return _own(lambda task: replace(task, error_info=tuple(texts)))


def in_turn(changes: Sequence[Edit]) -> Edit:
    """Make several changes at once."""

    def edit(task: Task) -> Task:
        for change in changes:
            task = change(task)
        return task

    return edit


def check_names(label: str, description: str) -> None:
    """Check the name and description of a task that is to be made.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED, when one is too long.
    """
    for name, value, most in (("label", label, MAX_LABEL), ("description", description, MAX_DESCRIPTION)):
        if len(value) > most:
            raise value_not_supported(name, f"{value[:_SHOWN]}…", f"it has more than {most:,} characters")


def check_config(config: Mapping[str, str]) -> None:
    """Check what is to be remembered with a task that is to be made.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED, when it is too much.
    """
    labels.with_other_config(dict(config))


def _config(change: labels.Change) -> Edit:
    return lambda task: replace(task, other_config=change(Labels(other_config=task.other_config)).other_config)


def _own(edit: Edit) -> Edit:
    def checked(task: Task) -> Task:
        _check_own(task)
        return edit(task)

    return checked


def _check_own(task: Task) -> None:
    if not task.by_client:
        raise GraftError("OPERATION_NOT_ALLOWED", "The task runs a call, which alone says how it stands.")
