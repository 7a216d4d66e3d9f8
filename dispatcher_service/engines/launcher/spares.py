"""Sandboxes that are made before they are asked for, so that a call need not wait for one. The standard library only.

A spare waits with its walls up for any call of the usual kind of network. It serves one call and ends with it, as any
sandbox does.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher.call import Call

MOST = 4
"""Spares at once; each is a process that waits."""


class Spare(NamedTuple):
    """A sandbox that waits, or is on its way there: a call can be given to it already."""

    call: Call
    line: socket.socket
    mounts: int
    """Its namespace of mounts."""

    def hand_over(self, request: dict[str, Any], rules: list[tuple[str, int]], fds: list[int]) -> None:
        """Give it its call.

        Args:
            request: the call's; see `program.py`.
            rules: Landlock's, for what was mounted for this call.
            fds: standard input, output and error.

        Raises:
            OSError: it is dead.
        """
        message = {name: request[name] for name in ("argv", "env", "rlimits", "processes")} | {"rules": rules}
        socket.send_fds(self.line, [json.dumps(message).encode()], fds)

    def close(self) -> None:
        """Let go of it; when it has no call, it ends."""
        self.line.close()
        os.close(self.mounts)


class Spares:
    """Those that wait, and those that were ordered."""

    def __init__(self) -> None:
        self._waiting: list[Spare] = []
        self.ordered: dict[int, Call] = {}
        """What is being made, by the sandboxes' numbers."""
        self.wanted = True
        """Whether more are to be made, as soon as nothing else is to do."""

    @property
    def few(self) -> bool:
        """Whether there are less than there should be."""
        return len(self._waiting) + len(self.ordered) < MOST

    def add(self, spare: Spare) -> None:
        self._waiting.append(spare)

    def take(self) -> Spare | None:
        """One for a call, which the caller closes."""
        return self._waiting.pop(0) if self._waiting else None

    def forget(self, call: Call) -> None:
        """One has died."""
        for spare in [spare for spare in self._waiting if spare.call is call]:
            self._waiting.remove(spare)
            spare.close()
