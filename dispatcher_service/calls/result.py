"""What a call gives back, and how one is started in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from dispatcher_service.builtins.base import CallerContext
from dispatcher_service.engines.base import Usage
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

    async def start(self, method: str, caller: CallerContext, execution: Execution) -> str:
        """Keep a pending task, begin the execution, and return the task's reference without waiting for its end.

        Args:
            method: the method without `Async.`.
            caller: who called.
            execution: what to run, once, with the new task's reference.

        Raises:
            GraftError: SERVER_BUSY [what], when too many tasks are pending.
        """
