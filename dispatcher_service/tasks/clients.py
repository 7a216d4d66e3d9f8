"""Tasks that clients make, and what clients say of any task."""

from __future__ import annotations

import time

from dispatcher_service.references import new_ref
from dispatcher_service.sessions.session import Session
from dispatcher_service.store.store import DispatcherStore
from dispatcher_service.tasks import edits
from dispatcher_service.tasks.group_commit import GroupCommit
from dispatcher_service.tasks.reading import TaskReader
from dispatcher_service.tasks.task import NO_LEASE, NO_ORIGIN, Origin, Task, task_invalid, visible
from graft_common.errors import GraftError, server_busy


class ClientTasks:
    """Serves `task.create` and the setters."""

    def __init__(self, reader: TaskReader, store: DispatcherStore, host: str, max_pending: int) -> None:
        """Begin.

        Args:
            reader: reads tasks, and knows those that run here.
            store: where tasks are kept.
            host: the UUID of this host.
            max_pending: how many tasks of clients may be pending.
        """
        self._reader = reader
        self._table = store.tasks
        self._edits = GroupCommit[tuple[str, edits.Edit], Task | GraftError | None](
            store.tasks.edit, store.reachable, "task editor"
        )
        self._host = host
        self._max_pending = max_pending

    async def create(self, session: Session, label: str, description: str, origin: Origin = NO_ORIGIN) -> str:
        """Make a task of which the client says itself how it stands, and return its reference.

        Raises:
            GraftError: SERVER_BUSY, when too many of those are pending; HANDLE_INVALID and VALUE_NOT_SUPPORTED, as for
                `start`; VALUE_NOT_SUPPORTED, when a name is too long.
        """
        edits.check_names(label, description)
        await self._reader.check_origin(session, origin)
        task = Task(
            ref=new_ref(),
            name_label=label,
            name_description=description,
            user=session.user,
            host=self._host,
            epoch=NO_LEASE,
            created=time.time(),
            subtask_of=origin.subtask_of,
            other_config=origin.other_config,
        )
        if not await self._table.make(task, self._max_pending):
            raise server_busy(f"{self._max_pending} tasks that clients have made are pending")
        self._reader.note_part(task, there=True)
        return task.ref

    async def edit(self, session: Session, ref: str, edit: edits.Edit) -> Task:
        """Change what clients may say of a task, and return it.

        Raises:
            GraftError: HANDLE_INVALID [task, ref], when it is unknown or another user's; what `edit` raises.
        """

        def checked(task: Task) -> Task:
            if not visible(task, session):
                raise task_invalid(ref)
            return edit(task)

        after = await self._edits.submit((ref, checked))
        if after is None:
            raise task_invalid(ref)
        if isinstance(after, GraftError):
            raise after
        self._reader.note_config(ref, after.other_config)
        return after

    async def close(self) -> None:
        """Change nothing more."""
        await self._edits.close()
