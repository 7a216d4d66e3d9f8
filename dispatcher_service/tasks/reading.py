"""Reads tasks: those that run here from memory, all others from the store; and shows how they change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dispatcher_service.sessions.session import Session
from dispatcher_service.store.changes import ChangeTable
from dispatcher_service.store.tasks import TaskPage, TaskTable
from dispatcher_service.tasks import edits
from dispatcher_service.tasks.elsewhere import Elsewhere, News
from dispatcher_service.tasks.entry import Entry
from dispatcher_service.tasks.task import Origin, Task, owner_filter, task_invalid, visible
from graft_common.errors import service_unavailable

MAX_LISTED = 5000
"""The most tasks that one list holds."""

_FIRST_LOOK, _LAST_LOOK = 0.05, 1.0
"""Seconds between two looks at a task that runs on another host: at first, and in the end."""


@dataclass(frozen=True, slots=True)
class TaskTimes:
    """How often and how long, in seconds."""

    kill_grace: float = 30.0
    """A task that was told to stop counts as stopped after this time, even if what it runs does not end."""
    watch: float = 1.0
    """Between two looks for wishes of other hosts, while something runs."""
    collect: float = 60.0
    """Between two collections of what is to be forgotten, and two looks while nothing runs."""
    save_wait: float = 10.0
    """The longest wait of a caller for an end to be written."""
    elsewhere: float = 0.25
    """Between two looks for changes of tasks that run on other hosts, while somebody follows one."""
    look: float = 5.0
    """Between two looks at whether somebody may still follow a task that does not change."""


class TaskReader:
    """Reads the tasks of all hosts."""

    def __init__(self, table: TaskTable, changes: ChangeTable, times: TaskTimes) -> None:
        self._table = table
        self._elsewhere = Elsewhere(changes, times.elsewhere)
        self._times = times
        self._entries: dict[str, Entry] = {}
        """What runs here."""
        self._shut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when this host shuts down."""

    @property
    def _closing(self) -> bool:
        return self._shut.done()

    async def get(self, session: Session, ref: str) -> Task:
        """Return a task.

        Raises:
            GraftError: HANDLE_INVALID [task, ref], when it is unknown or another user's.
        """
        entry = self._entries.get(ref)
        task = entry.task if entry is not None else await self._table.get(ref)
        if task is None or not visible(task, session):
            raise task_invalid(ref)
        return task

    async def wait(self, session: Session, ref: str, seconds: float) -> Task:
        """Return a task as soon as it has ended, or as it stands after so many seconds or when this host shuts down.

        Raises:
            GraftError: HANDLE_INVALID [task, ref], when it is unknown or another user's.
        """
        until, pause = time.monotonic() + seconds, _FIRST_LOOK
        while True:
            task = await self.get(session, ref)
            left = until - time.monotonic()
            if not task.pending or left <= 0 or self._closing:
                return task
            signs = {self._shut}
            if (entry := self._entries.get(ref)) is not None:
                signs.add(entry.kept)
            else:
                # It runs on another host, which tells nobody but the store.
                left, pause = min(left, pause), min(2 * pause, _LAST_LOOK)
            await asyncio.wait(signs, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def follow(self, admitted: Callable[[], Awaitable[Session]], ref: str) -> AsyncGenerator[Task, None]:
        """Show a task, and again whenever it has changed, until it has ended.

        Whoever is slow to ask for more is shown the last change alone.

        Args:
            admitted: returns the session of whoever follows, and raises once it is none any more.
            ref: the task.

        Raises:
            GraftError: HANDLE_INVALID [task, ref], when it is unknown, forgotten meanwhile, or another user's;
                SERVICE_UNAVAILABLE, when this host shuts down; what `admitted` raises.
        """
        seen: Task | None = None
        session, asked = await admitted(), time.monotonic()
        with self._elsewhere.follow(ref) as elsewhere:
            while True:
                if time.monotonic() - asked >= self._times.look:
                    session, asked = await admitted(), time.monotonic()
                entry = self._entries.get(ref)
                task = await self.get(session, ref)
                if task != seen:
                    seen = task
                    yield task
                if not task.pending:
                    return
                if self._closing:
                    raise service_unavailable("dispatcher", "it is shutting down")
                if entry is None or entry.task == seen:
                    await self._wait_for_news(elsewhere if entry is None else entry.news)

    async def _wait_for_news(self, news: News | asyncio.Event) -> None:
        """Wait for a change, for the end of this host, or until it is time to look at the session again."""
        told = asyncio.ensure_future(news.wait())
        try:
            signs: set[asyncio.Future[Any]] = {self._shut, told}
            await asyncio.wait(signs, timeout=self._times.look, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()

    async def list(self, session: Session) -> Sequence[Task]:
        """List the tasks that the session sees, the newest first, as many as one list holds."""
        return (await self.page(session)).tasks

    async def page(
        self, session: Session, limit: int = MAX_LISTED, before: tuple[float, str] | None = None
    ) -> TaskPage:
        """List the tasks that the session sees, the newest first; see `TaskTable.page`."""
        page = await self._table.page(owner_filter(session), min(limit, MAX_LISTED), before)
        return replace(
            page, tasks=[entry.task if (entry := self._entries.get(task.ref)) else task for task in page.tasks]
        )

    async def check_origin(self, session: Session, origin: Origin) -> None:
        """Check what a caller says of a task that is to be made.

        Raises:
            GraftError: HANDLE_INVALID, when there is no task that it is to be a part of; VALUE_NOT_SUPPORTED, when too
                much is to be remembered with it.
        """
        edits.check_config(origin.other_config)
        if origin.subtask_of:
            await self.get(session, origin.subtask_of)

    def note_part(self, task: Task, *, there: bool) -> None:
        """Show at once, where the task that this one is a part of runs here, what others learn from the store."""
        if (whole := self._entries.get(task.subtask_of)) is not None:
            whole.part(task.ref, there=there)

    def note_config(self, ref: str, config: Mapping[str, str]) -> None:
        """Show at once what clients remember with a task that runs here."""
        if (entry := self._entries.get(ref)) is not None:
            entry.say(replace(entry.task, other_config=config))
