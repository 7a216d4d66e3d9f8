"""What the calls of tasks tell of themselves while they run: taken from their FIFOs, shown at once, written soon."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dispatcher_service.store.tasks import TaskTable
from dispatcher_service.tasks.channel import Channels
from dispatcher_service.tasks.entry import Entry
from dispatcher_service.tasks.lines import Told
from dispatcher_service.tasks.reporting import Reporter
from dispatcher_service.tasks.task import LogLine, Task, bounded_log


class Telling:
    """Serves all calls of a dispatcher that run as tasks, or for a task that a client has made."""

    def __init__(self, table: TaskTable, host: str, entries: Mapping[str, Entry], channels: Channels) -> None:
        """Begin.

        Args:
            table: where tasks are kept.
            host: the UUID of this host.
            entries: the tasks that run here.
            channels: makes the FIFOs.
        """
        self._table = table
        self._host = host
        self._entries = entries
        self._channels = channels
        self._of_clients: dict[str, tuple[float | None, tuple[LogLine, ...], int]] = {}
        """What is not yet written of tasks of clients: progress, the last lines, and how many there were."""
        self._reporter = Reporter(self._write)

    @contextmanager
    def channel(self, ref: str) -> Iterator[Path]:
        """Have a FIFO for a call that runs as a task, or for one.

        Raises:
            GraftError: INTERNAL_ERROR, when it cannot be made.
        """
        with self._channels.channel(lambda told: self._take(ref, told)) as path:
            yield path

    async def close(self) -> None:
        """Write no more."""
        await self._reporter.close()

    def _take(self, ref: str, told: Told) -> None:
        now = time.time()
        lines = [LogLine(now, text) for text in told.lines]
        entry = self._entries.get(ref)
        if entry is not None:
            if not entry.task.pending:
                return
            entry.put(entry.task.told(told.progress, lines))
        else:
            progress, before, count = self._of_clients.get(ref, (None, (), 0))
            progress = progress if told.progress is None else told.progress
            self._of_clients[ref] = progress, bounded_log([*before, *lines]), count + len(lines)
        self._reporter.report(ref)

    async def _write(self, refs: Sequence[str]) -> None:
        own = [entry.task for ref in refs if (entry := self._entries.get(ref)) is not None and entry.task.pending]
        if own:
            await self._table.tell(self._host, own)
        for ref in refs:
            if ref not in self._of_clients:
                continue
            progress, lines, count = self._of_clients.pop(ref)

            def told(
                task: Task,
                progress: float | None = progress,
                lines: Sequence[LogLine] = lines,
                count: int = count,
            ) -> Task:
                return task.told(progress, lines, count) if task.pending else task

            await self._table.edit([(ref, told)])
