from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.base import Command, Engine, EngineUnavailable, Limits
from dispatcher_service.engines.factory import ENGINES, create
from support.engines import BY_PYTHON, prepared

SLOW = ("oci:runc", "oci:runsc")
"""Too slow for every test; test_oci.py has some for them."""


@pytest.fixture(params=sorted({*ENGINES, f"native{BY_PYTHON}"} - set(SLOW)))
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    async with prepared(request.param) as made:
        yield made


@pytest.fixture(params=["native", f"native{BY_PYTHON}"])
async def native(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """With the accelerator where it is there, and without."""
    async with prepared(request.param) as made:
        yield made


class Tree:
    """An extension's folder, and commands that run what lies in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        path.chmod(0o755)

    def add(self, text: str | bytes, name: str = "x", mode: int = 0o755) -> str:
        file = self.path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        return name

    def command(self, text: str | bytes, stdin: bytes = b"", name: str = "x", **limits: float) -> Command:
        self.add(text, name)
        bounds = Limits(**{"wall": 20.0, **limits})
        return Command(secrets.token_hex(8), self.path, "/opt/ext", name, stdin, ("--xmlrpc",), bounds)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


@pytest.fixture
def mark() -> str:
    """A number of seconds to sleep that no other process sleeps."""
    return f"7{secrets.randbelow(10**6):06d}.{secrets.randbelow(10**6):06d}"


def alive(mark: str) -> list[str]:
    """What runs on this machine with the mark in its command line."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if mark in line and process.status() != psutil.STATUS_ZOMBIE:
                found.append(line)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def running() -> Callable[[str], list[str]]:
    return alive


@pytest.fixture
def begun(mark: str) -> Callable[..., Awaitable[None]]:
    """Waits until so many processes with the mark run."""

    async def wait(count: int = 1) -> None:
        for _attempt in range(1000):
            if len(alive(mark)) >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not begin in time")

    return wait


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="graft-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            time.sleep(0.01)

    return wait


@pytest.fixture
def engine_name_available() -> Callable[[str], None]:
    """Skips when an engine of that name cannot be used on this host."""

    async def attempt(name: str) -> None:
        made = create(name)
        try:
            await made.prepare()
        finally:
            await made.close()

    def check(name: str) -> None:
        try:
            asyncio.run(attempt(name))
        except EngineUnavailable as error:
            pytest.skip(str(error))

    return check
