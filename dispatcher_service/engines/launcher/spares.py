"""Sandboxes that are made before they are asked for, so that a call need not wait for one. The standard library only.

A spare waits with its walls up for any call of the usual kind of network. It serves one call and ends with it, as any
sandbox does.
"""

from __future__ import annotations

import os
import socket
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher.call import Call
from dispatcher_service.engines.launcher.wire import pack_call

FEW, MOST = 4, 16
"""How many wait at any time, and how many while calls come: each is a process of 2 MiB."""
QUIET = 0.005
"""Seconds without anything to do after which more than a few are made: they are not to slow down calls."""
LIFE = 3.0
"""Seconds without a call after which all but a few are let go."""


class Spare(NamedTuple):
    """A sandbox that waits, or is on its way there: a call can be given to it already."""

    call: Call
    line: socket.socket
    mounts: int
    """Its namespace of mounts."""

    def hand_over(self, message: bytes, fds: list[int]) -> None:
        """Give it its call.

        Args:
            message: see `pack`.
            fds: standard input, output and error.

        Raises:
            OSError: it is dead.
        """
        socket.send_fds(self.line, [message], fds)

    def close(self) -> None:
        """Let go of it; when it has no call, it ends."""
        self.line.close()
        os.close(self.mounts)


def pack(request: dict[str, Any], rules: list[tuple[str, int]]) -> bytes:
    """A call as sandboxes are told it.

    Args:
        request: the call's; see `program.py`.
        rules: Landlock's, for what was mounted for this call.

    Raises:
        ValueError: nothing could be run by that.
    """
    return pack_call(request["argv"], request["env"], request["rlimits"], request["processes"], rules)


class Spares:
    """Those that wait, and those that were ordered."""

    def __init__(self) -> None:
        self.waiting: list[Spare] = []
        self.ordered: dict[int, Call] = {}
        """What is being made, by the sandboxes' numbers."""
        self.wanted = FEW
        """How many there are to be."""

    @property
    def missing(self) -> int:
        """How many are to be made when there is time."""
        return self.wanted - len(self.waiting) - len(self.ordered)

    @property
    def are_scarce(self) -> bool:
        """Whether so many are missing that the next ones are to be made at once."""
        return self.missing > max(0, self.wanted - FEW)

    def take(self) -> Spare | None:
        """One for a call, which the caller closes."""
        return self.waiting.pop(0) if self.waiting else None

    def let_go(self) -> None:
        """Keep a few."""
        self.wanted = FEW
        for spare in self.waiting[FEW:]:
            spare.close()
        del self.waiting[FEW:]

    def forget(self, call: Call) -> None:
        """One has died. No others are made until a call has ended, lest that goes on and on."""
        for spare in [spare for spare in self.waiting if spare.call is call]:
            self.waiting.remove(spare)
            spare.close()
            self.wanted = 0
