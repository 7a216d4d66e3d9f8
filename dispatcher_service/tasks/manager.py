"""The tasks of this host: begun, watched, stopped, kept; and those of all hosts, read, stopped and forgotten.

What runs here is answered from memory, and everything else from the store. A task is in the store before it runs, so
that one which was accepted is never lost; its end is written with those of others, and again until it is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import structlog

from dispatcher_service.background import repeat
from dispatcher_service.builtins.base import CallerContext
from dispatcher_service.calls.json_calls import result_json
from dispatcher_service.calls.result import CallResult, Execution
from dispatcher_service.messages import usage_of
from dispatcher_service.references import new_ref
from dispatcher_service.sessions.session import Session
from dispatcher_service.store.store import DispatcherStore
from dispatcher_service.store.tasks import OwnTask
from dispatcher_service.tasks import task as rules
from dispatcher_service.tasks.channel import Channels
from dispatcher_service.tasks.clients import ClientTasks
from dispatcher_service.tasks.entry import Entry, Output
from dispatcher_service.tasks.group_commit import GroupCommit
from dispatcher_service.tasks.joined import Joined
from dispatcher_service.tasks.metrics import TASKS_RUNNING, TASKS_TOTAL
from dispatcher_service.tasks.reading import TaskReader, TaskTimes
from dispatcher_service.tasks.task import NO_ORIGIN, Origin, Task, lost
from dispatcher_service.tasks.telling import Telling
from graft_common.errors import GraftError, internal_error, server_busy, service_unavailable
from graft_common.xmlrpc import format_value

_log = structlog.get_logger("graft.tasks")

_MAX_RETRY_DELAY = 5.0
_MAX_REFUSALS = 5
"""How often a store that answers may refuse the end of a task before a plain failure is written in its place."""
_MAX_LOGGED = 20


class Lease(Protocol):
    """What the manager must know of its host."""

    @property
    def host_uuid(self) -> str:
        """The host."""

    @property
    def epoch(self) -> int:
        """The lease under which tasks are accepted now."""


class TaskManager(TaskReader):
    """Starts, reads, cancels and destroys tasks. It is a `TaskStarter`."""

    def __init__(
        self,
        store: DispatcherStore,
        lease: Lease,
        channels: Channels,
        *,
        max_pending: int = 2000,
        times: TaskTimes | None = None,
    ) -> None:
        super().__init__(store.tasks, store.changes, times or TaskTimes())
        self._store = store
        self._lease = lease
        self._max_pending = max_pending
        self._runners: set[asyncio.Task[None]] = set()
        self._watched = 0.0
        self._joined = Joined()
        self.clients = ClientTasks(self, store, lease.host_uuid, max_pending)
        """Makes and changes the tasks of clients."""
        self._telling = Telling(store, lease.host_uuid, self._entries, channels)
        self.channel = self._telling.channel
        """Gives the call of a task a FIFO to tell of itself."""
        self._writer = GroupCommit[Task, bool](
            lambda tasks: store.tasks.write(lease.host_uuid, tasks), store.reachable, "task writer"
        )
        self._loops = [
            repeat("task watch", self._watch_if_needed, self._times.watch),
            repeat("task collection", self._collect, self._times.collect),
        ]
        self._watching, self._collecting = asyncio.Lock(), asyncio.Lock()
        """Held while the loops are at work, which is not broken off in the middle."""

    async def start(self, method: str, caller: CallerContext, execution: Execution, origin: Origin = NO_ORIGIN) -> str:
        """Keep a pending task, begin the execution, and return the task's reference.

        Whoever stops waiting for this does not stop the task.

        Raises:
            GraftError: SESSION_INVALID; HANDLE_INVALID, when there is no task that it is to be a part of; SERVER_BUSY
                [what], when too many tasks are pending here; SERVICE_UNAVAILABLE, when the task could not be kept, and
                so does not run; VALUE_NOT_SUPPORTED, when too much is to be remembered with it.
        """
        session = caller.require_session()
        await self.check_origin(session, origin)
        if self._closing:
            raise service_unavailable("dispatcher", "it is shutting down")
        if len(self._entries) >= self._max_pending:
            raise server_busy(f"{self._max_pending} tasks are pending on this host")
        loop = asyncio.get_running_loop()
        task = Task(
            ref=new_ref(),
            name_label=f"Async.{method}",
            user=session.user,
            host=self._lease.host_uuid,
            epoch=self._lease.epoch,
            created=time.time(),
            subtask_of=origin.subtask_of,
            other_config=origin.other_config,
        )
        entry = Entry(task, session.digest, kept=loop.create_future(), given_up=loop.create_future())
        accepted: asyncio.Future[None] = loop.create_future()
        self._entries[task.ref] = entry
        TASKS_RUNNING.inc()
        runner = loop.create_task(self._run(entry, method, execution, accepted), name=task.ref)
        self._runners.add(runner)
        runner.add_done_callback(self._runners.discard)
        await asyncio.shield(accepted)
        return task.ref

    async def join(self, session: Session, ref: str, execution: Execution) -> CallResult:
        """Run a call for a task that a client has made; see `Joined.run`."""
        return await self._joined.run(await self.get(session, ref), execution)

    async def cancel(self, session: Session, ref: str) -> None:
        """Tell a pending task and what is a part of it to stop, wherever it runs; one that has ended stays as it is.

        Raises:
            GraftError: HANDLE_INVALID [task, ref], when it is unknown or another user's.
        """
        task = await self.get(session, ref)
        entry = self._entries.get(ref)
        if entry is not None:
            self._stop(entry)
        if task.pending and (entry is None or task.subtasks):
            self._stop_all(await self._store.tasks.request_cancel(ref))

    async def destroy(self, session: Session, ref: str) -> None:
        """Forget a task; one that is pending goes on, and is forgotten when it ends (xapi).

        Raises:
            GraftError: HANDLE_INVALID [task, ref], when it is unknown or another user's.
        """
        task = await self.get(session, ref)
        entry = self._entries.get(ref)
        if entry is not None and not entry.task.pending:
            try:
                await asyncio.wait_for(asyncio.shield(entry.kept), self._times.save_wait)
            except TimeoutError:
                raise service_unavailable("dispatcher store", "the end of the task is not written yet") from None
        await self._store.tasks.destroy(ref)
        if not task.pending:
            self.note_part(task, there=False)
        elif entry is not None:
            entry.say(replace(entry.task, destroy_requested=True))

    def busy_sessions(self) -> frozenset[str]:
        """Return the digests of the sessions whose tasks are pending here: those are in use."""
        return frozenset(entry.session_digest for entry in self._entries.values() if entry.task.pending)

    async def abandon(self) -> None:
        """Stop everything and keep nothing of it: the host has lost its lease, and others have given up its tasks."""
        for entry in list(self._entries.values()):
            entry.fenced = True
            self._stop(entry)
            self._release(entry)

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (a bound on an orderly end, not a cancellation)
        """Wait for the tasks to end, at most `timeout` seconds. No new one is started."""
        self._shut_down()
        if self._runners:
            await asyncio.wait(self._runners, timeout=timeout)

    async def close(self) -> None:
        """Stop what still runs, write its end, and end all background work."""
        self._shut_down()
        for entry in list(self._entries.values()):
            entry.stopping = True
            self._kill(entry)
        if self._runners:
            await asyncio.wait(self._runners, timeout=self._times.save_wait)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.save_wait), self._watching, self._collecting:
                for loop in self._loops:
                    loop.cancel()
        for background in (*self._loops, *self._runners):
            background.cancel()
        await asyncio.gather(*self._loops, *self._runners, return_exceptions=True)
        await self._telling.close()
        await self._elsewhere.close()
        await self._writer.close()
        await self.clients.close()

    def _shut_down(self) -> None:
        if not self._shut.done():
            self._shut.set_result(None)

    async def collect(self) -> None:
        """Forget what is old or too much, and stop what has been pending for too long."""
        await self._store.tasks.request_cancel_older(rules.MAX_PENDING_AGE)
        ended, total = await self._store.tasks.ended(limit=2 * rules.MAX_COMPLETED)
        await self._store.tasks.delete_ended(rules.to_forget(ended, total, time.time()))

    async def _collect(self) -> None:
        async with self._collecting:
            await self.collect()

    async def watch(self) -> None:
        """Compare the store with what runs here: stop what other hosts wish, and end what does not run."""
        epoch = self._lease.epoch
        said = {ref: entry.said for ref, entry in self._entries.items()}
        pending = await self._store.tasks.pending_of(self._lease.host_uuid, epoch, 2 * self._max_pending)
        for own in pending:
            entry = self._entries.get(own.ref)
            if entry is not None:
                self._hear(entry, own, current=entry.said == said.get(own.ref))
            else:
                # Its first record was written after its caller had been told that it was not.
                stray = await self._store.tasks.get(own.ref)
                if stray is not None and stray.pending:
                    await self._writer.submit(stray.failed(lost(), time.time()))
        self._joined.stop(await self._store.tasks.to_stop(self._joined.refs))

    async def _run(self, entry: Entry, method: str, execution: Execution, accepted: asyncio.Future[None]) -> None:
        try:
            await self._accept(entry)
        except GraftError as error:
            self._release(entry)
            accepted.set_exception(error)
            accepted.exception()  # a caller that has gone does not read it
            return
        except BaseException:
            self._release(entry)
            accepted.cancel()
            raise
        self.note_part(entry.task, there=True)
        entry.work = asyncio.create_task(_perform(method, entry.task.ref, execution))
        accepted.set_result(None)
        # What is cancelled before its first step never learns of it, and would leave no audit record.
        await asyncio.sleep(0)
        if entry.stopping or entry.task.cancel_requested:
            self._kill(entry)
        _log.info("task.started", task=entry.task.ref, method=entry.task.name_label, user=entry.task.user)
        try:
            either: set[asyncio.Future[Any]] = {entry.work, entry.given_up}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            entry.put(self._ended(entry, entry.work))
            await self._keep(entry)
        finally:
            entry.work.cancel()
            self._release(entry)

    async def _accept(self, entry: Entry) -> None:
        try:
            counted = await self._writer.submit(entry.task)
        except GraftError:
            raise
        except Exception as error:
            _log.exception("task.unkept", task=entry.task.ref)
            raise internal_error("The task could not be kept.") from error
        if not counted or entry.fenced:
            raise service_unavailable("dispatcher", "this host has lost its lease and registers anew; try again")

    def _ended(self, entry: Entry, work: asyncio.Task[Output]) -> Task:
        """Say how the task has ended."""
        task, now = entry.task, time.time()
        if not work.done():
            _log.error("task.unkillable", task=task.ref, after=self._times.kill_grace)
        error = work.exception() if work.done() and not work.cancelled() else None
        if work.done() and not work.cancelled() and error is None:
            output = work.result()
            return task.succeeded(output.xml, output.usage, now, output.json)
        if task.cancel_requested:
            return task.cancelled(now)
        if entry.stopping or entry.fenced:
            return task.failed(lost(), now)
        if isinstance(error, GraftError):
            return task.failed(error, now, usage_of(error))
        _log.error("task.crashed", task=task.ref, exc_info=error)
        return task.failed(internal_error(f"The server has made a mistake; its log has the task {task.ref}."), now)

    async def _keep(self, entry: Entry) -> None:
        """Write the end of a task, again and again until the store has taken or refused it."""
        task, delay = entry.task, 0.1
        counted, refusals = False, 0
        while not entry.fenced:
            try:
                counted = await self._writer.submit(task)
                break
            except GraftError as error:
                _log.warning("task.end_unwritten", task=task.ref, reason=str(error))
                refusals += await self._store.reachable()
                if refusals == _MAX_REFUSALS:
                    task = entry.task.failed(internal_error("The end of the task could not be kept."), time.time())
            await asyncio.sleep(delay)
            delay = min(2 * delay, _MAX_RETRY_DELAY)
        result = task.status.value if counted else "lost"
        if counted:
            TASKS_TOTAL.labels(result).inc()
        event = {"cancelled": "task.cancelled", "lost": "task.lost"}.get(result, "task.finished")
        code = task.error_info[0] if task.error_info else "OK"
        duration = round(time.monotonic() - entry.begun, 6)
        _log.info(event, task=task.ref, method=task.name_label, user=task.user, outcome=code, duration=duration)

    def _stop_all(self, refs: Iterable[str]) -> None:
        self._joined.stop(refs)
        for ref in refs:
            if (entry := self._entries.get(ref)) is not None:
                self._stop(entry)

    def _hear(self, entry: Entry, own: OwnTask, *, current: bool) -> None:
        """Take over what others have changed of a task that runs here, if it was read after the last change here."""
        if entry.task.pending and current:
            task = replace(entry.task, other_config=own.other_config, destroy_requested=own.destroy_requested)
            entry.put(replace(task, subtasks=own.subtasks))
        if own.cancel_requested:
            self._stop(entry)

    def _stop(self, entry: Entry) -> None:
        if entry.task.pending and not entry.task.cancel_requested:
            entry.put(entry.task.stopping())
            self._kill(entry)

    def _kill(self, entry: Entry) -> None:
        if entry.work is not None and entry.task.pending:
            entry.work.cancel()
            asyncio.get_running_loop().call_later(self._times.kill_grace, _give_up, entry.given_up)

    def _release(self, entry: Entry) -> None:
        if self._entries.pop(entry.task.ref, None) is not None:
            TASKS_RUNNING.dec()
        if not entry.kept.done():
            entry.kept.set_result(None)

    async def _watch_if_needed(self) -> None:
        if self._entries or self._joined.refs or time.monotonic() - self._watched > self._times.collect:
            self._watched = time.monotonic()
            async with self._watching:
                await self.watch()


async def _perform(method: str, ref: str, execution: Execution) -> Output:
    result = await execution(ref)
    return Output(format_value(result.value), result_json(method, result).decode(), result.usage)


def _give_up(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def log_lost(refs: Sequence[str]) -> None:
    """Log tasks that were given up because their host is gone; the first ones by name."""
    if refs:
        TASKS_TOTAL.labels("lost").inc(len(refs))
        _log.warning("task.lost", count=len(refs), tasks=list(refs[:_MAX_LOGGED]))
