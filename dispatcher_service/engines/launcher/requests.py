"""Reading what the dispatcher asks for; most is the same for every call of a method. The standard library only."""

from __future__ import annotations

import json
from typing import Any

SAME = b',"argv":'
"""Where what may be the same begins, in a message that says `run`."""
MOST = 64
"""How many are kept."""
MAX_KEPT = 16 << 10
"""Bytes of the largest."""


class Requests:
    """Reads messages, and keeps what it has read of those that come again."""

    def __init__(self) -> None:
        self._kept: dict[bytes, dict[str, Any]] = {}

    def read(self, data: bytes) -> dict[str, Any]:
        """A message. What is in it is not to be changed, but for `prepared`: whatever was made of it before."""
        head, sign, same = data.partition(SAME)
        kept = self._kept.get(same) if sign else None
        if kept is not None:
            varying: dict[str, Any] = json.loads(head + b"}")
            return varying | kept
        request: dict[str, Any] = json.loads(data)
        # Not what was granted to a method: that is no business of the next call's sandbox, were it to see this memory.
        if sign and len(same) <= MAX_KEPT and len(request["env"]) <= 1 and not request.get("secrets"):
            request["prepared"] = {}
            if len(self._kept) >= MOST:
                self._kept.clear()
            own = json.loads(head + b"}")
            self._kept[same] = {name: value for name, value in request.items() if name not in own}
        return request
