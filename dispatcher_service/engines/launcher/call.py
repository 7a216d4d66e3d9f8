"""One call of the launcher, from its message to its reply. The standard library only."""

from __future__ import annotations

import resource
import socket
import time
from typing import Any

from dispatcher_service.engines.launcher.metering import Meter


class Call:
    """One call, or a sandbox that waits for one, whose request is empty."""

    def __init__(self, request: dict[str, Any], slot: int, meter: Meter) -> None:
        self.slot = slot
        self.meter = meter
        self.pid = 0
        self.script = 0
        """The process that runs the call, where that is a zygote's child and `pid` only the sandbox's first."""
        self.keeper: socket.socket | None = None
        """The line of the sandbox's first process then, which ends when that is closed."""
        self.reaped = False
        self.waiting: set[int] = set()
        """Orphans that must be dead before the reply."""
        self.status_fd = -1
        self.hold_fd = -1
        self.report = b""
        """What the first process has written about itself, unless that is of mode `native`."""
        self.started = False
        self.code = 0
        self.signal = 0
        self.error = ""
        self.reported = False
        """Whether a first process of mode `native` has said how it went."""
        self.verdict = "ended"
        self.cpu = 0.0
        self.maxrss = 0
        self.cleared = False
        """Whether the removal of its folder has begun once."""
        self.serve(request)

    def serve(self, request: dict[str, Any]) -> None:
        """Be the call of a request from now on."""
        self.id: int = request.get("id", 0)
        self.request = request
        self.meter.call = self.id
        self.started_at = time.monotonic()

    def use(self, usage: resource.struct_rusage, *, orphan: bool) -> None:
        self.cpu += usage.ru_utime + usage.ru_stime
        # The first process began as a copy of the launcher, whose size would be counted; its orphan did not.
        self.maxrss = usage.ru_maxrss if orphan and usage.ru_maxrss else max(self.maxrss, usage.ru_maxrss)
