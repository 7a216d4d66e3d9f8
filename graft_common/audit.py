"""What audit records of all services have in common, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of what was done."""

    name: str
    value: str | None = None
    """None unless it is known that the value is no secret."""
