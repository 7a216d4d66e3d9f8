"""Network namespaces with nothing in them, for the engine `native`: one for each sandbox. The standard library only.

To make one and to remove it costs the kernel more than all else in a sandbox. Nothing of a call stays in an empty one:
there is no interface that is up, no address, no rule, and its sockets die with its processes. So the next sandbox of
the same number gets the same one, unless something is left in it after all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from dispatcher_service.engines.launcher import kernel
from dispatcher_service.engines.launcher.kernel import CLONE_NEWNET

SOCKETS = "/proc/thread-self/net/unix"
"""The unix sockets of this process's network namespace, behind a line with titles."""


class Networks:
    """Makes them, and keeps them: as many as there have been sandboxes at once, which is bounded (`MAX_CALLS`).

    Raises:
        OSError: the calling process's own cannot be had.
    """

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._kept: dict[int, int] = {}

    @contextlib.contextmanager
    def inside(self, number: int) -> Iterator[None]:
        """Be in that of a sandbox for a while; no other sandbox that is there has the same number.

        Raises:
            OSError: none can be made.
        """
        try:
            self._enter(number)
            yield
        finally:
            kernel.setns(self._own, CLONE_NEWNET)

    def _enter(self, number: int) -> None:
        kept = self._kept.get(number, -1)
        if kept != -1:
            kernel.setns(kept, CLONE_NEWNET)
            if is_empty():
                return
            os.close(self._kept.pop(number))
        kernel.unshare(CLONE_NEWNET)
        self._kept[number] = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def is_empty() -> bool:
    """Whether there is no unix socket in this process's network namespace, the only kind that calls in it may have."""
    with open(SOCKETS, "rb") as file:  # noqa: PTH123  (pathlib would double this small process)
        file.readline()
        return not file.readline()
