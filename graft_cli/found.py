"""One line of the report of `graft doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at, and how it is."""

    area: str
    """`engine native`, `other engines`, `declarations`, `extensions` or `data`."""
    name: str
    ok: bool
    needed: bool
    """Whether Graft cannot do its work without it; a file that is ignored harms nobody."""
    detail: str
    fix: str = ""
    by: str = ""
    """For a wall around calls: what it is made of here."""

    @property
    def state(self) -> str:
        """How it is, in a word."""
        if self.area == "other engines":
            return "works" if self.ok else "no"
        if self.ok:
            return "ok"
        if self.needed:
            return "MISSING"
        # An engine that works lacks nothing: what is not there is refused to others, or is no wall of its own.
        return "no" if self.area.startswith("engine ") else "ignored"

    @property
    def text(self) -> str:
        """What is told of it: what it is made of, what was seen, and what mends it."""
        both = self.by and self.detail and self.detail not in self.by
        told = f"{self.by}: {self.detail}" if both else self.by or self.detail
        return f"{told} (fix: {self.fix})" if self.fix else told
