"""Figures with what they are compared to, and a table of them."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Figure:
    """One measurement; `base` is what it is divided by in the last column, `aim` what it should stay below."""

    what: str
    value: float
    unit: str
    aim: float | None = None
    base: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the base it is."""
        return None if not self.base else self.value / self.base


@dataclass
class Figures:
    """All of a run, in sections."""

    sections: dict[str, list[Figure]] = field(default_factory=dict)
    _section: str = ""

    def begin(self, section: str) -> None:
        """Let the figures that follow belong to a section."""
        self._section = section
        self.sections[section] = []
        print(f"... {section}", file=sys.stderr, flush=True)

    def add(self, what: str, value: float, unit: str, *, aim: float | None = None, base: float | None = None) -> float:
        """Add a figure, and return it."""
        self.sections[self._section].append(Figure(what, value, unit, aim, base))
        return value

    def add_times(
        self, what: str, times: Sequence[float], *, aim: float | None = None, base: float | None = None
    ) -> float:
        """Add the median of some times in seconds as milliseconds, and return it."""
        return self.add(what, statistics.median(times) * 1000, "ms", aim=aim, base=base)

    def print(self, *, as_json: bool) -> None:
        """Print the table."""
        if as_json:
            found = {name: [asdict(figure) for figure in figures] for name, figures in self.sections.items()}
            json.dump(found, sys.stdout, indent=2)
            print()
            return
        for name, figures in self.sections.items():
            print(f"\n{name:<60}{'figure':>10} {'':<4}{'aim':>8}{'ratio':>8}")
            for figure in figures:
                aim = "" if figure.aim is None else f"{figure.aim:g}"
                ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}x"
                missed = "  missed" if figure.aim is not None and figure.value > figure.aim else ""
                print(f"  {figure.what:<58}{figure.value:>10.3f} {figure.unit:<4}{aim:>8}{ratio:>8}{missed}")
