"""After many calls of every kind nothing is left: no process, mount, descriptor, file."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.spawning import RUNTIME_PREFIX

pytestmark = pytest.mark.isolation
CALLS = 200
KINDS = [
    "#!/bin/sh\ncat\n",
    "#!/bin/sh\nsetsid sleep 300 &\nexit 3\n",
    "#!/bin/sh\nkill -9 $$\n",
    "#!/bin/sh\nexec yes\n",
    "#!/bin/sh\necho x > /tmp/file; (sleep 200; sleep 200) & wait\n",
    "#!/no/such/interpreter\n",
]


def census(engine):
    launcher = psutil.Process(engine.launcher_pid)
    return {
        "descriptors here": psutil.Process().num_fds(),
        "descriptors of the launcher": launcher.num_fds(),
        "processes of the launcher": len(launcher.children(recursive=True)),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "mounts of the launcher": len(Path(f"/proc/{launcher.pid}/mounts").read_text().splitlines()),
        "files of the engine": sorted(str(path) for path in Path(engine._launcher.runtime_dir).rglob("*")),
    }


async def test_nothing_is_left(walled, launch):
    for kind in KINDS:
        await launch(walled, kind, b"warm", wall=0.5, output=10_000)
    before = census(walled)
    gate = asyncio.Semaphore(8)

    async def one(number):
        async with gate:
            return await launch(walled, KINDS[number % len(KINDS)], b"x" * 100, wall=0.5, output=10_000)

    outcomes = await asyncio.gather(*(one(number) for number in range(CALLS)))
    assert {outcome.verdict.value for outcome in outcomes} == {
        "exited", "signaled", "output exceeded", "timed out", "not started",
    }  # fmt: skip
    assert census(walled) == before
    assert psutil.Process(walled.launcher_pid).memory_info().rss < 24 << 20


async def test_no_zombies_and_no_runtime_folders(walled, launch):
    await asyncio.gather(*(launch(walled, KINDS[1]) for _ in range(10)))
    states = [child.status() for child in psutil.Process(walled.launcher_pid).children(recursive=True)]
    assert states == []
    folder = walled._launcher.runtime_dir
    assert folder.name.startswith(RUNTIME_PREFIX)
    assert str(folder).startswith(tempfile.gettempdir())
    await walled.close()
    assert not folder.exists()
