"""Calls that wait for events: many clients ask the same and are answered the same, and none may hold up a stop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graft_common.errors import service_unavailable
from graft_common.values import Prepared, Value, decode_value
from graft_common.xmlrpc import I4

WAITING_METHODS = frozenset({"event.from", "event.next"})
"""The calls that are answered when something happens."""

MAX_KEPT = 16
"""How many answers are kept: those that were given last."""
MAX_KEPT_BYTES = 16 << 20
_COUNTS = "valid_ref_counts"


class EventCalls:
    """Reads the answers of such calls, each once however many clients are given it, and ends those that still wait."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Value] = OrderedDict()
        self._size = 0
        self._waits: set[asyncio.Timeout] = set()
        self._ended = False

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Let a call wait, until `end_all` at the latest.

        Raises:
            GraftError: SERVICE_UNAVAILABLE, when that has come.
        """
        try:
            async with asyncio.timeout(0 if self._ended else None) as wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            raise service_unavailable("gateway", "it is stopping") from None

    def end_all(self) -> None:
        """End what waits, and let nothing wait any more."""
        self._ended = True
        for wait in self._waits:
            wait.reschedule(0)

    def read(self, data: bytes) -> Value:
        """Return the value of an answer; it is not to be changed.

        Raises:
            ValueDecodeError: it is none.
        """
        value = self._kept.get(data)
        if value is not None:
            self._kept.move_to_end(data)
            return value
        value = decode_value(data)
        if isinstance(value, dict):
            value = Prepared(value)
            counts = value.get(_COUNTS)
            if isinstance(counts, dict):
                # xapi writes these integers with their type, on which clients rely (xapi-project/xen-api#988).
                value[_COUNTS] = {kind: I4(count) for kind, count in counts.items() if isinstance(count, int)}
        self._kept[data] = value
        self._size += len(data)
        while len(self._kept) > MAX_KEPT or (self._size > MAX_KEPT_BYTES and self._kept):
            oldest, _ = self._kept.popitem(last=False)
            self._size -= len(oldest)
        return value
