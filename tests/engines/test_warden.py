"""Launcher, warden and dispatcher die in every combination: nothing that a call has just made outlives them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.launcher import client
from dispatcher_service.engines.launcher.client import End, Launcher, Request

PROJECT = Path(__file__).resolve().parents[2]
DISPATCHER = """
import asyncio, os, sys
from pathlib import Path
from dispatcher_service.engines.launcher.client import Launcher, Request

async def main(folder, mark):
    launcher = Launcher(Path(folder), drop_uids=os.geteuid() == 0)
    await launcher.start()
    # As bubblewrap does, it has a child that nothing ties to it yet; and another has left its session as well.
    script = f"sleep {mark} & setsid sleep {mark} & exec sleep {mark}"
    request = Request(["/bin/sh", "-c", script], "bubblewrap", 100.0, {"PATH": "/usr/bin:/bin"}, [], processes=10)
    ends = [launcher.run(request, [os.open("/dev/null", os.O_RDWR) for _ in range(3)])[1] for _ in range(3)]
    print(launcher.pid, flush=True)
    for end in ends:
        print((await end).verdict, flush=True)
    await launcher.stop()

asyncio.run(main(*sys.argv[1:]))
"""
CALLS = 3


@pytest.fixture
def runtime_dir():
    with tempfile.TemporaryDirectory(prefix="graft-launcher-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    "killed",
    [("launcher",), ("warden",), ("launcher", "dispatcher"), ("dispatcher", "launcher"), ("warden", "dispatcher")],
    ids=" and ".join,
)
def test_nothing_outlives_them(runtime_dir, mark, running, eventually, killed):
    dispatcher = subprocess.Popen(
        [sys.executable, "-c", DISPATCHER, str(runtime_dir), mark],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])},
    )
    with dispatcher:
        launcher = psutil.Process(int(dispatcher.stdout.readline()))
        warden = launcher.parent()
        assert warden.ppid() == dispatcher.pid
        eventually(lambda: len(running(mark)) >= 3 * CALLS)
        pids = {"launcher": launcher.pid, "warden": warden.pid, "dispatcher": dispatcher.pid}
        for name in killed:
            os.kill(pids[name], signal.SIGKILL)
        if "dispatcher" not in killed:
            assert dispatcher.stdout.read() == b"lost\n" * CALLS
            assert dispatcher.wait(10) == 0
    eventually(lambda: running(mark) == [])
    eventually(lambda: not (launcher.is_running() or warden.is_running()))
    eventually(lambda: not runtime_dir.exists())


async def test_one_that_does_not_answer_is_killed_with_its_calls(runtime_dir, mark, running, begun):
    launcher = Launcher(runtime_dir, drop_uids=os.geteuid() == 0)
    await launcher.start()
    request = Request(["/bin/sleep", mark], "plain", 100.0, {}, [])
    _number, end = launcher.run(request, [os.open("/dev/null", os.O_RDWR) for _ in range(3)])
    await begun()
    os.kill(launcher.pid, signal.SIGSTOP)
    launcher._give_up()
    assert (await asyncio.wait_for(end, 10)).verdict == "lost"
    await asyncio.wait_for(launcher.stop(), 10)
    assert running(mark) == []
    assert not psutil.pid_exists(launcher.pid)


async def test_one_that_does_not_answer_is_noticed_by_the_call_with_the_least_time(
    runtime_dir, mark, begun, monkeypatch
):
    monkeypatch.setattr(client, "GRACE_SECONDS", 0.1)
    launcher = Launcher(runtime_dir, drop_uids=os.geteuid() == 0)
    await launcher.start()

    def run(*argv: str, wall: float) -> asyncio.Future[End]:
        files = [os.open("/dev/null", os.O_RDWR) for _ in range(3)]
        return launcher.run(Request([*argv], "plain", wall, {}, []), files)[1]

    ends = [run("/bin/sleep", mark, wall=100.0)]
    assert (await run("/bin/true", wall=5.0)).verdict == "ended"
    await begun()
    os.kill(launcher.pid, signal.SIGSTOP)
    ends += [run("/bin/true", wall=50.0), run("/bin/true", wall=0.1)]
    assert {end.verdict for end in await asyncio.wait_for(asyncio.gather(*ends), 10)} == {"lost"}
    await asyncio.wait_for(launcher.stop(), 10)
