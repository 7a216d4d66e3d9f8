"""What watchers of events cost: many that wait for nothing, and many that are all told of what happens all the time.

`python -m benchmarks.events`. The watchers are a process of their own, one thread with raw sockets, so that its
processor time can be told from what it measures. They ask as XenAPI's clients do: `event.from` with the token of the
last answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.processes import memory, tree
from benchmarks.services import PARTS, Service, graft

TIMEOUT = 60.0
"""Seconds that a watcher asks for, as the npm client does."""
PATIENCE = 60.0
WRITERS = 32
"""Clients that make events, each one call at a time."""
SPAN = 10_000.0
"""Seconds that a progress of 1 stands for: progress tells when it was set."""
_TOKEN = re.compile(rb"\d{20},\d{20}")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_PROGRESS = {
    "xml": re.compile(rb"<name>progress</name><value><double>([0-9.e-]+)<"),
    "json": re.compile(rb'"progress":([0-9.e-]+)'),
}


class Watcher(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._buffer = bytearray()
        self._token = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._ask(0.0)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        length = _LENGTH.search(self._buffer[: head + 2]) if head >= 0 else None
        if length is None or len(self._buffer) < head + 4 + int(length[1]):
            return
        body, self._buffer = bytes(self._buffer[head + 4 :]), bytearray()
        token = _TOKEN.search(body[-200:]) or _TOKEN.search(body)
        if token is None:
            self._crowd.failed(body)
            asyncio.get_running_loop().call_later(1.0, self._ask, TIMEOUT)
            return
        self._crowd.heard(self, first=not self._token, body=body)
        self._token = token[0]
        self._ask(TIMEOUT)

    def _ask(self, seconds: float) -> None:
        assert self.transport is not None
        self.transport.write(self._crowd.request(self._token, seconds))


class Crowd:
    """All watchers, and what they have heard."""

    def __init__(self, form: str, port: int, session: str) -> None:
        self._form, self._port, self._session = form, port, session
        self._began = 0.0
        self.ready = 0
        self.answers = self.events = self.size = self.failures = 0
        self.delays: list[float] = []
        self.newest: dict[Watcher, float] = {}

    def request(self, token: bytes, seconds: float) -> bytes:
        classes, text = ["task"], token.decode()
        if self._form == "xml":
            path = "/"
            body = xmlrpc.client.dumps((self._session, classes, text, seconds), "event.from").encode()
        else:
            params = [self._session, classes, text, seconds]
            path, body = (
                "/jsonrpc",
                json.dumps({"jsonrpc": "2.0", "id": 0, "method": "event.from", "params": params}).encode(),
            )
        return b"POST %b HTTP/1.1\r\nHost: graft\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)

    def heard(self, watcher: Watcher, *, first: bool, body: bytes) -> None:
        if first:
            self.ready += 1
            return
        now = time.time()
        told = [float(found) for found in _PROGRESS[self._form].findall(body)]
        self.answers += 1
        self.events += len(told)
        self.size += len(body)
        if told:
            newest = max(told)
            self.newest[watcher] = max(newest, self.newest.get(watcher, 0.0))
            self.delays.append(now - self._began - newest * SPAN)

    def failed(self, body: bytes) -> None:
        if not self.failures:
            print(body[:500].decode(), file=sys.stderr)
        self.failures += 1

    async def serve(self, count: int) -> None:
        """Connect, say so, and answer each line of stdin with what was heard since the one before."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            await loop.create_connection(lambda: Watcher(self), "127.0.0.1", self._port)
        await self._settled(lambda: self.ready == count)
        print("{}", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            if final := order.get("final"):
                await self._settled(partial(self._all_heard, count, final))
            delays = sorted(self.delays) or [0.0]
            told = {
                "answers": self.answers,
                "failures": self.failures,
                "events": self.events,
                "bytes": self.size,
                "median": statistics.median(delays),
                "p99": delays[int(len(delays) * 0.99)],
                "behind": self._behind(count, final or 0.0),
                "cpu": time.process_time(),
            }
            self._began = order.get("began", self._began)
            self.answers = self.events = self.size = self.failures = 0
            self.delays = []
            print(json.dumps(told), flush=True)

    def _all_heard(self, count: int, final: float) -> bool:
        return not self._behind(count, final)

    async def _settled(self, settled: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not settled():  # noqa: ASYNC110  (thousands of answers would each set an event)
            await asyncio.sleep(0.02)

    def _behind(self, count: int, final: float) -> int:
        """Count those who have not heard the last of it."""
        return count - sum(newest >= final for newest in self.newest.values())


class Watchers:
    """The process of the watchers, as the benchmark speaks with it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.read()

    def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def ask(self, **order: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self.read()


@contextlib.contextmanager
def watchers(service: Service, count: int, form: str) -> Iterator[Watchers]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.events",
        "--crowd",
        str(count),
        form,
        str(service.port),
        service.session,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Watchers(process)
        finally:
            process.kill()


def processor(processes: Mapping[str, int]) -> dict[str, float]:
    """Seconds that each process has used."""
    found = tree(processes)
    return {name: found[pid].own for name, pid in processes.items()}


def measure_idle(service: Service, count: int, form: str, seconds: float) -> None:
    before = memory(service.processes)
    with watchers(service, count, form):
        time.sleep(5.0)
        begun, held = processor(service.processes), memory(service.processes)
        time.sleep(seconds)
        used = processor(service.processes)
        for name in service.processes:
            each = (held[name] - before[name]) / 1024 / count
            share = (used[name] - begun[name]) / seconds
            print(f"{count} idle, {form}: {name}: {each:.1f} KiB a watcher, {share:.2%} of a processor")


def measure_told(service: Service, count: int, form: str, rate: float, objects: int, seconds: float) -> None:
    call = caller(service)
    tasks = [call("task.create", f"bench {number}", "") for number in range(objects)]
    with watchers(service, count, form) as crowd:
        began = time.time()
        crowd.ask(began=began)
        started, first = time.monotonic(), processor(service.processes)
        with ThreadPoolExecutor(WRITERS) as pool:
            turns = range(WRITERS)
            written = [*pool.map(lambda turn: write(service, tasks, turn, rate, seconds, began), turns)]
        elapsed = time.monotonic() - started
        # In XML, numbers have sixteen digits.
        told = crowd.ask(final=max(one.last for one in written) * (1 - 1e-12))
        caught_up = time.monotonic() - started - elapsed
        used = processor(service.processes)
        rates = {name: told[name] / elapsed for name in ("answers", "events", "bytes")}
        parts = {name: (used[name] - first[name]) / (elapsed + caught_up) for name in service.processes}
        calls = sorted(spent for one in written for spent in one.calls)
        print(f"{count} told, {form}, {objects} objects:")
        spent = f"{statistics.median(calls) * 1000:.0f} ms a call, p99 {calls[int(len(calls) * 0.99)] * 1000:.0f} ms"
        print(f"  written: {len(calls) / elapsed:.0f} events a second, {spent}")
        heard = f"{rates['answers']:.0f} answers, {rates['events']:.0f} events, {rates['bytes'] / 2**20:.1f} MiB"
        print(f"  heard: {heard} a second")
        print(f"  the newest event of an answer was written {told['median']:.2f} s before (p99 {told['p99']:.2f})")
        behind = f"{told['behind']} without the last event after {caught_up:.1f} s"
        print(f"  at the end: {behind}; {told['failures']} calls had failed")
        shares = [f"{name} {share:.0%}" for name, share in parts.items()]
        print(f"  processors: {', '.join(shares)}, watchers {told['cpu'] / (elapsed + caught_up):.0%}")
    for task in tasks:
        call("task.destroy", task)


@dataclass(frozen=True)
class Written:
    """What one client has written: how long each call took, and the last progress that it has set."""

    calls: list[float]
    last: float


def write(service: Service, tasks: Sequence[str], turn: int, rate: float, seconds: float, began: float) -> Written:
    """Set the progress of tasks in turn, at this client's share of a rate."""
    call = caller(service)
    calls: list[float] = []
    started, last = time.monotonic(), 0.0
    while (now := time.monotonic() - started) < seconds:
        number = len(calls) * WRITERS + turn
        if now < number / rate:
            time.sleep(number / rate - now)
        sent = time.perf_counter()
        last = (time.time() - began) / SPAN
        call("task.set_progress", tasks[number % len(tasks)], last)
        calls.append(time.perf_counter() - sent)
    return Written(calls, last)


def caller(service: Service) -> Callable[..., Any]:
    server = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{service.port}")

    def call(method: str, *params: object) -> Any:
        answer: Any = getattr(server, method)(service.session, *params)
        assert answer["Status"] == "Success", answer
        return answer["Value"]

    return call


def main() -> None:
    if sys.argv[1:2] == ["--crowd"]:
        count, form, port, session = sys.argv[2:]
        asyncio.run(Crowd(form, int(port), session).serve(int(count)))
        return
    parser = argparse.ArgumentParser(description="Measure what watchers of events cost.")
    parser.add_argument("--kind", choices=tuple(PARTS), default="embedded", help="all in one process, or three")
    parser.add_argument("--form", choices=("xml", "json"), nargs="*", default=["json", "xml"])
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0, help="events a second")
    parser.add_argument("--objects", type=int, nargs="*", default=[20, 1000], help="how many objects they are of")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for form in options.form:
            with graft(options.kind, Path(folder) / form, {"GRAFT_ENGINE": "none"}) as service:
                measure_idle(service, options.watchers, form, options.seconds)
                for objects in options.objects:
                    measure_told(service, options.watchers, form, options.rate, objects, options.seconds)


if __name__ == "__main__":
    main()
