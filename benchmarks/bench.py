"""What a call costs on its whole path, HTTP to executable and back, against a bare spawn of the same file.

    make bench                                                 # everything, about ten minutes
    make bench BENCH=--quick                                   # rougher, in under a minute
    python -m benchmarks.bench --kinds python --clients 16     # single cells; also --contenders
    python -m benchmarks.bench --soak                          # memory after 100,000 calls, against 1,000
    python -m benchmarks.bench --json

Every contender gets a turn in each round, in another order each time, so that a machine whose speed drifts treats all
alike. nginx with fcgiwrap and lighttpd are measured in the same run where they are installed (Debian's packages
`nginx-light`, `fcgiwrap`, `lighttpd`). docs/performance.md tells what the figures mean.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import resource
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from benchmarks import results
from benchmarks.executables import BODY, CGI_HEADER, EXPECTED, LABELS, NAMES, install, install_resident
from benchmarks.load import Load, Order, compiled, generate
from benchmarks.peers import PEERS, missing
from benchmarks.processes import GRAFT, memory, tree, used
from benchmarks.results import (
    APART,
    BARE,
    EMBEDDED,
    HALF,
    PURE,
    Row,
    Table,
    layout,
    percentile,
    requirement_lines,
    requirements,
)
from benchmarks.services import graft
from benchmarks.spawning import Spawner, bubblewrap
from dispatcher_service.engines.launcher.accelerated import PROGRAM

BUBBLEWRAP = "bubblewrap per call"
COLD = "Graft embedded, no warm interpreters"
GRAFTS: dict[str, tuple[str, dict[str, str]]] = {
    EMBEDDED: ("embedded", {}),
    PURE: ("embedded", {"GRAFT_ACCELERATOR": "off"}),
    COLD: ("embedded", {"GRAFT_ZYGOTES": "off"}),
    APART: ("three processes", {}),
}
"""How each is run, and its settings."""
ONLY = {PURE: "static shell", COLD: "python imports"}
"""What a contender is measured with, where it differs from others in that alone."""
ACCELERATED = Path(PROGRAM).exists()
"""Whether Graft has been installed with the compiled program that makes sandboxes."""
WARM_SECONDS = 0.5
"""Of calls before the first turn of a contender."""
HALF_SECONDS = 5.0
SOAK_CLIENTS = 16


@dataclass
class Cell:
    """What has been measured of a contender with one kind of executable and so many clients."""

    load: Load = field(default_factory=Load)
    cpu: dict[str, float] = field(default_factory=dict)

    def row(self, kind: str, clients: int, contender: str) -> Row:
        """Its figures."""
        load = self.load
        return Row.of((kind, clients, contender), load.latencies, load.rate, load.errors, self.cpu)


Turn = Callable[[Cell, int, float], None]
"""Gather calls in a cell: with so many clients, for so many seconds."""


def spawning(path: Path, wrapper: tuple[str, ...] = ()) -> Turn:
    """Spawn the file from this process, bare or behind a wrapper."""
    spawner = Spawner(path, request(path.name), wrapper)

    def turn(cell: Cell, clients: int, seconds: float) -> None:
        before = children()
        load = spawner.run(clients, seconds)
        add(cell, load, {"spawner": load.cpu, "executables": children() - before})

    return turn


Generator = Callable[[Order], Load]


def serving(generator: Generator, order: Order, processes: Mapping[str, int], below: Sequence[str] = ()) -> Turn:
    """Call over HTTP, as the order says but for clients and time."""

    def turn(cell: Cell, clients: int, seconds: float) -> None:
        before = tree(processes)
        load = generator(replace(order, clients=clients, seconds=seconds))
        add(cell, load, used(processes, below, before, tree(processes)) | {"load generator": load.cpu})

    return turn


def children() -> float:
    """Seconds of processor time that children have used which have been waited for."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def add(cell: Cell, load: Load, cpu: Mapping[str, float]) -> None:
    """Take a turn's results in."""
    cell.load.add(load)
    for part, seconds in cpu.items():
        cell.cpu[part] = cell.cpu.get(part, 0.0) + seconds


def request(method: str, *before: str) -> bytes:
    """A call's XML-RPC request, of about 1 KiB."""
    return xmlrpc.client.dumps((*before, BODY), method).encode()


class Bench:
    """Everything that runs while there is measuring."""

    def __init__(self, root: Path, options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
        self._options = options
        files, declarations, scripts = root / "extensions.d", root / "declarations.d", root / "cgi"
        for folder in (root, files, declarations, scripts):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # calls are other users
        self._files = install(files)
        install_resident(files, declarations)
        install(scripts, CGI_HEADER)
        if "static" not in self._files:
            print("no C compiler: the static executable is left out", file=sys.stderr)
        self._peers = {}
        for name, (run, _) in PEERS.items():
            if not self._wanted(name):
                continue
            if lacking := missing(name):
                print(f"{name} is left out: {', '.join(lacking)} not installed", file=sys.stderr)
                continue
            (root / name).mkdir()
            self._peers[name] = stack.enter_context(run(root / name, scripts))
        folders = {"GRAFT_EXTENSIONS_DIR": str(files), "GRAFT_DECLARATIONS_DIR": str(declarations)}
        self.services = {
            name: stack.enter_context(graft(kind, root / f"graft-{number}", folders | settings))
            for number, (name, (kind, settings)) in enumerate(GRAFTS.items())
            if self._wanted(name) and (ACCELERATED or name != PURE)
        }
        self._wrapper = bubblewrap()
        self._generator: Generator = partial(generate, program=compiled(root))

    def _wanted(self, contender: str) -> bool:
        chosen = self._options.contenders.split(",")
        return any(part == contender if part in GRAFTS else part in contender for part in chosen)

    @property
    def kinds(self) -> list[str]:
        """The kinds of executables that were asked for and that are there."""
        return [kind for kind in self._options.kinds.split(",") if self._file(kind)]

    def _file(self, kind: str) -> Path | None:
        """What others run for this kind: nobody but Graft has resident methods, so they run the static executable."""
        return self._files.get("static" if kind == "resident" else kind)

    def order(self, service: str, kind: str) -> Order:
        """A call of an executable through a running Graft."""
        running = self.services[service]
        body = request(NAMES[kind], running.session).decode()
        return Order(running.port, "/RPC2", body, EXPECTED)

    def contenders(self, kind: str) -> dict[str, Turn]:
        """All that run this kind of executable."""
        path = self._file(kind)
        assert path is not None  # of a kind that is there
        found = {BARE: spawning(path)}
        if self._wrapper:
            found[BUBBLEWRAP] = spawning(path, self._wrapper)
        found = {name: turn for name, turn in found.items() if self._wanted(name)}
        for name, peer in self._peers.items():
            order = Order(peer.port, f"/{path.name}", request(path.name).decode(), EXPECTED)
            found[name] = serving(self._generator, order, peer.processes)
        for name, service in self.services.items():
            if kind not in ONLY.get(name, kind).split():
                continue
            found[name] = serving(self._generator, self.order(name, kind), service.processes, GRAFT)
        return found

    def measure(self, kind: str) -> Iterator[Row]:
        """Let all contenders take their turns, with each number of clients."""
        contenders = self.contenders(kind)
        for turn in contenders.values():
            turn(Cell(), 4, self._options.warm)
        for clients in map(int, self._options.clients.split(",")):
            told(f"{LABELS[kind]}, {clients} clients")
            cells = {name: Cell() for name in contenders}
            for _ in range(self._options.rounds):
                for name, turn in random.sample(sorted(contenders.items()), len(contenders)):
                    turn(cells[name], clients, self._options.seconds)
            for name, cell in cells.items():
                if cell.load.errors:
                    told(f"{name}: {cell.load.errors} wrong answers, the first: {cell.load.example}")
                yield cell.row(kind, clients, name)

    def half(self, kind: str, peak: float) -> tuple[float, float]:
        """Return p50 and p99, in milliseconds, under half of a load that is given in calls a second."""
        told(f"{LABELS[kind]}, {HALF} load: {peak / 2:.0f} calls a second")
        load = self._generator(
            replace(self.order(EMBEDDED, kind), clients=SOAK_CLIENTS, seconds=self._options.half, rate=peak / 2)
        )
        if load.errors:
            told(f"{load.errors} wrong answers, the first: {load.example}")
        ordered = sorted(load.latencies)
        return percentile(ordered, 0.5) * 1000, percentile(ordered, 0.99) * 1000

    def soak(self, first: int, calls: int) -> tuple[dict[str, int], dict[str, int]]:
        """Return the memory of one Graft after the first calls and after all, by part; all kinds take turns."""
        kinds, processes = self.kinds, self.services[EMBEDDED].processes
        found = []
        for upto, count in ((first, first), (calls, calls - first)):
            told(f"soak: {upto} calls")
            for kind in kinds:
                share = max(1, count // len(kinds))
                load = self._generator(replace(self.order(EMBEDDED, kind), clients=SOAK_CLIENTS, calls=share))
                if load.errors:
                    told(f"{load.errors} wrong answers, the first: {load.example}")
            time.sleep(self._options.settle)
            found.append(memory(processes))
        return found[0], found[1]


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """How many times the memory before is the memory after, of all parts together."""
    return sum(after.values()) / sum(before.values())


def told(what: str) -> None:
    """Tell a person who waits."""
    print(f"... {what}", file=sys.stderr, flush=True)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(NAMES), help=f"comma-separated (default {','.join(NAMES)})")
    parser.add_argument("--contenders", default="", help="names or parts of them (default all)")
    parser.add_argument("--clients", help="how many at once (default 1,8,16,32)")
    parser.add_argument("--rounds", type=int, help="turns of each contender (default 3)")
    parser.add_argument("--seconds", type=float, help="length of a turn (default 1)")
    parser.add_argument("--quick", action="store_true", help="one round of short turns, with 1 and 16 clients")
    parser.add_argument("--soak", action="store_true", help="memory only: after 100,000 calls, against 1,000")
    parser.add_argument("--soak-calls", type=int, default=100_000, help="how many (default 100,000)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    found = parser.parse_args()
    if found.soak:
        found.contenders = EMBEDDED
    if unknown := set(found.kinds.split(",")) - set(LABELS):
        parser.error(f"there is no kind {', '.join(sorted(unknown))}; there are {', '.join(LABELS)}")
    found.half, found.warm, found.settle = HALF_SECONDS, WARM_SECONDS, 2.0
    if found.quick:
        found.half, found.warm = 1.0, 0.1
    for name, usual, quick in (("clients", "1,8,16,32", "1,16"), ("rounds", 3, 1), ("seconds", 1.0, 0.25)):
        if getattr(found, name) is None:
            setattr(found, name, quick if found.quick else usual)
    return found


def main() -> None:
    """Measure, and print the tables."""
    chosen = options()
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as folder, contextlib.ExitStack() as stack:
        bench = Bench(Path(folder), chosen, stack)
        if chosen.soak:
            soak(bench, chosen)
            return
        table = Table(tuple(row for kind in bench.kinds for row in bench.measure(kind)))
        half = {}
        for kind in bench.kinds:
            peaks = [row.rate for row in table.rows if (row.kind, row.contender) == (kind, EMBEDDED)]
            if peaks:
                half[kind] = bench.half(kind, max(peaks))
    found = requirements(table, half, None, accelerated=ACCELERATED)
    if chosen.json:
        print(results.as_json(table, found, {"half": half}))
    else:
        print(layout(table.lines()), layout(requirement_lines(found)), sep="\n\n")


def soak(bench: Bench, chosen: argparse.Namespace) -> None:
    """Measure memory, and print it."""
    before, after = bench.soak(min(1000, chosen.soak_calls), chosen.soak_calls)
    found = requirements(Table(()), {}, grown(before, after), accelerated=ACCELERATED)[-1:]
    if chosen.json:
        print(results.as_json(Table(()), found, {"memory": {"before": before, "after": after}}))
        return
    lines = [["memory, MiB", "after 1,000", f"after {chosen.soak_calls:,}"]]
    lines += [[part, *(f"{side.get(part, 0) / 2**20:.1f}" for side in (before, after))] for part in sorted(after)]
    print(layout(lines), layout(requirement_lines(found)), sep="\n\n")


if __name__ == "__main__":
    main()
