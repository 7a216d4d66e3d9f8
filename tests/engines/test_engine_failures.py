"""What happens when the launcher or the dispatcher itself dies: nothing hangs, nothing is left, calls work again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.base import Verdict

PROJECT = Path(__file__).resolve().parents[2]
DISPATCHER = """
import asyncio, sys
from pathlib import Path
from dispatcher_service.engines.base import Command
from dispatcher_service.engines.factory import create

async def main(name, tree, loops):
    engine = create(name)
    await engine.prepare()
    calls = [asyncio.create_task(engine.run(Command(str(n), Path(tree), "/opt/ext", "x", b""))) for n in range(4)]
    print(engine.launcher_pid, engine._launcher.runtime_dir, flush=True)
    await asyncio.gather(*calls)

if sys.argv[3] == "uvloop":
    import uvloop
    uvloop.run(main(*sys.argv[1:]))
else:
    asyncio.run(main(*sys.argv[1:]))
"""


async def test_launcher_killed_with_calls_running(engine, tree, mark, running, begun, eventually):
    tasks = [
        asyncio.create_task(engine.run(tree.command(f"#!/bin/sh\nsleep {mark}\n", name=f"x{n}"))) for n in range(5)
    ]
    await begun(5)
    first = engine.launcher_pid
    os.kill(first, signal.SIGKILL)
    for outcome in await asyncio.wait_for(asyncio.gather(*tasks), 10):
        assert outcome.verdict is Verdict.KILLED
        assert "launcher died" in outcome.reason
    eventually(lambda: running(mark) == [])
    outcome = await engine.run(tree.command("#!/bin/sh\necho again\n"))
    assert (outcome.verdict, outcome.stdout) == (Verdict.EXITED, b"again\n")
    assert engine.launcher_pid != first


async def test_launcher_killed_again_and_again(engine, tree):
    for _round in range(3):
        os.kill(engine.launcher_pid, signal.SIGKILL)
        outcome = await engine.run(tree.command("#!/bin/sh\necho again\n"))
        if outcome.verdict is not Verdict.EXITED:  # it was sent before the death was noticed
            assert outcome.verdict in (Verdict.KILLED, Verdict.NOT_STARTED)
            assert "launcher" in outcome.reason
            outcome = await engine.run(tree.command("#!/bin/sh\necho again\n"))
        assert outcome.stdout == b"again\n", outcome


async def test_launcher_ignores_the_signals_of_a_service_manager(engine, tree):
    pid = engine.launcher_pid
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    assert (await engine.run(tree.command("#!/bin/sh\n"))).verdict is Verdict.EXITED
    assert engine.launcher_pid == pid


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("name", ["bubblewrap", "none"])
def test_dispatcher_killed_with_calls_running(
    engine_name_available, tree, mark, running, eventually, name, number, loop
):
    engine_name_available(name)
    tree.add(f"#!/bin/sh\nsetsid sh -c 'setsid sleep {mark}' &\nsleep {mark}\n")
    dispatcher = subprocess.Popen(
        [sys.executable, "-c", DISPATCHER, name, str(tree.path), loop],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])},
    )
    with dispatcher:
        assert dispatcher.stdout is not None
        pid, runtime_dir = dispatcher.stdout.readline().decode().split()
        eventually(lambda: len(running(mark)) >= 8)
        dispatcher.send_signal(number)
    eventually(lambda: running(mark) == [])
    eventually(lambda: not psutil.pid_exists(int(pid)))
    eventually(lambda: not Path(runtime_dir).exists())


async def test_close_leaves_nothing(engine, tree):
    await engine.run(tree.command("#!/bin/sh\n"))
    pid, folder = engine.launcher_pid, engine._launcher.runtime_dir
    assert folder.is_dir()
    await engine.close()
    assert not psutil.pid_exists(pid)
    assert not folder.exists()
    await engine.close()


async def test_launcher_is_small_and_alone(engine):
    launcher = psutil.Process(engine.launcher_pid)
    assert launcher.memory_info().rss < 24 << 20
    assert launcher.num_threads() == 1
    assert launcher.environ() == {} or set(launcher.environ()) <= {"LC_CTYPE"}
    # That of `native` holds what sandboxes are made of, a line to each that waits, and the counters of their groups.
    assert launcher.num_fds() <= (128 if engine.name == "native" else 16)
