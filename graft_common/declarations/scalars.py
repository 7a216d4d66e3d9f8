"""What xapi takes for an integer, a float and a point in time.

These are OCaml's `Int64.of_string` and `float_of_string`, and the `Date` of xapi's clock library.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from graft_common.values import INT64_MAX, INT64_MIN

_MAX_DIGITS = 400
_DECIMAL = re.compile(r"[-+]?[0-9][0-9_]*")
_PREFIXED = re.compile(r"([-+]?)0([xXoObBuU])([0-9A-Fa-f][0-9A-Fa-f_]*)")
_BASES = {"x": 16, "o": 8, "b": 2, "u": 10}
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]{1,6})?")
_HEX_FLOAT = re.compile(r"[-+]?0[xX][0-9A-Fa-f][0-9A-Fa-f_]*(?:\.[0-9A-Fa-f_]*)?(?:[pP][-+]?[0-9]{1,6})?")
_NAMED_FLOATS = re.compile(r"[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_TIME = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)T(\d\d)(:?)(\d\d)\6(\d\d)(?:[.,](\d{1,9}))?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?", re.ASCII
)


def int_of_text(text: str) -> int | None:
    """Read an integer as OCaml does: `5`, `-1`, `1_000`, `0x1f`, `0o17`, `0b11`; None where it is none of 64 bits.

    With a prefix the value may fill all 64 bits, and counts below zero beyond the largest one.
    """
    if len(text) > _MAX_DIGITS:
        return None
    if _DECIMAL.fullmatch(text):
        number = int(text.replace("_", ""))
        return number if INT64_MIN <= number <= INT64_MAX else None
    match = _PREFIXED.fullmatch(text)
    if match is None:
        return None
    sign, base, digits = match.groups()
    try:
        number = int(digits.replace("_", ""), _BASES[base.lower()])
    except ValueError:
        return None
    if number > 2**64 - 1:
        return None
    if number > INT64_MAX:
        number -= 2**64
    # The smallest integer is its own opposite in 64 bits.
    return -number if sign == "-" and number != INT64_MIN else number


def float_of_text(text: str) -> float | None:
    """Read a number as OCaml does: `1.5`, `1e3`, `1_000`, `0x1.8p3`, `nan`, `-inf`; None where it is none."""
    if len(text) > _MAX_DIGITS:
        return None
    if _FLOAT.fullmatch(text) or _NAMED_FLOATS.fullmatch(text):
        return float(text.replace("_", ""))
    if _HEX_FLOAT.fullmatch(text):
        try:
            return float.fromhex(text.replace("_", ""))
        except OverflowError:
            return float("-inf" if text.startswith("-") else "inf")
    return None


def utc_time(text: str) -> str | None:
    """Write a point in time as xapi does, `20260101T00:00:00Z`; None where the text is no ISO 8601 date and time.

    Dashes and colons may be there or not; without a time zone it is UTC. Fractions of a second stay as they are.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, _, month, day, hour, _, minute, second, fraction, _, sign, hours, minutes = match.groups()
    try:
        time = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))  # noqa: DTZ001 - UTC below
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            time = time - offset if sign == "+" else time + offset
    except (ValueError, OverflowError):
        return None
    if sign:
        year, month, day = f"{time.year:04}", f"{time.month:02}", f"{time.day:02}"
        hour, minute = f"{time.hour:02}", f"{time.minute:02}"
    return f"{year}{month}{day}T{hour}:{minute}:{second}{f'.{fraction}' if fraction else ''}Z"
