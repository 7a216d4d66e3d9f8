"""The table of tasks. What a host writes of its tasks counts only while its lease is in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.changes import Changed, note_changes
from dispatcher_service.store.schema import plain_text, store_now
from dispatcher_service.store.task_rows import (
    END_COLUMNS,
    NOTED_COLUMNS,
    SAID_COLUMNS,
    TOLD_COLUMNS,
    end_values,
    new_row,
    read_parts,
    read_task,
    said_values,
    told_values,
)
from dispatcher_service.tasks.edits import Edit
from dispatcher_service.tasks.task import NO_LEASE, Task, TaskStatus, lost
from graft_common.errors import GraftError

MAX_PAGE_TEXT = 8 << 20
"""Characters of results, errors and notes of the tasks of one page: what it is sent as has twice as many, and more."""
_BATCH = 500
_columns = schema.task.c
_PENDING = TaskStatus.PENDING.value
_pending = _columns.status == _PENDING
_by_client = _columns.epoch == NO_LEASE
_part = schema.task.alias("part")
_subtasks = (
    select(func.aggregate_strings(_part.c.ref, " "))
    .where(_part.c.subtask_of == _columns.ref)
    .correlate(schema.task)
    .scalar_subquery()
    .label("subtasks")
)


# What may be long of a task.
_SIZE = sum(
    (
        func.length(column)
        for column in (_columns.result_json, cast(_columns.error_info, Text), cast(_columns.other_config, Text))
    ),
    start=func.length(_columns.result),
)


@dataclass(frozen=True, slots=True)
class TaskPage:
    """A part of a list of tasks."""

    tasks: list[Task]
    more: bool
    """Whether there are tasks that come after these."""


@dataclass(frozen=True, slots=True)
class OwnTask:
    """What the store says of a pending task of the host that asks, and others may have changed."""

    ref: str
    cancel_requested: bool
    destroy_requested: bool
    other_config: dict[str, str]
    subtasks: tuple[str, ...]


class TaskTable:
    """Reads and writes tasks, and notes what has changed."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def write(self, host: str, tasks: Sequence[Task]) -> list[bool]:
        """Write a group of a host's own tasks in one transaction; tell of each write whether it counted.

        A task that is pending is new; one that is not has ended. A write counts while the host's lease has the epoch
        of the task; an end, moreover, while the task is pending in the store.
        """
        async with self._access.writing() as connection:
            epoch = await _epoch_in_force(connection, host)
            begun = [task for task in tasks if task.pending and task.epoch == epoch]
            ended = [task for task in tasks if not task.pending and task.epoch == epoch]
            written = {(task.ref, True) for task in begun}
            if begun:
                await connection.execute(insert(schema.task), [new_row(task) for task in begun])
            if ended:
                found = select(_columns.ref).where(_columns.ref.in_([task.ref for task in ended]), _pending)
                found = found.order_by(_columns.ref)
                open_refs = set((await connection.scalars(found.with_for_update())).all())
                ended = [task for task in ended if task.ref in open_refs]
                written |= {(task.ref, False) for task in ended}
            changes = [*_changes(begun), *await _parents(connection, (task.subtask_of for task in begun))]
            changes += _changes(ended)
            if ended:
                await connection.execute(_END, [_bound("end_of", task.ref, end_values(task)) for task in ended])
                changes += await _delete(connection, [task.ref for task in ended], _columns.destroy_requested)
            await note_changes(connection, changes)
            return [(task.ref, task.pending) in written for task in tasks]

    async def tell(self, host: str, tasks: Sequence[Task]) -> None:
        """Write how far a host's own tasks are and what they have told; those that are not pending stay as they are."""
        async with self._access.writing() as connection:
            epoch = await _epoch_in_force(connection, host)
            own = sorted((task for task in tasks if task.epoch == epoch), key=lambda task: task.ref)
            if own:
                await connection.execute(_TELL, [_bound("told_of", task.ref, told_values(task)) for task in own])
                await note_changes(connection, _changes(own))

    async def make(self, task: Task, most: int) -> bool:
        """Write a task of a client, unless so many of those are pending; tell whether it was written."""
        async with self._access.writing() as connection:
            count = select(func.count()).select_from(schema.task).where(_pending, _by_client)
            if (await connection.execute(count)).scalar_one() >= most:
                return False
            await connection.execute(insert(schema.task), [new_row(task)])
            await note_changes(connection, [*_changes([task]), *await _parents(connection, [task.subtask_of])])
        return True

    async def edit(self, wanted: Sequence[tuple[str, Edit]]) -> list[Task | GraftError | None]:
        """Change what clients may say of tasks, one after the other in one transaction.

        Returns:
            What each task was after its change; None if it is unknown, and why not where the change may not be.
        """
        refs = sorted({plain_text(ref) for ref, _ in wanted})
        results: list[Task | GraftError | None] = []
        async with self._access.writing() as connection:
            # The rows' locks first, in one order, and what else there is of them then: locks go with no aggregate.
            locked = select(_columns.ref).where(_columns.ref.in_(refs)).order_by(_columns.ref).with_for_update()
            (await connection.execute(locked)).all()
            rows = (await connection.execute(_whole().where(_columns.ref.in_(refs)))).all()
            before = {row.ref: read_task(row) for row in rows}
            after = dict(before)
            for ref, change in wanted:
                task = after.get(plain_text(ref))
                try:
                    made = None if task is None else change(task)
                except GraftError as error:
                    results.append(error)
                    continue
                results.append(made)
                if made is not None:
                    after[made.ref] = made
            changed = [task for ref, task in after.items() if task != before[ref]]
            for statement, by_client in ((_SAY, True), (_NOTE, False)):
                said = [
                    _bound("said_of", task.ref, said_values(task)) for task in changed if task.by_client is by_client
                ]
                if said:
                    await connection.execute(statement, said)
            if changed:
                gone = await _delete(connection, [task.ref for task in changed], _columns.destroy_requested)
                await note_changes(connection, [*_changes(changed), *gone])
        return results

    async def get(self, ref: str) -> Task | None:
        """Return one task."""
        found = await self.find([ref])
        return found[0] if found else None

    async def find(self, refs: Sequence[str]) -> list[Task]:
        """Return those of some tasks that are there."""
        found: list[Task] = []
        for group in _groups([plain_text(ref) for ref in refs]):
            async with self._access.reading() as connection:
                rows = (await connection.execute(_whole().where(_columns.ref.in_(group)))).all()
            found += map(read_task, rows)
        return found

    async def page(self, owner: str | None, limit: int, before: tuple[float, str] | None = None) -> TaskPage:
        """List tasks, the newest first: as many as there is room for, and at least one.

        Args:
            owner: only this user's; None for everybody's.
            limit: at most this many.
            before: time of creation and reference of the task that the page comes after.
        """
        conditions: list[ColumnElement[bool]] = []
        if owner is not None:
            conditions.append(_columns.owner == plain_text(owner))
        if before is not None:
            created, ref = before
            earlier = and_(_columns.created == created, _columns.ref < plain_text(ref))
            conditions.append(or_(_columns.created < created, earlier))
        order = (_columns.created.desc(), _columns.ref.desc())
        async with self._access.reading() as connection:
            query = select(_SIZE).where(*conditions).order_by(*order).limit(limit + 1)
            sizes = (await connection.scalars(query)).all()
            fitting = sum(size <= MAX_PAGE_TEXT for size in accumulate(sizes))
            room = min(limit, max(fitting, 1))
            rows = (await connection.execute(_whole().where(*conditions).order_by(*order).limit(room))).all()
        return TaskPage([read_task(row) for row in rows], more=len(sizes) > room)

    async def request_cancel(self, ref: str) -> list[str]:
        """Tell the hosts that run a task and what is a part of it to stop; return the references of those meant."""
        whole = select(_columns.ref).where(_columns.ref == plain_text(ref)).cte("whole", recursive=True)
        whole = whole.union(select(_part.c.ref).where(_part.c.subtask_of == whole.c.ref, _part.c.status == _PENDING))
        async with self._access.writing() as connection:
            every = list((await connection.scalars(select(whole.c.ref).order_by(whole.c.ref))).all())
            changes: list[Changed] = []
            for group in _groups(every):
                changes += await _request_cancel(connection, _columns.ref.in_(group))
            await note_changes(connection, changes)
        return every

    async def request_cancel_older(self, age: float) -> None:
        """Stop the tasks that have made no progress for more than `age` seconds: their hosts do, or it is done here."""
        stale = _columns.touched < store_now() - age
        async with self._access.writing() as connection:
            changes = await _request_cancel(connection, stale & ~_by_client)
            forsaken = await connection.execute(
                update(schema.task)
                .where(_pending, _by_client, stale)
                .values(status=TaskStatus.CANCELLED.value, cancel_requested=True, finished=store_now())
                .returning(_columns.ref, _columns.owner)
            )
            rows = forsaken.all()
            for row in rows:
                error = update(schema.task).where(_columns.ref == row.ref)
                await connection.execute(error.values(error_info=["TASK_CANCELLED", row.ref]))
            changes += [Changed("task", row.ref, owner=row.owner) for row in rows]
            changes += await _delete(connection, [row.ref for row in rows], _columns.destroy_requested)
            # At the end: whoever holds the counter waits for no row, and whoever holds a row may wait for the counter.
            await note_changes(connection, changes)

    async def destroy(self, ref: str) -> None:
        """Forget a task that has ended; one that is pending is forgotten at its end."""
        async with self._access.writing() as connection:
            wished = update(schema.task).where(_columns.ref == ref).values(destroy_requested=True)
            rows = (await connection.execute(wished.returning(_columns.ref, _columns.owner))).all()
            gone = await _delete(connection, [ref], _columns.destroy_requested)
            await note_changes(connection, [*(Changed("task", row.ref, owner=row.owner) for row in rows), *gone])

    async def delete_ended(self, refs: Collection[str]) -> None:
        """Forget tasks that have ended."""
        for group in _groups(list(refs)):
            async with self._access.writing() as connection:
                await note_changes(connection, await _delete(connection, group))

    async def pending_of(self, host: str, epoch: int, limit: int) -> list[OwnTask]:
        """List the pending tasks that a host has accepted under its lease."""
        query = select(
            _columns.ref, _columns.cancel_requested, _columns.destroy_requested, _columns.other_config, _subtasks
        )
        query = query.where(_pending, _columns.host == host, _columns.epoch == epoch).limit(limit)
        async with self._access.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            OwnTask(row.ref, row.cancel_requested, row.destroy_requested, row.other_config, read_parts(row.subtasks))
            for row in rows
        ]

    async def to_stop(self, refs: Collection[str]) -> list[str]:
        """Return those of some tasks that are pending and were told to stop."""
        found: list[str] = []
        for group in _groups(list(refs)):
            query = select(_columns.ref).where(_columns.ref.in_(group), _pending, _columns.cancel_requested)
            async with self._access.reading() as connection:
                found += (await connection.scalars(query)).all()
        return found

    async def ended(self, limit: int) -> tuple[list[tuple[str, float]], int]:
        """Return reference and end of the tasks that have ended, the oldest first, and how many tasks there are."""
        query = select(_columns.ref, _columns.finished).where(~_pending).order_by(_columns.finished).limit(limit)
        async with self._access.reading() as connection:
            rows = (await connection.execute(query)).all()
            total = (await connection.execute(select(func.count()).select_from(schema.task))).scalar_one()
        return [(row.ref, row.finished) for row in rows], total

    async def fail_orphans(self) -> list[str]:
        """End the pending tasks whose host has no lease, or another one than it had; return their references.

        Any number of hosts may do so at once. What a client has made needs no host.
        """
        host = schema.host.c
        owner = exists().where(host.uuid == _columns.host, host.epoch == _columns.epoch, host.live)
        orphans = select(_columns.ref, _columns.owner).where(_pending, ~_by_client, ~owner)
        orphans = orphans.order_by(_columns.ref).limit(_BATCH)
        failed: list[str] = []
        while True:
            async with self._access.writing() as connection:
                rows = (await connection.execute(orphans.with_for_update(skip_locked=True))).all()
                refs = [row.ref for row in rows]
                if refs:
                    end = update(schema.task).where(_columns.ref.in_(refs), _pending)
                    await connection.execute(
                        end.values(
                            status=TaskStatus.FAILURE.value,
                            progress=1.0,
                            error_info=lost().error_info(),
                            finished=store_now(),
                        )
                    )
                    gone = await _delete(connection, refs, _columns.destroy_requested)
                    ended = [Changed("task", row.ref, owner=row.owner) for row in rows]
                    await note_changes(connection, [*ended, *gone])
            failed += refs
            if len(refs) < _BATCH:
                return failed


def _whole() -> Select[Any]:
    return select(schema.task, _subtasks)


def _update_of(key: str, names: Iterable[str]) -> Any:
    """Return the statement that writes these columns of many tasks."""
    values: dict[Any, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(schema.task).where(_columns.ref == bindparam(key)).values(values)


def _bound(key: str, ref: str, values: dict[str, Any]) -> dict[str, Any]:
    return {key: ref, **{f"new_{name}": value for name, value in values.items()}}


_END = _update_of("end_of", END_COLUMNS)
_TELL = _update_of("told_of", TOLD_COLUMNS).values(touched=store_now()).where(_pending)
_SAY = _update_of("said_of", SAID_COLUMNS).values(touched=store_now())
_NOTE = _update_of("said_of", NOTED_COLUMNS).values(touched=store_now())


async def _epoch_in_force(connection: AsyncConnection, host: str) -> int | None:
    # The row stays locked until the commit: nobody can end the lease between this look and the writes.
    lease = select(schema.host.c.epoch).where(schema.host.c.uuid == host, schema.host.c.live)
    return (await connection.execute(lease.with_for_update(read=True))).scalar_one_or_none()


async def _request_cancel(connection: AsyncConnection, which: ColumnElement[bool]) -> list[Changed]:
    """Tell pending tasks to stop; return what is to be noted of that."""
    wished = update(schema.task).where(_pending, ~_columns.cancel_requested, which).values(cancel_requested=True)
    rows = (await connection.execute(wished.returning(_columns.ref, _columns.owner))).all()
    return [Changed("task", row.ref, owner=row.owner) for row in rows]


async def _delete(connection: AsyncConnection, refs: Sequence[str], *which: ColumnElement[bool]) -> list[Changed]:
    """Forget tasks that have ended; return what is to be noted of that."""
    changes: list[Changed] = []
    for group in _groups(refs):
        unwanted = delete(schema.task).where(_columns.ref.in_(group), ~_pending, *which)
        rows = (await connection.execute(unwanted.returning(_columns.ref, _columns.subtask_of))).all()
        changes += [Changed("task", row.ref, gone=True) for row in rows]
        changes += await _parents(connection, (row.subtask_of for row in rows))
    return changes


def _changes(tasks: Iterable[Task]) -> list[Changed]:
    return [Changed("task", task.ref, owner=task.user) for task in tasks]


async def _parents(connection: AsyncConnection, named: Iterable[str]) -> list[Changed]:
    """Return what is to be noted of tasks that have gained or lost a part, as far as they are there."""
    refs = sorted(set(named) - {""})
    if not refs:
        return []
    there = select(_columns.ref, _columns.owner).where(_columns.ref.in_(refs))
    return [Changed("task", row.ref, owner=row.owner) for row in (await connection.execute(there)).all()]


def _groups(refs: Sequence[str]) -> list[Sequence[str]]:
    return [refs[start : start + _BATCH] for start in range(0, len(refs), _BATCH)]
