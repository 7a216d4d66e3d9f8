"""Comparing the versions of stacks and extensions.

A version is trimmed and cut at its first `-`; its parts between dots count as numbers, up to four of them, and what is
no number counts as 0. That is the order that Ambari documents; its own code (VersionUtils.java) strays from it where
its unescaped pattern matches by accident (2.100 before 2.99), which nobody can want.
"""

from __future__ import annotations

SEGMENTS = 4
_MAX_DIGITS = 18


def version_key(version: str) -> tuple[int, ...]:
    """Return what a version sorts by: four numbers."""
    parts = version.strip().split("-", 1)[0].split(".")
    numbers = [_number(part) for part in parts[:SEGMENTS]]
    return (*numbers, *[0] * (SEGMENTS - len(numbers)))


def compare_versions(left: str, right: str) -> int:
    """Return -1, 0 or 1 as `left` is older than, as old as, or newer than `right`.

    Raises:
        ValueError: one of them is empty.
    """
    for name, version in (("version1", left), ("version2", right)):
        if not version.strip():
            raise ValueError(f"{name} cannot be empty")
    a, b = version_key(left), version_key(right)
    return (a > b) - (a < b)


def newest_first(versions: list[str]) -> list[str]:
    """Sort versions, the newest first; those that compare equal by their text, so that the order is always the same."""
    return sorted(versions, key=lambda version: (version_key(version), version), reverse=True)


def _number(part: str) -> int:
    """Read one part; a suffix behind `_` is a vendor's name (1.2.3_MYAMBARI)."""
    digits = part.strip().split("_", 1)[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS else 0
