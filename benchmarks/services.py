"""Graft as it is measured: everything in one process, or as three, in a temporary folder and on free ports."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import free_port

GRAFT = Path(sys.executable).with_name("graft")
PASSWORD = "benchmark"
PATIENCE = 60.0
PARTS = {"embedded": ("up",), "three processes": ("registry", "dispatcher", "gateway")}
"""The commands that are run, by what that is called."""


@dataclass(frozen=True)
class Service:
    """A Graft that runs: where it listens, a session, and its processes by what they are."""

    port: int
    session: str
    processes: dict[str, int]


@contextlib.contextmanager
def graft(kind: str, root: Path, extensions: Path, settings: Mapping[str, str]) -> Iterator[Service]:
    """Run Graft in a folder that is made; `settings` are environment variables besides the usual ones."""
    root.mkdir()
    log = root / "log"
    ports = [free_port() for _ in range(3)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRAFT_")} | {
        "GRAFT_DATA_DIR": str(root / "data"),
        "GRAFT_EXTENSIONS_DIR": str(extensions),
        "GRAFT_ADMIN_USER": "bench",
        "GRAFT_ADMIN_PASSWORD": PASSWORD,
        "GRAFT_METRICS": "off",
        "GRAFT_LOG_LEVEL": "warning",
        **settings,
    }
    for name, port in zip(("HTTP", "REGISTRY", "DISPATCHER"), ports, strict=True):
        environment[f"GRAFT_{name}"] = f"127.0.0.1:{port}"
    with log.open("wb") as output:
        processes = {
            "graft" if part == "up" else part: subprocess.Popen(
                [GRAFT, part], env=environment, stdout=output, stderr=output
            )
            for part in PARTS[kind]
        }
    try:
        wait_ready(ports[0], log, processes.values())
        server = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{ports[0]}")
        answer: Any = server.session.login_with_password("bench", PASSWORD)
        session = str(answer["Value"])
        yield Service(ports[0], session, {name: process.pid for name, process in processes.items()})
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        for process in processes.values():
            process.wait(PATIENCE)


def wait_ready(port: int, log: Path, processes: Collection[subprocess.Popen[bytes]]) -> None:
    """Return when Graft serves.

    Raises:
        RuntimeError: it has ended, or does not within a minute; the message has its log.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"Graft did not become ready; its log:\n{log.read_text()}")
