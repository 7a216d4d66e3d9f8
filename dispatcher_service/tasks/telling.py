"""What the calls of tasks tell of themselves while they run: taken from their FIFOs, shown at once, written soon."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dispatcher_service.store.store import DispatcherStore
from dispatcher_service.tasks.channel import Channels
from dispatcher_service.tasks.entry import Entry
from dispatcher_service.tasks.lines import Told
from dispatcher_service.tasks.reporting import Reporter
from dispatcher_service.tasks.task import LogLine, Task, bounded_log
from graft_common.errors import GraftError


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """What was told of a client's task and is not in the store yet."""

    progress: float | None = None
    lines: tuple[LogLine, ...] = ()
    """The last ones."""
    count: int = 0
    """How many there were."""

    def then(self, later: _Unwritten) -> _Unwritten:
        """Return both as one."""
        progress = self.progress if later.progress is None else later.progress
        return _Unwritten(progress, bounded_log([*self.lines, *later.lines]), self.count + later.count)

    def told_of(self, task: Task) -> Task:
        """Return the task with it, unless that has ended."""
        return task.told(self.progress, self.lines, self.count) if task.pending else task


_NOTHING = _Unwritten()


class Telling:
    """Serves all calls of a dispatcher that run as tasks, or for a task that a client has made."""

    def __init__(self, store: DispatcherStore, host: str, entries: Mapping[str, Entry], channels: Channels) -> None:
        """Begin.

        Args:
            store: where tasks are kept.
            host: the UUID of this host.
            entries: the tasks that run here.
            channels: makes the FIFOs.
        """
        self._table = store.tasks
        self._host = host
        self._entries = entries
        self._channels = channels
        self._of_clients: dict[str, _Unwritten] = {}
        self._reporter = Reporter(self._write, store.reachable)

    @contextmanager
    def channel(self, ref: str) -> Iterator[Path]:
        """Have a FIFO for a call that runs as a task, or for one.

        Raises:
            GraftError: INTERNAL_ERROR, when it cannot be made.
        """
        with self._channels.channel(lambda told: self._take(ref, told)) as path:
            yield path

    async def close(self) -> None:
        """Write what was told last, and no more."""
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
            self._add(ref, _Unwritten(told.progress, tuple(lines), len(lines)))
        self._reporter.report(ref)

    def _add(self, ref: str, later: _Unwritten) -> None:
        self._of_clients[ref] = self._of_clients.get(ref, _NOTHING).then(later)

    async def _write(self, refs: Sequence[str]) -> None:
        own = [entry.task for ref in refs if (entry := self._entries.get(ref)) is not None and entry.task.pending]
        if own:
            await self._table.tell(self._host, own)
        of_clients = {ref: self._of_clients.pop(ref) for ref in refs if ref in self._of_clients}
        if not of_clients:
            return
        try:
            await self._table.edit([(ref, unwritten.told_of) for ref, unwritten in of_clients.items()])
        except GraftError:
            for ref, unwritten in of_clients.items():
                later = self._of_clients.pop(ref, _NOTHING)
                self._of_clients[ref] = unwritten.then(later)
            raise
