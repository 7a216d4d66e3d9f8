from __future__ import annotations

import secrets
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from dispatcher_service.engines.base import Command, Engine, EngineUnavailable, Limits, Outcome
from dispatcher_service.engines.factory import create

Runner = Callable[..., Awaitable[Outcome]]


async def prepared(name: str) -> AsyncIterator[Engine]:
    made = create(name)
    try:
        await made.prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    yield made
    await made.close()


@pytest.fixture
async def walled() -> AsyncIterator[Engine]:
    async for engine in prepared("bubblewrap"):
        yield engine


@pytest.fixture
async def bare() -> AsyncIterator[Engine]:
    """The same without walls, to show that an attack is one."""
    async for engine in prepared("none"):
        yield engine


@pytest.fixture
def open_tree() -> Iterator[Path]:
    """A tree that every user can reach, two folders below the temporary folder; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="graft-test-") as name:
        tree = Path(name, "tree")
        tree.mkdir()
        for folder in (tree, tree.parent):
            folder.chmod(0o755)
        yield tree


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this user that nothing inside may touch."""
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str, str], None]:
    """Puts a static program beside the scripts."""

    def build(name: str, source: str) -> None:
        subprocess.run(
            ["gcc", "-static", "-o", tmp_path / "tree" / name, "-x", "c", "-"], input=source.encode(), check=True
        )

    return build


@pytest.fixture
def launch(tmp_path: Path) -> Runner:
    """Runs a script on an engine."""
    tree = tmp_path / "tree"
    tree.mkdir()
    tree.chmod(0o755)

    async def run(engine: Engine, script: str, stdin: bytes = b"", **limits: float) -> Outcome:
        name = secrets.token_hex(4)
        (tree / name).write_text(script)
        (tree / name).chmod(0o755)
        return await engine.run(Command(name, tree, "/opt/ext", name, stdin, limits=Limits(**{"wall": 20.0, **limits})))

    return run
