"""Calls that are made for a task of a client: they tell of themselves there, and end when it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from dispatcher_service.calls.result import CallResult, Execution
from dispatcher_service.tasks.task import Task
from graft_common.errors import GraftError


class Joined:
    """The calls of this host that are made for clients' tasks."""

    def __init__(self) -> None:
        self._works: dict[str, set[asyncio.Task[CallResult]]] = {}

    @property
    def refs(self) -> Collection[str]:
        """The tasks that calls are made for now."""
        return self._works.keys()

    async def run(self, task: Task, execution: Execution) -> CallResult:
        """Run a call for a task, and return what it answers.

        Raises:
            GraftError: OPERATION_NOT_ALLOWED, when the task is none that a client has made, or has ended;
                TASK_CANCELLED [task], when it is told to stop; what the call has failed with.
        """
        if not task.by_client or not task.pending:
            reason = "The task runs a call of its own." if task.pending else "The task has ended."
            raise GraftError("OPERATION_NOT_ALLOWED", reason)
        if task.cancel_requested:
            raise GraftError("TASK_CANCELLED", task.ref)
        work: asyncio.Task[CallResult] = asyncio.ensure_future(_result(execution, task.ref))
        works = self._works.setdefault(task.ref, set())
        works.add(work)
        try:
            # What is cancelled before its first step never learns of it, and would leave no audit record.
            await asyncio.sleep(0)
            await asyncio.wait({work})
        except asyncio.CancelledError:
            work.cancel()
            await asyncio.wait({work})
            raise
        finally:
            works.discard(work)
            if not works:
                del self._works[task.ref]
        if work.cancelled():
            raise GraftError("TASK_CANCELLED", task.ref)
        return work.result()

    def stop(self, refs: Iterable[str]) -> None:
        """Kill what runs for these tasks."""
        for ref in refs:
            for work in self._works.get(ref, ()):
                work.cancel()


async def _result(execution: Execution, ref: str) -> CallResult:
    return await execution(ref)
