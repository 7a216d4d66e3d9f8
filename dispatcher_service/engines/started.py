"""What the launcher was asked to start for a call: its end to be, and the reader of its output."""

from __future__ import annotations

from collections.abc import Mapping

from dispatcher_service.engines.base import Command, Limits, Outcome
from dispatcher_service.engines.launcher.client import Ending, Launcher, Request
from dispatcher_service.engines.stdio import GivenEnds, OutputReader


class Started:
    """What the launcher was asked to start, and the reader of its output.

    Raises:
        OSError: a descriptor too many.
    """

    end: Ending

    def __init__(self, launcher: Launcher, limits: Limits, given: GivenEnds | None = None) -> None:
        self.launcher = launcher
        self.limits = limits
        self.number = 0
        self.reader = given or OutputReader(limits.output, lambda: launcher.kill(self.number), limits.stderr)

    def start(self, request: Request, fds: list[int], bounds: Mapping[str, float]) -> None:
        """Ask for it; takes the descriptors over. What is in `bounds` holds for all its processes together."""
        self.number, self.end = self.launcher.run(request, fds, bounds)

    def was_run(self) -> bool:
        """Whether it may have come as far as to execute its command."""
        return True

    def judge(self, command: Command, head: bytes, outcome: Outcome) -> Outcome:
        """What the outcome is for the command."""
        del command, head
        return outcome

    def close(self) -> None:
        """Let go of what is left of it, once it is over."""
