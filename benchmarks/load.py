"""The load generator: one thread, raw sockets, connections that are kept; the same one for every server.

It runs as a process of its own, so that its processor time can be told from what it measures. Where there is a compiler
that is `load.c`, which takes less of the machine; elsewhere it is this module.

In a closed loop each client sends its next request when it has the answer to the last. In an open one requests fall due
at a fixed rate whatever the server does, and a latency counts from when the request fell due: a server that stalls does
not get away with the requests that it kept from being sent.
"""

from __future__ import annotations

import json
import re
import resource
import select
import shutil
import socket
import subprocess
import sys
import time
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

PATIENCE = 60.0
"""Seconds in which some answer must come."""
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Order:
    """What to send, to whom, how often. Exactly one of `seconds` and `calls` ends it."""

    port: int
    path: str
    body: str
    expect: str
    """What each answer must have in it; every other one is an error."""
    clients: int = 1
    seconds: float = 0.0
    calls: int = 0
    rate: float = 0.0
    """Requests a second in an open loop; 0 is a closed one."""


@dataclass
class Load:
    """What came of it: latencies in seconds, those of errors among them."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    cpu: float = 0.0
    """Seconds of processor time that the generator itself has used meanwhile."""
    errors: int = 0
    example: str = ""
    """The first answer that was an error."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.elapsed if self.elapsed else 0.0

    def add(self, other: Load) -> None:
        """Take another turn's results in."""
        self.latencies += other.latencies
        self.elapsed += other.elapsed
        self.cpu += other.cpu
        self.errors += other.errors
        self.example = self.example or other.example


class Connection:
    """A connection that is kept, with at most one request under way."""

    def __init__(self, order: Order) -> None:
        self.socket = socket.create_connection(("127.0.0.1", order.port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._parts = b""

    def fileno(self) -> int:
        """What `select` asks for."""
        return self.socket.fileno()

    def receive(self) -> bytes | None:
        """Return the answer when it is complete; `None` while something is missing."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError(f"the server has closed a connection after {self._parts!r}")
        data = self._parts = self._parts + part if self._parts else part
        if not complete(data):
            return None
        self._parts = b""
        return data


def complete(data: bytes) -> bool:
    """Whether this is a whole HTTP answer, of a known length or in chunks."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = LENGTH.search(data, 0, end + 2)
    if length:
        return len(data) >= end + 4 + int(length[1])
    return data.endswith(LAST_CHUNK)


def request_of(order: Order) -> bytes:
    """The bytes of a request."""
    body = order.body.encode()
    lines = [f"POST {order.path} HTTP/1.1", "Host: localhost", "Content-Type: text/xml", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def run(order: Order) -> Load:
    """Carry out an order; raises `OSError` when the server cannot be reached or is silent too long."""
    if (order.seconds > 0) == (order.calls > 0):
        raise ValueError("an order ends after `seconds` or after `calls`: give one of them")
    connections = [Connection(order) for _ in range(order.clients)]
    before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    load, started = Load(), time.perf_counter()
    (open_loop if order.rate else closed_loop)(order, connections, load)
    load.elapsed = time.perf_counter() - started
    load.cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before
    for connection in connections:
        connection.socket.close()
    return load


def note(load: Load, answer: bytes, expected: bytes) -> None:
    """Count an answer that is not what it should be."""
    if expected not in answer:
        load.errors += 1
        load.example = load.example or answer.decode(errors="replace")


def closed_loop(order: Order, connections: list[Connection], load: Load) -> None:
    """Let each connection send again as soon as it has its answer."""
    request, expected, clock = request_of(order), order.expect.encode(), time.perf_counter
    deadline = clock() + order.seconds if order.seconds else float("inf")
    left = order.calls or sys.maxsize
    poll, by_number = select.epoll(), {connection.fileno(): connection for connection in connections}
    for number in by_number:
        poll.register(number, select.EPOLLIN)

    def send(connection: Connection, now: float) -> None:
        connection.due = now
        connection.socket.sendall(request)

    for connection in connections[:left]:
        send(connection, clock())
    waiting = len(connections[:left])
    left -= waiting
    while waiting:
        ready = poll.poll(PATIENCE)
        if not ready:
            raise TimeoutError(f"no answer within {PATIENCE:g} s")
        for number, _ in ready:
            connection = by_number[number]
            answer = connection.receive()
            if answer is None:
                continue
            now = clock()
            load.latencies.append(now - connection.due)
            if expected not in answer:
                note(load, answer, expected)
            if left and now < deadline:
                left -= 1
                send(connection, now)
            else:
                waiting -= 1
    poll.close()


def due_times(order: Order, start: float) -> Iterator[float]:
    """When requests fall due."""
    count = order.calls or round(order.seconds * order.rate)
    return (start + number / order.rate for number in range(count))


def open_loop(order: Order, connections: list[Connection], load: Load) -> None:
    """Send at the order's rate, and let requests wait for a free connection when there is none."""
    request, expected, clock = request_of(order), order.expect.encode(), time.perf_counter
    due = due_times(order, clock())
    following = next(due, None)
    idle, busy, late = deque(connections), set[Connection](), deque[float]()
    while busy or late or following is not None:
        now = clock()
        while following is not None and following <= now:
            late.append(following)
            following = next(due, None)
        while late and idle:
            connection = idle.popleft()
            connection.due = late.popleft()
            connection.socket.sendall(request)
            busy.add(connection)
        pause = PATIENCE if following is None else max(0.0, following - clock())
        ready = select.select(busy, (), (), pause)[0]  # its time-out has microseconds: epoll's has milliseconds
        if not ready and following is None:
            raise TimeoutError(f"no answer within {PATIENCE:g} s")
        for connection in ready:
            answer = connection.receive()
            if answer is not None:
                load.latencies.append(clock() - connection.due)
                note(load, answer, expected)
                busy.remove(connection)
                idle.append(connection)


def compiled(folder: Path) -> Path | None:
    """Compile the generator in C into a folder, where there is a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = folder / "load"
    subprocess.run([compiler, "-O2", "-o", program, Path(__file__).with_suffix(".c")], check=True)
    return program


def generate(order: Order, program: Path | None = None) -> Load:
    """Carry out an order in a process of its own, by this module or by the program that `compiled` has made.

    Raises:
        RuntimeError: the generator has failed; the message is what it said.
    """
    if program:
        what = (order.port, order.path, order.expect, order.clients, order.seconds, order.calls, order.rate)
        command, given = [str(program), *map(str, what)], order.body
    else:
        command, given = [sys.executable, "-m", "benchmarks.load"], json.dumps(asdict(order))
    done = subprocess.run(command, input=given.encode(), capture_output=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"the load generator has failed: {done.stderr.decode(errors='replace').strip()}")
    return parse(done.stdout) if program else Load(**json.loads(done.stdout))


def parse(written: bytes) -> Load:
    """Read what the program in C has written."""
    head, _, rest = written.partition(b"\n")
    elapsed, cpu, errors, count = head.split()
    latencies = array("d", rest[: 8 * int(count)])
    return Load(
        latencies.tolist(), float(elapsed), float(cpu), int(errors), rest[8 * int(count) :].decode(errors="replace")
    )


if __name__ == "__main__":
    json.dump(asdict(run(Order(**json.load(sys.stdin)))), sys.stdout)
