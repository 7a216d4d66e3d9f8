"""What calls write about themselves: one line for each thing that they tell, on plain values.

`progress 0.5` tells how far the call is, from 0 to 1; `log Copying disk 2 of 7` is for whoever watches its task.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

MAX_LINE = 1000
"""Characters of a line for the log; the rest is cut off."""
_MAX_BYTES = 4 * MAX_LINE + 16
_SHOWN = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(slots=True)
class Told:
    """What a call has told since somebody has looked."""

    progress: float | None = None
    lines: list[str] = field(default_factory=list)


class LineReader:
    """Reads the bytes of one call as they come, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False
        self._puzzled = False

    def feed(self, data: bytes) -> Told:
        """Return what the lines tell that are whole now. What cannot be read is shown once, for its author's sake."""
        told = Told()
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._take(self._rest + line, told)
            self._rest = b""
        self._rest += rest
        if len(self._rest) > _MAX_BYTES:
            # Nothing that is so long is of use; its beginning stands for all of it.
            self._take(self._rest, told)
            self._rest, self._skipping = b"", True
        return told

    def _take(self, line: bytes, told: Told) -> None:
        if self._skipping:
            self._skipping = False
            return
        text = line.decode("utf-8", "replace").rstrip("\r")
        word, _, rest = text.partition(" ")
        if word == "log":
            told.lines.append(_plain(rest, MAX_LINE))
        elif word == "progress" and (progress := _number(rest)) is not None:
            told.progress = progress
        elif text.strip() and not self._puzzled:
            self._puzzled = True
            told.lines.append(f"(neither a progress from 0 to 1 nor a log line: {_plain(text, _SHOWN)!r})")


def _number(text: str) -> float | None:
    if len(text) > _SHOWN:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return abs(number) if not math.isnan(number) and 0 <= number <= 1 else None


def _plain(text: str, most: int) -> str:
    """Return a text that does nothing to a terminal."""
    return _CONTROL.sub(" ", text[:most])
