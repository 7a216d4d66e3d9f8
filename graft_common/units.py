"""Durations and sizes as people write them: `30s`, `5min`, `256MiB`."""

from __future__ import annotations

import re

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "k": 2**10,
    "m": 2**20,
    "g": 2**30,
}
# As many digits as a double holds without loss.
_QUANTITY = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z]*)\s*")


def seconds(text: str | float) -> float:
    """Read a duration: a number of seconds, or one with `ms`, `s`, `min`, `h` or `d` behind it.

    Raises:
        ValueError: the text is no duration.
    """
    return _read(text, _SECONDS, "a duration such as 30s, 1.5min or 90")


def size(text: str | float) -> int:
    """Read a size in bytes: a number, or one with `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB` behind it.

    Raises:
        ValueError: the text is no size.
    """
    return int(_read(text, _BYTES, "a size such as 256MiB, 1GB or 65536"))


def format_seconds(value: float) -> str:
    """Write a duration in seconds, without a needless fraction."""
    return f"{value:.15g} s"


def format_size(value: int) -> str:
    """Write a size with the largest binary unit that leaves a whole number."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor and value % factor == 0:
            return f"{value // factor} {unit}"
    return f"{value} bytes"


def short_size(value: int) -> str:
    """Write a size with the largest binary unit that fits and at most one digit behind the point, for people."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor:
            return f"{round(value / factor, 1):g} {unit}"
    return f"{value} bytes"


def _read(text: str | float, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    match = _QUANTITY.fullmatch(str(text))
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not {wanted}")
    return float(match[1]) * factor
