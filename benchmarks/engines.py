"""What an engine costs: calls of one executable through each engine, against a bare spawn of the same file.

    python -m benchmarks.engines                                # every engine that works here, about ten minutes
    python -m benchmarks.engines --engines native,bubblewrap    # these only
    python -m benchmarks.engines --rounds 3 --json              # quicker and rougher, as one JSON document

A sample is the time from the request's bytes in hand to the answer's bytes in hand and the executable dead. All
contenders take turns, some calls each, so that a machine whose speed drifts treats all alike. An engine that does not
work on this host is left out, and standard error tells why. There are three ways to call:

- `cold`: each call has limits that none had before, so that no sandbox that is complete can be waiting for it;
- `back to back`: the same call again at once;
- `apart`: the same with 8 ms between, as in a service that is not busy: sandboxes that engines prepare are ready.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvloop

from benchmarks.executables import BODY, ENVIRONMENT, install, scripts
from benchmarks.figures import Figures
from benchmarks.load import Load
from dispatcher_service.engines.base import Command, Engine, EngineUnavailable, Limits, Verdict
from dispatcher_service.engines.factory import ENGINES, create

BARE = "bare spawn"
APART = 0.008
TURN = 20
"""Calls of a contender's turn."""
SLOW_TURN = 0.5
"""A turn ends after so many seconds all the same: there are engines that need a tenth of one for each call."""
IN_FLIGHT = (1, 2, 4)
KINDS = ("static", "bash", "python")
COLD_AIM = 3.0
"""Milliseconds that `native` may cost over a bare spawn of the static executable when cold."""
MOUNT_AT = "/opt/bench"
LIMITS = Limits()

Once = Callable[[], Awaitable[None]]


class WrongAnswerError(Exception):
    """An executable has not answered as it should."""


@dataclass
class Contender:
    """One way to run the executable, and what it has taken so far."""

    name: str
    once: Once
    unlike: Once
    """The same, but no two calls are alike."""
    cold: list[float] = field(default_factory=list)
    back_to_back: list[float] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    throughput: dict[int, Load] = field(default_factory=dict)


class Spawner:
    """Spawns a file in this process, with pipes, and nothing around it."""

    def __init__(self, path: Path, request: bytes, threads: concurrent.futures.Executor) -> None:
        self._path = path
        self._request = request
        self._threads = threads

    def here(self) -> None:
        """Spawn it, and wait for its end."""
        stdin, feed = os.pipe()
        drain, stdout = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1)]
        pid = os.posix_spawn(self._path, [str(self._path), "--xmlrpc"], ENVIRONMENT, file_actions=actions)
        os.close(stdin)
        os.close(stdout)
        os.write(feed, self._request)  # a pipe holds it all
        os.close(feed)
        parts = []
        while part := os.read(drain, 65536):
            parts.append(part)
        os.close(drain)
        os.waitpid(pid, 0)
        if b"ok" not in b"".join(parts):
            raise WrongAnswerError(f"{BARE}: {b''.join(parts)!r}")

    async def once(self) -> None:
        """Spawn it while nothing else is to be done, as one client of a single thread would."""
        self.here()

    async def in_thread(self) -> None:
        """Spawn it while others are spawned."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self.here)


def through(engine: Engine, tree: Path, executable: str, request: bytes, *, alike: bool) -> Once:
    """Run the executable by an engine, always with the same limits or each time with others."""
    numbers = itertools.count()

    async def once() -> None:
        number = next(numbers)
        limits = LIMITS if alike else replace(LIMITS, file_size=LIMITS.file_size + 4096 * number)
        call = f"{executable}-{alike}-{number}"
        outcome = await engine.run(Command(call, tree, MOUNT_AT, executable, request, ("--xmlrpc",), limits))
        if outcome.verdict is not Verdict.EXITED or b"ok" not in outcome.stdout:
            raise WrongAnswerError(f"{engine.name}: {outcome}")

    return once


async def turn(once: Once, times: list[float], calls: int, pause: float = 0.0) -> None:
    """Make some calls, one after another."""
    deadline = time.perf_counter() + SLOW_TURN + calls * pause
    for _ in range(calls):
        if pause:
            await asyncio.sleep(pause)
        started = time.perf_counter()
        await once()
        times.append(time.perf_counter() - started)
        if time.perf_counter() > deadline:
            return


async def crowd(once: Once, series: Load, in_flight: int, seconds: float) -> None:
    """Make calls for some time, so many at once."""
    started = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() < started + seconds:
            began = time.perf_counter()
            await once()
            series.latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(in_flight)))
    series.elapsed += time.perf_counter() - started


@contextlib.asynccontextmanager
async def prepared(names: list[str]) -> AsyncIterator[list[Engine]]:
    """Start the engines that work here, and tell of the others."""
    async with contextlib.AsyncExitStack() as stack:
        engines = []
        for name in names:
            engine = create(name)
            try:
                await engine.prepare()
            except EngineUnavailable as error:
                print(f"left out: {error}", file=sys.stderr)
                await engine.close()
                continue
            stack.push_async_callback(engine.close)
            engines.append(engine)
        yield engines


async def measure(
    contenders: list[Contender], spawner: Spawner, rounds: int, seconds: float, in_flight: tuple[int, ...]
) -> None:
    """Let the contenders take their turns, in another order each time."""
    for contender in contenders:
        await turn(contender.once, [], 3)
    order = list(contenders)
    for _ in range(rounds):
        random.shuffle(order)
        for contender in order:
            await turn(contender.unlike, contender.cold, TURN)
        for contender in order:
            await turn(contender.once, contender.back_to_back, TURN)
        for contender in order:
            await turn(contender.once, contender.apart, TURN, APART)
        for count in in_flight:
            for contender in order:
                once = spawner.in_thread if contender.name == BARE and count > 1 else contender.once
                await crowd(once, contender.throughput.setdefault(count, Load()), count, seconds / rounds)


def report(figures: Figures, kind: str, contenders: list[Contender], in_flight: tuple[int, ...]) -> None:
    """Add what was measured of one kind of executable."""
    bare = contenders[0]
    figures.begin(kind)
    for way in ("cold", "back_to_back", "apart"):
        base = statistics.median(getattr(bare, way)) * 1000
        label = way.replace("_", " ")
        for contender in contenders:
            times = sorted(getattr(contender, way))
            p50 = statistics.median(times) * 1000
            figures.add(f"{label}: {contender.name}, least", times[0] * 1000, "ms", base=min(getattr(bare, way)) * 1000)
            figures.add(f"{label}: {contender.name}, p50", p50, "ms", base=base)
            figures.add(f"{label}: {contender.name}, p99", times[int(len(times) * 0.99)] * 1000, "ms")
            if contender is not bare:
                aim = COLD_AIM if (kind, way, contender.name) == ("static", "cold", "native") else None
                figures.add(f"{label}: {contender.name}, p50 over a bare spawn", p50 - base, "ms", aim=aim)
    for count in in_flight:
        for contender in contenders:
            rate, base = contender.throughput[count].rate, bare.throughput[count].rate
            figures.add(f"calls per second, {count} in flight: {contender.name}", rate, "/s", base=base)


def executables(folder: Path) -> dict[str, str]:
    """Write the executables; return the files' names by their kinds, the cheapest first."""
    made = {kind: path.name for kind, path in install(folder).items()}
    script = folder / "Bench.bash"
    script.write_text(scripts("")["shell"].replace("#!/bin/sh", "#!/bin/bash"))
    script.chmod(0o755)
    made["bash"] = script.name
    return {kind: made[kind] for kind in KINDS if kind in made}


async def run(names: list[str], kinds: list[str], rounds: int, seconds: float, figures: Figures) -> None:
    """Measure everything."""
    with (
        tempfile.TemporaryDirectory(prefix="graft-bench-") as name,
        concurrent.futures.ThreadPoolExecutor(max(IN_FLIGHT)) as threads,
    ):
        root = Path(name)
        tree = root / "extensions.d"
        tree.mkdir()
        for folder in (root, tree):
            folder.chmod(0o755)  # calls are other users
        async with prepared(names) as engines:
            for kind, executable in executables(tree).items():
                if kind not in kinds:
                    continue
                request = xmlrpc.client.dumps(("OpaqueRef:none", BODY), executable).encode()
                spawner = Spawner(tree / executable, request, threads)
                contenders = [Contender(BARE, spawner.once, spawner.once)]
                for made in engines:
                    ways = [through(made, tree, executable, request, alike=alike) for alike in (True, False)]
                    contenders.append(Contender(made.name, *ways))
                await measure(contenders, spawner, rounds, seconds, IN_FLIGHT)
                report(figures, kind, contenders, IN_FLIGHT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default=",".join(sorted(ENGINES)), help="comma-separated (default: all there are)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="comma-separated (default: all three)")
    parser.add_argument("--rounds", type=int, default=12, help="turns of each contender (default 12)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each throughput (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    names = options.engines.split(",")
    if unknown := set(names) - set(ENGINES):
        parser.error(f"there is no engine {', '.join(sorted(unknown))}; there are {', '.join(sorted(ENGINES))}")
    figures = Figures()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the services do
        runner.run(run(names, options.kinds.split(","), options.rounds, options.seconds, figures))
    figures.print(as_json=options.json)


if __name__ == "__main__":
    main()
