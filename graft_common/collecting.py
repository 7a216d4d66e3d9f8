"""Making many values that live on, without a search for garbage in the midst of it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0


@contextmanager
def no_collection() -> Iterator[None]:
    """Put off the search for reference cycles until the block, and all others like it, have ended.

    Each such search looks at all that has been made, none of which is garbage: it takes longer than the making. Where
    somebody has switched it off already, it stays off.
    """
    global _pauses  # noqa: PLW0603  (there is one collector for all of the process)
    with _lock:
        paused = _pauses > 0 or gc.isenabled()
        if paused:
            gc.disable()
            _pauses += 1
    try:
        yield
    finally:
        with _lock:
            if paused:
                _pauses -= 1
                if not _pauses:
                    gc.enable()
