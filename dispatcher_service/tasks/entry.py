"""A task that runs on this host, in memory."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace

from dispatcher_service.engines.base import Usage
from dispatcher_service.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Output:
    """What a call has answered, as it is kept."""

    xml: str
    json: str
    usage: Usage | None


@dataclass(eq=False, slots=True)
class Entry:
    """A task of this host that runs, or has ended and is not yet kept."""

    task: Task
    session_digest: str
    kept: asyncio.Future[None]
    """Done when this host has no more to do with the task."""
    given_up: asyncio.Future[None]
    work: asyncio.Task[Output] | None = None
    stopping: bool = False
    fenced: bool = False
    begun: float = field(default_factory=time.monotonic)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced by another, when the task changes."""
    said: int = 0
    """How often somebody here has changed what others may change as well; what was read before then is old."""

    def put(self, task: Task) -> None:
        """Let the task be so from now on, and wake those who watch it."""
        if task != self.task:
            self.task = task
            self.news.set()
            self.news = asyncio.Event()

    def say(self, task: Task) -> None:
        """Let the task be as somebody here has said in the store."""
        self.said += 1
        self.put(task)

    def part(self, ref: str, *, there: bool) -> None:
        """Take note of a subtask that has come or gone."""
        parts = set(self.task.subtasks) - {ref} | ({ref} if there else set())
        self.say(replace(self.task, subtasks=tuple(sorted(parts))))
