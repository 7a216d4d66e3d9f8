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
    for number, target, flags in opened(folder):
        if number < 3:
            assert "socket" not in target
        else:
            assert flags & os.O_CLOEXEC, f"{number}: {target}"


def opened(folder):
    """The descriptors of a process: number, what it is, flags. Some come and go meanwhile."""
    for fd in (folder / "fd").iterdir():
        try:
            target = str(fd.readlink())
            lines = (folder / "fdinfo" / fd.name).read_text().splitlines()
        except FileNotFoundError:
            continue
        yield int(fd.name), target, next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))


def test_something_within_is_killed(own):
    """Whoever ends processes of a waiting sandbox, out of memory or out of malice, makes no call fail for it."""
    own.script("#!/bin/sh\n")
    time.sleep(0.3)  # where sandboxes wait for calls, they are there by now; without, this is one more start
    within = psutil.Process(own.launcher_pid).children(recursive=True)
    for process in within:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(within, 10)
    outcomes = [own.script("#!/bin/sh\necho serves\n") for _ in range(4)]
    assert outcomes[-1].stdout == b"serves\n", outcomes
    for outcome in outcomes:
        assert outcome.stdout == b"serves\n" or outcome.reason, outcome


@pytest.mark.parametrize("whose", ["launcher", "warden"])
def test_the_launcher_is_killed(own, whose):
    """Or its parent, which stands by to end what it leaves, and with which it ends."""
    calls, processes = begin(own)
    first = own.launcher_pid
    os.kill(first if whose == "launcher" else psutil.Process(first).ppid(), signal.SIGKILL)
    for call in calls:
        outcome = call.result(30)
        assert outcome.verdict is Verdict.KILLED, outcome
        assert outcome.reason
    old = [process for process in processes if process.pid != own.pid]
    eventually(lambda: gone(old))
    outcome = own.script("#!/bin/sh\necho again\n")
    assert outcome.stdout == b"again\n", outcome
    assert own.launcher_pid != first


def test_both_are_killed_while_sandboxes_are_made(dispatcher):
    """At no stage of its making does a sandbox outlive whoever makes it."""
    made = Sandbox(dispatcher[0].engine, dispatcher[0].who)
    try:
        mark = f"300.{secrets.randbelow(10**8):08d}"
        name = made.add(f"#!/bin/sh\nsleep {mark}\n")
        dispatcher_pid, launcher_pid = made.do("pids")
        for _call in range(3 * CALLS):
            made.ask("run", made.command(name, wall=200.0))
        eventually(lambda: len(family(made)) > 3)
        known = family(made)
        os.kill(launcher_pid, signal.SIGKILL)
        os.kill(dispatcher_pid, signal.SIGKILL)
        made.process.wait()
        eventually(lambda: gone(known) and not whoever_names(name, mark, str(made.temporary)))
    finally:
        made.close()


def whoever_names(*words):
    """The processes in whose command lines one of these is; a sandbox's own paths are in bubblewrap's and runtimes'."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            found += [process for part in process.info["cmdline"] or () if any(word in part for word in words)]
    return found


def test_the_dispatcher_is_killed(own):
    """The last of these tests, since nothing of it is left."""
    calls, processes = begin(own)
    own.process.kill()
    for call in calls:
        with pytest.raises(ConnectionError):
            call.result(30)
    eventually(lambda: gone(processes))
    eventually(lambda: [path for path in own.temporary.rglob("*") if "graft-launcher-" in path.name] == [])
