"""What a task is, who may see it, and when it is forgotten: the rules, on plain values."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dispatcher_service.engines.base import Usage
from dispatcher_service.references import uuid_of
from dispatcher_service.sessions.session import Session
from graft_common.errors import GraftError, handle_invalid, internal_error
from graft_common.roles import POOL_OPERATOR

MAX_COMPLETED_AGE = 3900.0
"""Seconds that a task which has ended is kept unless it is destroyed (xapi, xapi_globs.ml: 65 minutes)."""
MAX_PENDING_AGE = 86400.0
"""Seconds without progress after which a task that is still pending is cancelled (xapi: 24 hours)."""
MAX_TASKS = 200
"""Tasks beyond which the oldest that have ended are forgotten early (xapi)."""
MIN_COMPLETED_AGE = 60.0
"""Seconds that even those are kept, so that a client which polls its task finds the end; xapi has no such grace."""
MAX_COMPLETED = 5000
"""Tasks that have ended and are kept at all, however young."""
MAX_LOG_LINES = 100
"""The last lines of a task's log that are kept."""
MAX_LOG_TEXT = 8 << 10
"""Characters of all lines that are kept."""
ANYBODYS = "task.destroy/any"
"""The permission to see and to stop what others have started (xapi, datamodel.ml)."""
NO_LEASE = 0
"""In place of the lease of a host, for tasks that no host runs: those that a client has made. Leases count from 1."""


class TaskStatus(enum.Enum):
    """How a task stands, in XenAPI's words."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a call has told about itself."""

    time: float
    """Seconds since the epoch."""
    text: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What the caller says of a task that is to be made."""

    subtask_of: str = ""
    """The task that it is a part of."""
    other_config: Mapping[str, str] = field(default_factory=dict, hash=False)


NO_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Task:
    """One asynchronous execution, or what a client keeps account of."""

    ref: str
    name_label: str
    """The method as it was called: `Async.Volume.resize`."""
    user: str
    host: str
    """The UUID of the host that runs it, or that has made it for a client."""
    epoch: int
    """The lease of that host under which it was accepted; see `dispatcher_service.hosts`. `NO_LEASE` where a client has
    made the task."""
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
    destroy_requested: bool = False
    other_config: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Whatever clients want to remember with the task."""
    subtask_of: str = ""
    """The task that it is a part of; empty for none."""
    subtasks: tuple[str, ...] = ()
    """The tasks that are a part of it, sorted."""
    log: tuple[LogLine, ...] = ()
    """The last lines that its call has told; see `told`."""
    log_total: int = 0
    """How many lines it has told in all."""

    @property
    def uuid(self) -> str:
        """The UUID that the reference is made of."""
        return uuid_of(self.ref)

    @property
    def pending(self) -> bool:
        """Whether it has not ended yet."""
        return self.status is TaskStatus.PENDING

    @property
    def by_client(self) -> bool:
        """Whether a client has made it and says how it stands, rather than a call that runs."""
        return self.epoch == NO_LEASE

    def told(self, progress: float | None, lines: Sequence[LogLine], count: int | None = None) -> Task:
        """Return the task with what its call has told.

        Args:
            progress: how far it is; None where it has not said so.
            lines: the last lines for the log.
            count: how many there were, where these are not all.
        """
        return replace(
            self,
            progress=self.progress if progress is None else progress,
            log=bounded_log([*self.log, *lines]) if lines else self.log,
            log_total=self.log_total + (len(lines) if count is None else count),
        )

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
    return None if session.permits(ANYBODYS, POOL_OPERATOR) else session.user


def visible(task: Task, session: Session) -> bool:
    """Tell whether the session may see the task, and so cancel and destroy it."""
    return owner_filter(session) in {None, task.user}


def bounded_log(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """Keep the last lines, as many as there is room for."""
    kept: list[LogLine] = []
    room = MAX_LOG_TEXT
    for line in reversed(lines[-MAX_LOG_LINES:]):
        room -= len(line.text)
        if room < 0:
            break
        kept.append(line)
    return tuple(reversed(kept))


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
