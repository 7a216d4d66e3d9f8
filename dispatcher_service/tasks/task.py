"""What a task is, who may see it, and when it is forgotten: the rules, on plain values."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dispatcher_service.engines.base import Usage
from dispatcher_service.references import uuid_of
from dispatcher_service.sessions.session import Session
from graft_common.errors import GraftError, handle_invalid, internal_error
from graft_common.roles import POOL_OPERATOR

MAX_COMPLETED_AGE = 3900.0
"""Seconds that a task which has ended is kept unless it is destroyed (xapi, xapi_globs.ml: 65 minutes)."""
MAX_PENDING_AGE = 86400.0
"""Seconds after which a task that is still pending is cancelled (xapi: 24 hours without progress)."""
MAX_TASKS = 200
"""Tasks beyond which the oldest that have ended are forgotten early (xapi)."""
MIN_COMPLETED_AGE = 60.0
"""Seconds that even those are kept, so that a client which polls its task finds the end; xapi has no such grace."""
MAX_COMPLETED = 5000
"""Tasks that have ended and are kept at all, however young."""


class TaskStatus(enum.Enum):
    """How a task stands, in XenAPI's words."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Task:
    """One asynchronous execution."""

    ref: str
    name_label: str
    """The method as it was called: `Async.Volume.resize`."""
    user: str
    host: str
    """The UUID of the host that runs it."""
    epoch: int
    """The lease of that host under which it was accepted; see `dispatcher_service.hosts`."""
    created: float
    """Seconds since the epoch."""
    name_description: str = ""
    status: TaskStatus = TaskStatus.PENDING
    progress: float = 0.0
    result: str = ""
    """The value as XML-RPC text; empty until there is one."""
    error_info: tuple[str, ...] = ()
    """The error's code and parameters."""
    finished: float | None = None
    cancel_requested: bool = False
    usage: Usage | None = None
    result_json: str = ""
    """The value as JSON; empty until there is one."""

    @property
    def uuid(self) -> str:
        """The UUID that the reference is made of."""
        return uuid_of(self.ref)

    @property
    def pending(self) -> bool:
        """Whether it has not ended yet."""
        return self.status is TaskStatus.PENDING

    def stopping(self) -> Task:
        """Return the task with the wish that it should stop."""
        return replace(self, cancel_requested=True)

    def succeeded(self, result: str, usage: Usage | None, now: float, result_json: str = "") -> Task:
        """Return the task with its result."""
        ended = replace(self, status=TaskStatus.SUCCESS, progress=1.0, usage=usage, finished=now)
        return replace(ended, result=result, result_json=result_json)

    def failed(self, error: GraftError, now: float, usage: Usage | None = None) -> Task:
        """Return the task with its error."""
        ended = replace(self, status=TaskStatus.FAILURE, progress=1.0, usage=usage, finished=now)
        return replace(ended, error_info=tuple(error.error_info()))

    def cancelled(self, now: float) -> Task:
        """Return the task as it is when somebody has stopped it."""
        return replace(
            self, status=TaskStatus.CANCELLED, progress=1.0, error_info=("TASK_CANCELLED", self.ref), finished=now
        )


def task_invalid(ref: str) -> GraftError:
    """No such task, or none that the caller may see."""
    return handle_invalid("task", ref)


def lost() -> GraftError:
    """Tell what is known of a task whose host is gone: nothing."""
    return internal_error(
        "The dispatcher that ran the task has stopped, or has lost its lease, before the task ended; "
        "whether the call took effect is not known."
    )


def owner_filter(session: Session) -> str | None:
    """Name the user whose tasks the session sees; None for everybody's (xapi: permission `task.destroy/any`)."""
    return None if session.may(POOL_OPERATOR) else session.user


def visible(task: Task, session: Session) -> bool:
    """Tell whether the session may see the task, and so cancel and destroy it."""
    return owner_filter(session) in {None, task.user}


def to_forget(ended: Sequence[tuple[str, float]], total: int, now: float) -> list[str]:
    """Choose the tasks to forget.

    Args:
        ended: reference and time of the end of each task that has ended, the oldest first.
        total: how many tasks there are, those that are pending included.
        now: seconds since the epoch.
    """
    surplus = total - MAX_TASKS
    flood = len(ended) - MAX_COMPLETED
    return [
        ref
        for place, (ref, finished) in enumerate(ended)
        if now - finished > MAX_COMPLETED_AGE
        or (place < surplus and now - finished > MIN_COMPLETED_AGE)
        or place < flood
    ]
