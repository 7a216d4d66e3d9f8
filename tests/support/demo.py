"""`graft up` as somebody starts it at a terminal, on ports that are free."""

from __future__ import annotations

import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.running import GRAFT, wait_until

START_TIMEOUT = 60.0


@dataclass
class Up:
    """A running `graft up`."""

    process: subprocess.Popen[str]
    output: Path
    log: Path
    environment: dict[str, str]
    directory: Path

    @property
    def text(self) -> str:
        return self.output.read_text()

    def address(self, name: str) -> str:
        found = re.search(rf"^  {name} +(\S+)", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return re.search(r"^ready$", self.text, re.MULTILINE) is not None and self.text.endswith("\n")

        wait_until("ready", is_ready, START_TIMEOUT)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(40)


def start(directory: Path, environment: dict[str, str], *options: str, program: str = str(GRAFT)) -> Up:
    output, log = directory / "output", directory / "log"
    with output.open("w") as stdout, log.open("w") as stderr:
        process = subprocess.Popen(
            [
                program,
                "up",
                *("--http", "127.0.0.1:0", "--registry", "127.0.0.1:0", "--dispatcher", "127.0.0.1:0"),
                *("--metrics", "127.0.0.1:0", "--data-dir", str(directory / "data")),
                *options,
            ],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
    return Up(process, output, log, environment, directory)


def shell(up: Up, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-c", text],
        cwd=up.directory,
        env=up.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
