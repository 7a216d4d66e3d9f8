"""An engine at work in a process of its own, as root or as an ordinary user, and what one runs on it."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import pickle
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from dispatcher_service.engines.base import NO_ACCESS, Command, Limits, Outcome
from dispatcher_service.engines.bwrap import reachable_by_others
from dispatcher_service.engines.factory import ENGINES
from support.engines import BY_PYTHON, HAS_ACCELERATOR, WARM

PROJECT = Path(__file__).resolve().parents[2]
ATTACKS = Path(__file__).with_name("attacks")
PYTHON = "/usr/bin/python3"
"""What attackers are run by: it is there inside."""
OTHER_USER = 65534
WALLED = sorted({*ENGINES, f"native{WARM}", *([f"native{BY_PYTHON}"] if HAS_ACCELERATOR else [])} - {"none"})
SLOWEST = ("oci:runsc",)
SLOW = ("oci:runc", *SLOWEST)
PROBE = "import os\nprint(os.getppid())\n"
"""A script's parent is the sandbox's first process where it is executed, and of another space where it is warm."""
IS_WARM, IS_EXECUTED = b"0\n", b"1\n"
START_SECONDS = 60.0
CALL_SECONDS = 120.0


def program_for(who: str) -> list[str]:
    """The start of a command line that is run as that user, with the interpreter last.

    Skips where no Python is to be had that the user can reach.
    """
    if who == "root" or os.geteuid() != 0:
        return [sys.executable]
    prefix = ["setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups", "--", "env"]
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv, by which root would become another user")
    if not reachable_by_others(PROJECT):
        pytest.skip(f"another user cannot walk to {PROJECT}")
    for python in (os.path.realpath(sys.executable), PYTHON):
        asked = subprocess.run(
            [*prefix, python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
            capture_output=True,
            check=False,
        )
        if asked.returncode == 0:
            return [*prefix, python]
    pytest.skip(f"neither {sys.executable} nor {PYTHON} is a Python of 3.11 or later that another user can run")


def site_folder() -> str:
    """Where the project's packages are installed."""
    return str(Path(pytest.__file__).resolve().parents[1])


class Sandbox:
    """One engine, serving. Calls may come from any thread; each is answered by a future."""

    def __init__(
        self, engine: str, who: str, *, terminal: int | None = None, mark: str = "", **options: object
    ) -> None:
        self.engine = engine.removesuffix(BY_PYTHON).removesuffix(WARM)
        self.warm = engine.endswith(WARM)
        self.who = who
        self.mark = mark or secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="graft-test-"))
        self.folder.chmod(0o755)
        self.tree = self.folder / "tree"
        self.tree.mkdir()
        self.tree.chmod(0o755)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o755)
        start = program_for(who)
        if len(start) > 1:
            os.chown(self.temporary, OTHER_USER, OTHER_USER)
        ours, theirs = socket.socketpair()
        if terminal is not None:
            start = ["setsid", "--ctty", *start]
        self._errors = (self.folder / "errors").open("w+b")
        with theirs:
            self._process = subprocess.Popen(
                [
                    *start,
                    "-B",
                    str(Path(__file__).with_name("server.py")),
                    str(theirs.fileno()),
                    engine.removesuffix(WARM),
                    json.dumps(options),
                ],
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=self._errors if terminal is None else terminal,
                stderr=self._errors if terminal is None else terminal,
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={
                    "PATH": os.environ["PATH"],
                    "TMPDIR": str(self.temporary),
                    "PYTHONPATH": os.pathsep.join([str(PROJECT), site_folder()]),
                    "GRAFT_TEST_SECRET": self.mark,
                },
            )
        self._line = ours
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future] = {0: Future()}
        ready = self._waiting[0]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        problem = ready.result(START_SECONDS)
        if problem:
            self.close()
            pytest.skip(problem)

    def _read(self) -> None:
        with contextlib.suppress(OSError), self._line.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                number, value = pickle.loads(stream.read(int.from_bytes(head, "little")))
                future = self._waiting.pop(number)
                if isinstance(value, Exception):
                    future.set_exception(value)
                else:
                    future.set_result(value)
        while self._waiting:
            with contextlib.suppress(KeyError):
                self._waiting.popitem()[1].set_exception(ConnectionError(f"the server is gone: {self.errors()}"))

    def errors(self) -> str:
        return (self.folder / "errors").read_text(errors="replace") if self.folder.exists() else ""

    def ask(self, name: str, *arguments: object) -> Future:
        future: Future = Future()
        number = next(self._numbers)
        data = pickle.dumps((number, name, arguments))
        self._waiting[number] = future
        with self._lock:
            self._line.sendall(len(data).to_bytes(4, "little") + data)
        return future

    def do(self, name: str, *arguments: object) -> object:
        return self.ask(name, *arguments).result(CALL_SECONDS)

    @property
    def pid(self) -> int:
        """The dispatcher's process."""
        return self.do("pids")[0]

    @property
    def launcher_pid(self) -> int:
        return self.do("pids")[1]

    @property
    def process(self) -> subprocess.Popen:
        return self._process

    def add(self, text: str | bytes, name: str = "", mode: int = 0o755) -> str:
        """Put an executable into the tree."""
        name = name or secrets.token_hex(6)
        path = self.tree / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return name

    def command(self, name: str, stdin: bytes = b"", *, access=NO_ACCESS, arguments=(), **limits: float) -> Command:
        bounds = Limits(**{"wall": 30.0, **limits})
        if self.warm and (self.tree / name).is_file():
            with (self.tree / name).open("rb") as file:
                first = file.readline().rstrip()
            if b"python" in first:
                self.warm_up(first.decode())
        call_id = secrets.token_hex(8)
        return Command(call_id, self.tree, "/opt/ext", name, stdin, tuple(arguments), bounds, access, self.warm)

    def warm_up(self, shebang: str, **changed: object) -> None:
        """Wait until scripts with that first line are run in a warm interpreter."""
        name = self.add(f"{shebang}\n{PROBE}", f"probe-{secrets.token_hex(4)}")
        probe = Command("", self.tree, "/opt/ext", name, b"", limits=Limits(wall=30.0))
        deadline = time.monotonic() + START_SECONDS
        while True:
            outcome = self.run(dataclasses.replace(probe, call_id=secrets.token_hex(8), **changed))
            if outcome.stdout == IS_WARM:
                break
            assert outcome.stdout == IS_EXECUTED, outcome
            assert time.monotonic() < deadline, f"no interpreter was warm for {shebang!r} after {START_SECONDS} s"
            time.sleep(0.02)
        (self.tree / name).unlink()

    def submit(self, command: Command) -> Future:
        return self.ask("run", command)

    def run(self, command: Command) -> Outcome:
        return self.submit(command).result(CALL_SECONDS)

    def script(self, text: str, stdin: bytes = b"", **more: object) -> Outcome:
        return self.run(self.command(self.add(text), stdin, **more))

    def python(self, text: str, stdin: bytes = b"", **more: object) -> Outcome:
        return self.script(f"#!{PYTHON} -ISB\n{text}", stdin, **more)

    def attacker(self) -> str:
        """The program that runs attacks, put into the tree."""
        if not (self.tree / "attacker").exists():
            shutil.copytree(ATTACKS, self.tree / "attacks", ignore=shutil.ignore_patterns("__pycache__"))
            for path in (self.tree / "attacks", *(self.tree / "attacks").iterdir()):
                path.chmod(0o755)
            self.add((ATTACKS / "main.py").read_text(), "attacker")
        return "attacker"

    def attack(self, names: list[str], bait: dict, **more: object) -> dict[str, tuple[str, str]]:
        """Run attacks, one after another in one call: what came of each, as (result, detail)."""
        outcome = self.run(self.command(self.attacker(), order(names, bait), **more))
        return results(outcome, names)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
        self._line.close()
        self._errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def listed(found: dict[str, object]) -> str:
    """For the message of a failure: all of it, one a line."""
    return "\n" + "\n".join(f"{name}: {result}" for name, result in found.items())


def names_its_folder(sandbox: Sandbox, line: str) -> bool:
    """Whether a line of an environment tells a call where it may write; only where there is no /tmp of its own."""
    name, _, value = line.partition("=")
    place = sandbox.engine == "confine" and name in ("TMPDIR", "TMP", "TEMP", "HOME")
    return place and Path(value).is_relative_to(sandbox.temporary)


def order(names: list[str], bait: dict) -> bytes:
    """What an attacker reads. What is sought stands there backwards, so that nobody finds it in his own input."""
    told = {**bait, "mark": bait["mark"][::-1], "visits": None}
    return json.dumps({"names": names, "bait": told}).encode()


def results(outcome: Outcome, names: list[str]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for line in outcome.stdout.decode().splitlines():
        name, result, detail = json.loads(line)
        found[name] = (result, detail)
    if missing := [name for name in names if name not in found]:
        said = outcome.stderr.decode(errors="replace")
        raise AssertionError(
            f"{len(missing)} attacks did not report, first {missing[0]}: {outcome.verdict}, {outcome.reason}, {outcome.exit_code}, {outcome.signal}, {said}"
        )
    return found
