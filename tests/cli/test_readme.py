"""The commands of README.md and of the guide for Ambari, pasted into a shell one after the other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.demo import Up, shell, start
from support.running import GRAFT, wait_until

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parent.parent.parent
DEFAULT = "http://127.0.0.1:8080"
NOT_HERE = ("git clone", "make run")
"""What would set up another Graft."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Up]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAFT_", "XDG_"))}
    path = f"{GRAFT.parent}{os.pathsep}{kept['PATH']}"
    up = start(tmp_path, kept | {"HOME": str(tmp_path), "NO_COLOR": "1", "PATH": path}, "--demo")
    try:
        up.wait_ready()
        wait_until("the commands to try", lambda: "called at once" in up.text)
        # README.md has the default addresses.
        addresses = {"GRAFT_REGISTRY": up.address("registry"), "GRAFT_DISPATCHER": up.address("dispatcher")}
        up.environment = up.environment | addresses | {"GRAFT_URL": up.address("XenAPI")}
        yield up
    finally:
        up.process.kill()
        up.process.wait(10)


def commands() -> list[tuple[str, str]]:
    """The commands with what README.md says that they print."""
    blocks = re.findall(r"^```console\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    found = [part.partition("\n") for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    return [(command, printed) for command, _, printed in found if not command.startswith(NOT_HERE)]


def masked(text: str) -> str:
    """Leave out what is another with every run: references, numbers, and the widths of columns."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\d[\d.,]*", "N", text)
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def test_each_command_prints_what_the_readme_says(demo: Up) -> None:
    found = commands()
    assert len(found) >= 10
    for command, printed in found:
        pasted, said = (text.replace(DEFAULT, demo.address("XenAPI")) for text in (command, printed))
        done = shell(demo, pasted.replace(".venv/bin/graft", "graft"))
        assert masked(done.stderr + done.stdout) == masked(said), command


def test_the_curl_commands_of_the_guide_work(demo: Up) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (REPOSITORY / "docs/ambari.md").read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if block.startswith("curl ")]
    done = shell(
        demo,
        'set -e; curl() { command curl -sS --fail-with-body "$@"; }\n' + block.replace(DEFAULT, demo.address("XenAPI")),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"extension_name" : "EXT"' in done.stdout
    assert '"link_id" : 1' in done.stdout
