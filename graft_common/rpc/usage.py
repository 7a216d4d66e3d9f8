"""What a call has used, as one line of text: in the details of errors, and in a header of HTTP answers."""

from __future__ import annotations

import re
from typing import NamedTuple

USAGE = "usage"
"""The key in `GraftError.details`, and so in the metadata of an `ErrorInfo`."""


def format_usage(cpu: float, memory: int, wall: float, processes: int) -> str:
    """Write usage: `cpu=0.012;memory=12345678;wall=0.034;processes=2`, in seconds and bytes.

    Args:
        cpu: seconds on processors.
        memory: bytes at most at once.
        wall: seconds from start to end.
        processes: processes and threads at most at once; 0, where that was not counted, is left out.
    """
    text = f"cpu={cpu:.3f};memory={memory};wall={wall:.3f}"
    return f"{text};processes={processes}" if processes else text


class UsageRead(NamedTuple):
    """What such a line says, to the millisecond."""

    cpu: float
    memory: int
    wall: float
    processes: int


def read_usage(text: str) -> UsageRead | None:
    """Read what `format_usage` has written; None for anything else."""
    found = _LINE.fullmatch(text)
    return UsageRead(float(found[1]), int(found[2]), float(found[3]), int(found[4] or 0)) if found else None


_LINE = re.compile(r"cpu=(\d{1,12}\.\d{3});memory=(\d{1,18});wall=(\d{1,12}\.\d{3})(?:;processes=(\d{1,9}))?")
