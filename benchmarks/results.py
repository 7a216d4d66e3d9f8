"""Rows of figures from what was measured, their table, and which requirements are met. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

BARE = "bare spawn"
NGINX = "nginx+fcgiwrap"
EMBEDDED = "Graft embedded"
PURE = "Graft embedded, pure Python"
APART = "Graft as three processes"
HALF = "half of the peak"
HEADS = (
    "executable",
    "clients",
    "contender",
    "p50 ms",
    "p99 ms",
    "calls/s",
    "p50 :bare",
    "rate :bare",
    "rate :nginx",
    "errors",
    "CPU ms a call",
)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values are; of ascending values, at least one."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@dataclass(frozen=True)
class Row:
    """A contender's figures for one kind of executable and so many clients; times in milliseconds."""

    kind: str
    clients: int
    contender: str
    calls: int
    errors: int
    p50: float
    p99: float
    rate: float
    """Calls a second."""
    cpu: dict[str, float] = field(default_factory=dict)
    """Milliseconds of processor time a call, by part."""

    @classmethod
    def of(
        cls, cell: tuple[str, int, str], latencies: Iterable[float], rate: float, errors: int, cpu: Mapping[str, float]
    ) -> Row:
        """Make one of latencies in seconds, and of the seconds of processor time that parts have used in all."""
        ordered = sorted(latencies)
        p50, p99 = (percentile(ordered, share) * 1000 for share in (0.50, 0.99))
        parts = {part: seconds * 1000 / len(ordered) for part, seconds in cpu.items()}
        return cls(*cell, len(ordered), errors, p50, p99, rate, parts)


@dataclass(frozen=True)
class Table:
    """All rows of a run."""

    rows: tuple[Row, ...]

    def find(self, kind: str, clients: int, contender: str) -> Row | None:
        """The row of a cell, when it was measured."""
        for row in self.rows:
            if (row.kind, row.clients, row.contender) == (kind, clients, contender):
                return row
        return None

    def lines(self) -> list[list[str]]:
        """The table's cells, the heads first; ratios are against the bare spawn with as many clients."""
        found = [list(HEADS)]
        for row in self.rows:
            bare = self.find(row.kind, row.clients, BARE)
            nginx = self.find(row.kind, row.clients, NGINX)
            found.append(
                [
                    row.kind,
                    str(row.clients),
                    row.contender,
                    f"{row.p50:.2f}",
                    f"{row.p99:.2f}",
                    f"{row.rate:.0f}",
                    ratio(row.p50, bare.p50 if bare else None),
                    ratio(row.rate, bare.rate if bare else None),
                    ratio(row.rate, nginx.rate if nginx else None),
                    str(row.errors),
                    processor_time(row.cpu),
                ]
            )
        return found


def ratio(value: float, base: float | None) -> str:
    """A ratio for people; a dash where there is nothing to compare to."""
    return f"{value / base:.2f}" if base else "-"


def processor_time(cpu: dict[str, float]) -> str:
    """Processor time by part, and in all."""
    told = ", ".join(f"{name} {value:.2f}" for name, value in cpu.items() if value >= 0.005)
    return f"{sum(cpu.values()):.2f} = {told}" if told else "-"


@dataclass(frozen=True)
class Requirement:
    """A ratio that must be kept: at most so much, or at least."""

    what: str
    against: str
    bound: float
    value: float | None
    """`None` when it was not measured in this run."""
    at_least: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether it is kept, when it was measured."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def requirements(
    table: Table, half: dict[str, tuple[float, float]], grown: float | None, *, accelerated: bool
) -> list[Requirement]:
    """Compare with what must be kept.

    Args:
        table: what was measured in closed loops.
        half: p50 and p99 by kind of executable under half of the peak load.
        accelerated: whether Graft makes sandboxes by its accelerator unless it is told not to.
        grown: how many times the memory after 1,000 calls there was after 100,000.
    """

    def p50(kind: str, contender: str) -> float | None:
        row, base = table.find(kind, 1, contender), table.find(kind, 1, BARE)
        return row.p50 / base.p50 if row and base else None

    def rate(kind: str, contender: str, clients: int) -> float | None:
        row, base = table.find(kind, clients, contender), table.find(kind, clients, NGINX)
        return row.rate / base.rate if row and base else None

    pure, fast = (PURE, EMBEDDED) if accelerated else (EMBEDDED, "")
    found = [
        Requirement("Python script, p50, one client", BARE, 0.12, p50("python", EMBEDDED)),
        Requirement("Python script, throughput, 16 clients", NGINX, 8, rate("python", EMBEDDED, 16), at_least=True),
        Requirement("static executable, p50, one client, pure Python launcher", BARE, 7, p50("static", pure)),
        Requirement("static executable, p50, one client, accelerator", BARE, 3.5, p50("static", fast)),
        Requirement(
            "static executable, throughput, 16 clients, pure Python launcher",
            NGINX,
            0.2,
            rate("static", pure, 16),
            at_least=True,
        ),
        Requirement(
            "static executable, throughput, 16 clients, accelerator",
            NGINX,
            0.5,
            rate("static", fast, 16),
            at_least=True,
        ),
    ]
    found += [
        Requirement(
            f"resident method, throughput, 32 clients, {contender}",
            f"{NGINX}, static executable",
            2,
            rate("resident", contender, 32),
            at_least=True,
        )
        for contender in (EMBEDDED, APART)
    ]
    found += [
        Requirement(f"{kind}: p99 under {HALF} load", "p50 under the same load", 5, high / low)
        for kind, (low, high) in half.items()
    ]
    return [*found, Requirement("memory after 100,000 calls", "after 1,000", 1.05, grown)]


def requirement_lines(found: Sequence[Requirement]) -> list[list[str]]:
    """Their table's cells, the heads first."""
    words = {True: "reached", False: "NOT REACHED", None: "not measured"}
    return [["what", "against", "bound", "ratio", ""]] + [
        [
            one.what,
            one.against,
            f"{'>=' if one.at_least else '<='} {one.bound:g}",
            "-" if one.value is None else f"{one.value:.3g}",
            words[one.reached],
        ]
        for one in found
    ]


def layout(lines: Sequence[Sequence[str]]) -> str:
    """Cells as text in columns; numbers to the right, the last column as long as it is."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    told = []
    for line in lines:
        cells = [
            cell.rjust(width) if cell[:1].isdigit() or cell == "-" else cell.ljust(width)
            for cell, width in zip(line, widths, strict=True)
        ]
        told.append("  ".join(cells).rstrip())
    return "\n".join(told)


def as_json(table: Table, found: Sequence[Requirement], more: dict[str, object]) -> str:
    """Everything as one JSON document."""
    return json.dumps(
        {
            "rows": [asdict(row) for row in table.rows],
            "requirements": [asdict(one) | {"reached": one.reached} for one in found],
            **more,
        },
        indent=2,
    )
