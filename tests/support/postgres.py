"""A PostgreSQL server of the tests' own, from the system's binaries, on a unix socket."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.running import wait_until

_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60")


def find_binaries() -> Path | None:
    """Return the directory of `postgres` and `initdb`, the newest version's; None where there is none."""
    on_path = shutil.which("postgres")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


def missing() -> str:
    """Tell why no server can be started here; empty where one can."""
    if find_binaries() is None:
        return "PostgreSQL is not installed (Debian: apt install postgresql)"
    if os.geteuid() not in {entry.pw_uid for entry in pwd.getpwall()}:
        return f"PostgreSQL refuses to run as a user without a name, and uid {os.geteuid()} has none"
    return ""


class PostgresServer:
    """A server that runs; it makes and drops databases."""

    def __init__(self, binaries: Path, directory: Path, user: str | None) -> None:
        self._binaries = binaries
        self._directory = directory
        self._user = user

    @contextmanager
    def running(self) -> Iterator[PostgresServer]:
        """Initialise the directory and serve it."""
        data = self._directory / "data"
        self._run(
            "initdb", "-D", str(data), "-U", "graft", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )
        options = [option for setting in _FAST for option in ("-c", setting)]
        with (self._directory / "log").open("wb") as log:
            process = subprocess.Popen(
                self._command("postgres", "-D", str(data), "-k", str(self._directory), "-h", "", *options),
                stdout=log,
                stderr=log,
                cwd="/",
            )
        try:
            wait_until("PostgreSQL", self._is_ready, 30)
            yield self
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)

    def create(self, like: str = "") -> str:
        """Make a database, empty or with the tables of the one at another URL, and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE {self._name(like) if like else 'template1'}")
        return f"postgresql://graft@/{name}?host={self._directory}"

    def drop(self, url: str) -> None:
        """Drop a database, and whoever is still connected."""
        self._sql(f"DROP DATABASE {self._name(url)} WITH (FORCE)")

    def disconnect_all(self, url: str) -> None:
        """Break every connection to a database, as a restart of the server does."""
        self._sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name(url)}'")

    def allow_connections(self, url: str, *, allowed: bool) -> None:
        """Let nobody connect to a database, or let them again."""
        self._sql(f"ALTER DATABASE {self._name(url)} ALLOW_CONNECTIONS {allowed}")

    @staticmethod
    def _name(url: str) -> str:
        return url.split("/", 3)[3].split("?", maxsplit=1)[0]

    def _is_ready(self) -> bool:
        command = [self._binaries / "pg_isready", "-q", "-h", self._directory]
        return subprocess.run(command, check=False).returncode == 0

    def _sql(self, statement: str) -> None:
        self._run("psql", "-q", "-X", "-h", str(self._directory), "-U", "graft", "-d", "postgres", "-c", statement)

    def _run(self, program: str, *arguments: str) -> None:
        command = self._command(program, *arguments)
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _command(self, program: str, *arguments: str) -> list[str]:
        # Not by subprocess' own `user`: that forks, and a fork of a process that uses gRPC may crash.
        other_user = ["setpriv", "--reuid", self._user, "--clear-groups"] if self._user else []
        return [*other_user, str(self._binaries / program), *arguments]


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Serve PostgreSQL in a directory of its own. It refuses to run as root, so another user is taken there."""
    binaries = find_binaries()
    assert binaries is not None
    directory = Path(tempfile.mkdtemp(prefix="graft-pg-"))
    user = None
    try:
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(directory, user)
        with PostgresServer(binaries, directory, user).running() as server:
            yield server
    finally:
        shutil.rmtree(directory)
