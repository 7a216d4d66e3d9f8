"""Sandboxes that are built before they are asked for, so that a call need not wait for one. The standard library only.

A spare is everything that a call's first process makes of itself, for a kind of call that was made lately and is likely
to be made again: the same extension at the same place, the same limits and network. It waits with all its walls up for
what is different each time: arguments, environment, standard input, output and error. It serves one call and ends with
it, as any sandbox does. A blank is the beginning of any sandbox, up to where calls differ; calls of a kind that has no
spare get one. Calls that were granted paths or secrets get neither.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher.call import Call, Kind, Order

MOST = 4
"""Spares at once; each is a process that waits."""
LIFE = 3.0
"""Seconds that one waits at most. Who calls more seldom can wait himself; an idle launcher holds nothing for long."""
REMEMBERED = 64
"""Kinds of calls that are known to have been made; the second call of a kind is followed by a spare."""
BLANKS = 2
"""Blanks that wait."""
FIRST_NUMBER = 1 << 31
"""Spares are numbered from here on, until they serve a call; calls are from 1 on."""
SAME = ("tree", "mount_at", "network", "tmp", "inner", "rlimits", "processes", "bounds")
"""What calls of one kind have in common."""


class Blank(NamedTuple):
    """The beginning of a sandbox, which waits for all that makes it one."""

    call: Call
    line: socket.socket

    @staticmethod
    def fits(request: dict[str, Any]) -> bool:
        """Whether it could become the sandbox of a call: the network is there already, and its group is bounded."""
        return bool(request["network"] != "loopback" and request["bounds"].get("memory"))

    def hand_over(self, request: dict[str, Any], fds: list[int], tree: int) -> None:
        """Give it its call, and its tree's mounts.

        Raises:
            OSError: it is dead.
        """
        try:
            socket.send_fds(self.line, [json.dumps(request).encode()], [*fds[:3], tree])
        finally:
            self.line.close()


class Spare(NamedTuple):
    """A sandbox that waits."""

    call: Call
    line: socket.socket
    until: float

    def hand_over(self, request: dict[str, Any], fds: list[int], uid: int | None) -> None:
        """Give it its call.

        Args:
            request: the call's.
            fds: standard input, output and error, and more.
            uid: the user that it runs as; None for the launcher's.

        Raises:
            OSError: it is dead.
        """
        if uid is not None:
            for fd in fds[1:3]:
                os.fchown(fd, uid, uid)  # so that a script may open /dev/stdout and /dev/stderr
        message = json.dumps({name: request[name] for name in ("id", "argv", "env")}).encode()
        socket.send_fds(self.line, [message], fds[:3])
        self.line.close()


def identity(folder: int) -> tuple[int, int]:
    """What tells one folder from another: its device and number."""
    found = os.fstat(folder)
    return found.st_dev, found.st_ino


class Spares:
    """Which kinds of calls there were lately, and what waits for the next one."""

    def __init__(self) -> None:
        self._seen: dict[Kind, int] = {}
        self._orders: dict[Kind, Order] = {}
        self._waiting: dict[Kind, Spare] = {}
        self._made = 0
        self.blanks: list[Blank] = []
        self.wants_blank = False
        """Whether one is to be built."""

    @staticmethod
    def order(request: dict[str, Any], place: tuple[int, int]) -> Order | None:
        """What a spare for calls like this one would be built from; None where there is to be none."""
        if request["paths"] or request["secrets"]:
            return None
        kind = (str(place), *(str(request[name]) for name in SAME))
        return Order(kind, {**request, "argv": [], "env": {}}, place)

    def want(self, order: Order) -> None:
        """A call of this kind has ended."""
        self.wants_blank = len(self.blanks) < BLANKS
        count = self._seen.pop(order.kind, 0) + 1
        self._seen[order.kind] = count
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if count > 1 and order.kind not in self._waiting:
            self._orders[order.kind] = order

    @property
    def wanted(self) -> bool:
        """Whether there is one to be built."""
        return bool(self._orders) or self.wants_blank

    def next(self) -> Order:
        """The one to be built now; its request has a number of its own."""
        order = self._orders.pop(next(iter(self._orders)))
        return order._replace(request={**order.request, "id": self._number()})

    def blank_request(self) -> dict[str, Any]:
        """What a blank begins with."""
        return {"id": self._number(), "mode": "native"}

    def add_blank(self, blank: Blank) -> None:
        """One is being built; it can be given a call already."""
        self.blanks.append(blank)
        self.wants_blank = len(self.blanks) < BLANKS

    def _number(self) -> int:
        self._made += 1
        return FIRST_NUMBER + self._made % FIRST_NUMBER

    def add(self, order: Order, call: Call, line: socket.socket) -> None:
        """One is being built; it can be given a call already."""
        self._waiting[order.kind] = Spare(call, line, time.monotonic() + LIFE)

    def take(self, order: Order) -> Spare | None:
        """One for a call of this kind."""
        self._orders.pop(order.kind, None)
        return self._waiting.pop(order.kind, None)

    def forget(self, call: Call) -> None:
        """One has died."""
        for kind, spare in list(self._waiting.items()):
            if spare.call is call:
                self._waiting.pop(kind).line.close()
        for blank in self.blanks:
            if blank.call is call:
                blank.line.close()
        self.blanks = [blank for blank in self.blanks if blank.call is not call]

    def due(self) -> float | None:
        """When one has waited long enough, by the monotonic clock."""
        return min((spare.until for spare in self._waiting.values()), default=None)

    def too_many(self) -> Iterator[Call]:
        """Those that are to be killed: they have waited long enough, or there are more than there should be."""
        now = time.monotonic()
        for kind, spare in list(self._waiting.items()):
            if spare.until <= now or len(self._waiting) > MOST:
                self._waiting.pop(kind).line.close()
                yield spare.call
