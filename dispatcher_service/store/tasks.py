"""The table of tasks. What a host writes of its tasks counts only while its lease is in force."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatcher_service.engines.base import Usage
from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.schema import plain_text, store_now
from dispatcher_service.tasks.task import Task, TaskStatus, lost

_BATCH = 500
_columns = schema.task.c
_pending = _columns.status == TaskStatus.PENDING.value


@dataclass(frozen=True, slots=True)
class OwnTask:
    """What the store says of a pending task of the host that asks."""

    ref: str
    cancel_requested: bool


class TaskTable:
    """Reads and writes tasks."""

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
                await connection.execute(insert(schema.task), [_row(task) for task in begun])
            if ended:
                found = select(_columns.ref).where(_columns.ref.in_([task.ref for task in ended]), _pending)
                open_refs = set((await connection.scalars(found.with_for_update())).all())
                ended = [task for task in ended if task.ref in open_refs]
                written |= {(task.ref, False) for task in ended}
            if ended:
                await connection.execute(_END, [_end_row(task) for task in ended])
                await _delete_destroyed(connection, [task.ref for task in ended])
            return [(task.ref, task.pending) in written for task in tasks]

    async def get(self, ref: str) -> Task | None:
        """Return one task."""
        async with self._access.reading() as connection:
            row = (await connection.execute(select(schema.task).where(_columns.ref == plain_text(ref)))).one_or_none()
        return None if row is None else _task(row)

    async def page(
        self, owner: str | None, limit: int, before: tuple[float, str] | None = None, name_label: str | None = None
    ) -> list[Task]:
        """List tasks, the newest first.

        Args:
            owner: only this user's; None for everybody's.
            limit: at most this many.
            before: time of creation and reference of the task that the page comes after.
            name_label: only those with this name.
        """
        query = select(schema.task).order_by(_columns.created.desc(), _columns.ref.desc()).limit(limit)
        if owner is not None:
            query = query.where(_columns.owner == plain_text(owner))
        if name_label is not None:
            query = query.where(_columns.name_label == plain_text(name_label))
        if before is not None:
            created, ref = before
            query = query.where(
                or_(_columns.created < created, and_(_columns.created == created, _columns.ref < plain_text(ref)))
            )
        async with self._access.reading() as connection:
            return [_task(row) for row in (await connection.execute(query)).all()]

    async def request_cancel(self, ref: str) -> None:
        """Tell the host that runs a task to stop it."""
        async with self._access.writing() as connection:
            await connection.execute(
                update(schema.task).where(_columns.ref == ref, _pending).values(cancel_requested=True)
            )

    async def request_cancel_older(self, age: float) -> None:
        """Tell the hosts to stop the tasks that have been pending for more than `age` seconds."""
        async with self._access.writing() as connection:
            stale = update(schema.task).where(_pending, _columns.created < store_now() - age)
            await connection.execute(stale.values(cancel_requested=True))

    async def destroy(self, ref: str) -> None:
        """Forget a task that has ended; one that is pending is forgotten at its end."""
        async with self._access.writing() as connection:
            await connection.execute(update(schema.task).where(_columns.ref == ref).values(destroy_requested=True))
            await _delete_destroyed(connection, [ref])

    async def delete_ended(self, refs: Collection[str]) -> None:
        """Forget tasks that have ended."""
        for group in _groups(list(refs)):
            async with self._access.writing() as connection:
                await connection.execute(delete(schema.task).where(_columns.ref.in_(group), ~_pending))

    async def pending_of(self, host: str, epoch: int, limit: int) -> list[OwnTask]:
        """List the pending tasks that a host has accepted under its lease."""
        query = select(_columns.ref, _columns.cancel_requested)
        query = query.where(_pending, _columns.host == host, _columns.epoch == epoch).limit(limit)
        async with self._access.reading() as connection:
            return [OwnTask(row.ref, row.cancel_requested) for row in (await connection.execute(query)).all()]

    async def ended(self, limit: int) -> tuple[list[tuple[str, float]], int]:
        """Return reference and end of the tasks that have ended, the oldest first, and how many tasks there are."""
        query = select(_columns.ref, _columns.finished).where(~_pending).order_by(_columns.finished).limit(limit)
        async with self._access.reading() as connection:
            rows = (await connection.execute(query)).all()
            total = (await connection.execute(select(func.count()).select_from(schema.task))).scalar_one()
        return [(row.ref, row.finished) for row in rows], total

    async def fail_orphans(self) -> list[str]:
        """End the pending tasks whose host has no lease, or another one than it had; return their references.

        Any number of hosts may do so at once.
        """
        host = schema.host.c
        owner = exists().where(host.uuid == _columns.host, host.epoch == _columns.epoch, host.live)
        orphans = select(_columns.ref).where(_pending, ~owner).order_by(_columns.ref).limit(_BATCH)
        failed: list[str] = []
        while True:
            async with self._access.writing() as connection:
                refs = list((await connection.scalars(orphans.with_for_update(skip_locked=True))).all())
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
                    await _delete_destroyed(connection, refs)
            failed += refs
            if len(refs) < _BATCH:
                return failed


_END = (
    update(schema.task)
    .where(_columns.ref == bindparam("end_of"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "status",
                "progress",
                "result",
                "result_json",
                "error_info",
                "finished",
                "cpu",
                "memory_peak",
                "wall",
                "processes_peak",
            )
        }
    )
)


async def _epoch_in_force(connection: AsyncConnection, host: str) -> int | None:
    # The row stays locked until the commit: nobody can end the lease between this look and the writes.
    lease = select(schema.host.c.epoch).where(schema.host.c.uuid == host, schema.host.c.live)
    return (await connection.execute(lease.with_for_update(read=True))).scalar_one_or_none()


async def _delete_destroyed(connection: AsyncConnection, refs: Sequence[str]) -> None:
    for group in _groups(refs):
        unwanted = delete(schema.task).where(_columns.ref.in_(group), _columns.destroy_requested, ~_pending)
        await connection.execute(unwanted)


def _groups(refs: Sequence[str]) -> list[Sequence[str]]:
    return [refs[start : start + _BATCH] for start in range(0, len(refs), _BATCH)]


def _row(task: Task) -> dict[str, Any]:
    return {
        "ref": task.ref,
        "name_label": plain_text(task.name_label),
        "name_description": plain_text(task.name_description),
        "owner": plain_text(task.user),
        "host": task.host,
        "epoch": task.epoch,
        "created": task.created,
        "cancel_requested": task.cancel_requested,
        "destroy_requested": False,
        **_end_values(task),
    }


def _end_row(task: Task) -> dict[str, Any]:
    return {"end_of": task.ref, **{f"new_{name}": value for name, value in _end_values(task).items()}}


def _end_values(task: Task) -> dict[str, Any]:
    return {
        "status": task.status.value,
        "progress": task.progress,
        "result": plain_text(task.result),
        "result_json": task.result_json,
        "error_info": [plain_text(text) for text in task.error_info],
        "finished": task.finished,
        "cpu": task.usage.cpu if task.usage else None,
        "memory_peak": task.usage.memory_peak if task.usage else None,
        "wall": task.usage.wall if task.usage else None,
        "processes_peak": task.usage.processes_peak if task.usage else None,
    }


def _task(row: Row[Any]) -> Task:
    usage = None if row.wall is None else Usage(row.cpu, row.memory_peak, row.wall, row.processes_peak or 0)
    return Task(
        ref=row.ref,
        name_label=row.name_label,
        user=row.owner,
        host=row.host,
        epoch=row.epoch,
        created=row.created,
        name_description=row.name_description,
        status=TaskStatus(row.status),
        progress=row.progress,
        result=row.result,
        result_json=row.result_json,
        error_info=tuple(row.error_info),
        finished=row.finished,
        cancel_requested=row.cancel_requested,
        usage=usage,
    )
