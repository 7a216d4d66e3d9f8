"""What headers of a request say of tasks, as xapi has them (server_helpers.ml, context.ml)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_TASK, _SUBTASK = b"task-id", b"subtask-of"
_CONFIG = b"x-http-other-config-"
_KEY = "http:"
_MAX_KEYS = 64


@dataclass(frozen=True, slots=True)
class TaskHeaders:
    """The tasks that a call has to do with."""

    task: str = ""
    """The client's task that the call is made for; empty for none."""
    subtask_of: str = ""
    """The task that the one of an asynchronous call is to be a part of; empty for none."""
    other_config: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What is to be remembered with the task of an asynchronous call: keys begin with `http:`."""

    @property
    def whole(self) -> str:
        """The task that the one of an asynchronous call is a part of; such a call has a task of its own in any case."""
        return self.subtask_of or self.task


NO_TASK = TaskHeaders()


def read_task_headers(headers: Iterable[tuple[bytes, bytes]]) -> TaskHeaders:
    """Read a request's headers, whose names are in small letters; the last of a name counts."""
    task, subtask_of = "", ""
    config: dict[str, str] = {}
    for name, value in headers:
        if name == _TASK:
            task = _text(value)
        elif name == _SUBTASK:
            subtask_of = _text(value)
        elif name.startswith(_CONFIG) and len(config) < _MAX_KEYS:
            config[_KEY + _text(name[len(_CONFIG) :])] = _text(value)
    return TaskHeaders(task, subtask_of, config) if task or subtask_of or config else NO_TASK


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
