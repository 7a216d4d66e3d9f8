"""Whole platforms in real processes: all in one (`graft up`), and the three services apart."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import XenAPI

from support.warm import Started, run_graft

GRAFT = Path(sys.executable).with_name("graft")
ADMIN = "root"
PASSWORD = "correct horse battery staple"
START_TIMEOUT = 60.0


def free_port() -> int:
    """Find a port that is free now, and that no outgoing connection takes while a service is stopped.

    It lies below the range from which the kernel gives ports to clients: a client that waits for a service at a port of
    that range may even be connected to itself.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
    for port in random.sample(range(10_000 + 2_000 * worker, 12_000 + 2_000 * worker), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("a hundred ports were tried, and all are taken")


def wait_until(what: str, probe: Callable[[], Any], timeout: float = 30.0) -> Any:
    """Return what the probe returns as soon as it is true."""
    deadline = time.monotonic() + timeout
    while True:
        result = probe()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what} has not come about within {timeout:g} s"
        time.sleep(0.02)


@dataclass
class Platform:
    """A running platform and what a test needs to know of it."""

    kind: str
    root: Path
    environment: dict[str, str]
    http: int
    registry: int
    dispatcher: int
    processes: dict[str, Started] = field(default_factory=dict)
    clients: list[xmlrpc.client.ServerProxy] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def extensions(self) -> Path:
        return self.root / "extensions.d"

    def start(self, part: str) -> None:
        log = (self.root / f"{part}.log").open("ab")
        with log, Path(os.devnull).open("rb") as nothing:
            self.processes[part] = Started((part,), self.environment, self.root, (nothing, log, log))

    def start_all(self) -> None:
        for part in ["up"] if self.kind == "up" else ["registry", "dispatcher", "gateway"]:
            self.start(part)
        self.wait_ready()

    def wait_ready(self) -> None:
        wait_until(f"readiness of {self.kind}; logs:\n{self.logs()}", self.is_ready, START_TIMEOUT)

    def is_ready(self) -> bool:
        for part, process in self.processes.items():
            assert process.poll() is None, f"graft {part} has ended with {process.returncode}:\n{self.logs()}"
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, part: str, how: signal.Signals = signal.SIGTERM, timeout: float = 45.0) -> int:
        process = self.processes.pop(part)
        process.send_signal(how)
        return process.wait(timeout)

    def stop_all(self) -> dict[str, int]:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        codes = {part: process.wait(45) for part, process in self.processes.items()}
        self.processes.clear()
        return codes

    def kill_all(self) -> None:
        self.close_clients()
        for process in self.processes.values():
            process.kill()
            process.wait(10)
        self.processes.clear()

    def runner(self) -> str:
        """The part that runs calls."""
        return "up" if self.kind == "up" else "dispatcher"

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()}" for path in sorted(self.root.glob("*.log")))

    def client(self) -> XenAPI.Session:
        """The real client, not logged in."""
        session = XenAPI.Session(self.url)
        self.clients.append(session)
        return session

    def session(self, user: str = ADMIN, password: str = PASSWORD) -> XenAPI.Session:
        """The real client, logged in."""
        session = self.client()
        session.xenapi.login_with_password(user, password, "1.0", "e2e")
        return session

    def proxy(self) -> Any:
        """A client that shows answers as they are."""
        proxy = xmlrpc.client.ServerProxy(self.url)
        self.clients.append(proxy)
        return proxy

    def close_clients(self) -> None:
        while self.clients:
            xmlrpc.client.ServerProxy.__call__(self.clients.pop(), "close")()

    def drop_in(self, name: str, text: str, mode: int = 0o755) -> Path:
        """Install an executable as a package manager would: whole, and then in its place."""
        path = self.extensions / name
        draft = self.root / f"draft-{name}"
        draft.write_text(text)
        draft.chmod(mode)
        draft.rename(path)
        return path

    def log_in(self) -> None:
        """Log the command line in as the administrator."""
        done = self.graft("login", "--user", ADMIN, GRAFT_PASSWORD=PASSWORD)
        assert done.returncode == 0, done.stderr

    def graft(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this platform."""
        return run_graft(arguments, {**self.environment, "HOME": str(self.root), **environment}, self.root, stdin)


def make_platform(kind: str, root: Path, **settings: str) -> Platform:
    http, registry, dispatcher = free_port(), free_port(), free_port()
    (root / "extensions.d").mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRAFT_")}
    environment |= {
        "GRAFT_DATA_DIR": str(root / "data"),
        "GRAFT_EXTENSIONS_DIR": str(root / "extensions.d"),
        "GRAFT_ADMIN_USER": ADMIN,
        "GRAFT_ADMIN_PASSWORD": PASSWORD,
        "GRAFT_HTTP": f"127.0.0.1:{http}",
        "GRAFT_REGISTRY": f"127.0.0.1:{registry}",
        "GRAFT_DISPATCHER": f"127.0.0.1:{dispatcher}",
        "GRAFT_METRICS": "off",
        "GRAFT_LOG_FORMAT": "json",
        "GRAFT_LOGIN_DELAY": "0.01",
        **settings,
    }
    return Platform(kind, root, environment, http, registry, dispatcher)
