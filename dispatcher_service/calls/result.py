"""What a call gives back, and how one is started in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dispatcher_service.builtins.base import CallerContext
from dispatcher_service.engines.base import Usage
from dispatcher_service.sessions.session import Session
from dispatcher_service.tasks.task import NO_ORIGIN, Origin
from graft_common.declarations.model import Method, Types
from graft_common.values import Value


@dataclass(frozen=True, slots=True)
class CallResult:
    """The value of a call that has succeeded."""

    value: Value
    usage: Usage | None = None
    """None for built-in methods."""
    declared: tuple[Method, Types] | None = None
    """The declaration that the call was checked by, to write the value by; None for methods without one."""


Execution = Callable[[str], Awaitable[CallResult]]
"""Runs an admitted call as the task whose reference it is given.

It raises `GraftError` when the call fails; cancelling it kills whatever the call runs.
"""


class TaskStarter(Protocol):
    """Starts calls in the background; each becomes a task."""

    async def start(self, method: str, caller: CallerContext, execution: Execution, origin: Origin = NO_ORIGIN) -> str:
        """Keep a pending task, begin the execution, and return the task's reference without waiting for its end.

        Args:
            method: the method without `Async.`.
            caller: who called.
            execution: what to run, once, with the new task's reference.
            origin: what the caller says of the task.

        Raises:
            GraftError: SERVER_BUSY [what], when too many tasks are pending; HANDLE_INVALID, when there is no task that
                it is to be a part of.
        """

    async def join(self, session: Session, ref: str, execution: Execution) -> CallResult:
        """Run a call for a task that a client has made, and return what it answers.

        Args:
            session: the caller's.
            ref: the task.
            execution: what to run, once, with the task's reference.

        Raises:
            GraftError: HANDLE_INVALID, when there is no such task; OPERATION_NOT_ALLOWED, when it is none that a client
                has made; TASK_CANCELLED [task], when it is told to stop; what the call has failed with.
        """

    def channel(self, ref: str) -> AbstractContextManager[Path]:
        """Make the FIFO by which the call of a task tells of itself, as long as the call runs."""
