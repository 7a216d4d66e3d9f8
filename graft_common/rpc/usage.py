"""What a call has used, as one line of text: in the details of errors, and in a header of HTTP answers."""

from __future__ import annotations

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
