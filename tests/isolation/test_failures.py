"""The launcher or the dispatcher dies in the middle of calls: nothing of these survives, nothing hangs."""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.base import Verdict
from isolation.sandbox import SLOWEST, Sandbox

CALLS = 4
RUNS = "#!/bin/sh\nsetsid sh -c 'setsid sleep MARK' &\nsleep MARK\n"


@pytest.fixture(scope="module")
def own(dispatcher):
    """A dispatcher of the same kind, that may be killed."""
    made = Sandbox(dispatcher[0].engine, dispatcher[0].who)
    yield made
    made.close()


def eventually(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def family(sandbox):
    """Every process below the dispatcher."""
    return psutil.Process(sandbox.pid).children(recursive=True)


def runs(process, mark):
    try:
        return mark in process.cmdline()
    except psutil.Error:
        return False


def begin(own):
    """Calls that run; all their processes."""
    before = {process.pid for process in family(own)}
    mark = f"300.{secrets.randbelow(10**8):08d}"
    name = own.add(RUNS.replace("MARK", mark))
    calls = [own.submit(own.command(name, wall=200.0)) for _ in range(CALLS)]
    if own.engine in SLOWEST:  # gVisor's processes are its own, and not the host's
        eventually(lambda: len({process.pid for process in family(own)} - before) >= CALLS)
    else:
        eventually(lambda: sum(runs(process, mark) for process in family(own)) >= 2 * CALLS)
    return calls, [process for process in family(own) if process.is_running()]


def gone(processes):
    def is_gone(process):
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return all(is_gone(process) for process in processes)


def test_nothing_that_the_launcher_holds_goes_on(sandbox):
    """Every descriptor of it closes when something is executed; the standard three are not the client's."""
    folder = Path(f"/proc/{sandbox.launcher_pid}")
    for fd in (folder / "fd").iterdir():
        target = fd.readlink()
        if int(fd.name) < 3:
            assert "socket" not in str(target)
            continue
        lines = (folder / "fdinfo" / fd.name).read_text().splitlines()
        flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
        assert flags & os.O_CLOEXEC, f"{fd.name}: {target}"


def test_something_within_is_killed(own):
    """Whoever ends processes of a waiting sandbox, out of memory or out of malice, makes no call fail for it."""
    own.script("#!/bin/sh\n")
    time.sleep(0.3)  # where sandboxes wait for calls, they are there by now; without, this is one more start
    launcher = psutil.Process(own.launcher_pid)
    for process in launcher.children(recursive=True):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    outcomes = [own.script("#!/bin/sh\necho serves\n") for _ in range(4)]
    assert outcomes[-1].stdout == b"serves\n", outcomes
    for outcome in outcomes:
        assert outcome.stdout == b"serves\n" or outcome.reason, outcome


def test_the_launcher_is_killed(own):
    calls, processes = begin(own)
    first = own.launcher_pid
    os.kill(first, signal.SIGKILL)
    for call in calls:
        outcome = call.result(30)
        assert outcome.verdict is Verdict.KILLED, outcome
        assert outcome.reason
    old = [process for process in processes if process.pid != own.pid]
    eventually(lambda: gone(old))
    outcome = own.script("#!/bin/sh\necho again\n")
    assert outcome.stdout == b"again\n", outcome
    assert own.launcher_pid != first


def test_the_dispatcher_is_killed(own):
    """The last of these tests, since nothing of it is left."""
    calls, processes = begin(own)
    own.process.kill()
    for call in calls:
        with pytest.raises(ConnectionError):
            call.result(30)
    eventually(lambda: gone(processes))
    eventually(lambda: [path for path in own.temporary.rglob("*") if "graft-launcher-" in path.name] == [])
