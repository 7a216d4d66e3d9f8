"""Every command of the tutorial, pasted into a shell one after the other, prints what the tutorial says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.demo import Up, shell, start
from support.running import GRAFT

pytestmark = pytest.mark.e2e

TUTORIAL = Path(__file__).parent.parent.parent / "docs/writing-methods.md"
MORE = "…"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Up]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAFT_", "XDG_"))}
    path = f"{GRAFT.parent}{os.pathsep}{kept['PATH']}"
    home = {"HOME": str(tmp_path), "GOCACHE": str(Path("~/.cache/go-build").expanduser()), "GOFLAGS": "-mod=mod"}
    up = start(tmp_path, kept | home | {"NO_COLOR": "1", "PATH": path, "GOPROXY": "off"}, "--demo")
    try:
        up.wait_ready()
        up.environment |= {
            "GRAFT_DISPATCHER": up.address("dispatcher"),
            "GRAFT_URL": up.address("XenAPI"),
        }
        yield up
    finally:
        up.process.kill()
        up.process.wait(10)


def masked(text: str) -> list[str]:
    """Leave out numbers that differ with every run, and the widths of columns."""
    lines = [line if line.startswith(" ") else re.sub(r"\d[\d.]*", "N", line) for line in text.strip().splitlines()]
    return [" ".join(re.sub(r"^--- N .*N MiB;|^--- N .*less than N MiB;", "--- used;", line).split()) for line in lines]


def is_as_told(printed: str, told: str) -> bool:
    shown, expected = masked(printed), masked(told)
    return len(shown) == len(expected) and all(
        line.startswith(wanted.removesuffix(MORE)) if wanted.endswith(MORE) else line == wanted
        for line, wanted in zip(shown, expected, strict=True)
    )


def test_the_tutorial(demo: Up) -> None:
    blocks = re.findall(r"^```(console|python)\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 10
    for kind, block in blocks:
        if kind == "python":
            write(demo.directory / "volumes", block)
        elif "--lang go" not in block or shutil.which("go"):
            run(demo, block)


def write(volumes: Path, block: str) -> None:
    if block.startswith("#!"):
        (volumes / "Volume.resize").write_text(block)
        return
    test = volumes / "tests/test_Volume_resize.py"
    head, _, rest = test.read_text().partition("class Method")
    test.write_text(f"{head}{block}\n\nif __name__{rest.partition('if __name__')[2]}")


def run(demo: Up, block: str) -> None:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, told = part.partition("\n")
        here = {"~/.local/share/graft": str(demo.directory / "data"), "http://127.0.0.1:8080": demo.address("XenAPI")}
        for written, there in here.items():
            command, told = command.replace(written, there), told.replace(written, there)
        done = shell(demo, command)
        assert is_as_told(done.stderr + done.stdout, told), f"{command}\n{done.stderr}{done.stdout}"
