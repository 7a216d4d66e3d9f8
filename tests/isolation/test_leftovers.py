"""After very many calls of every kind nothing is left: no process, mount, control group, descriptor, file."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.base import Verdict
from isolation.conftest import USERS
from isolation.sandbox import SLOWEST

AT_ONCE = 8
FEW = 40
CGROUPS = "/sys/fs/cgroup"
KEPT_GROUPS = "graft-calls-"
MANY_GROUPS = 1000
"""Hierarchies times groups that are kept for the next calls, with room."""
KINDS = {
    "answers": "cat",
    "leaves a daemon": "setsid sleep 300 >/dev/null 2>&1 & exit 3",
    "leaves a daemon twice forked that holds its output": "(setsid sh -c 'sleep 300; sleep 300' &) & exit 0",
    "is killed": "kill -9 $$",
    "floods": "exec yes",
    "outlives its time": "echo x > /tmp/file; trap '' TERM; (sleep 200; sleep 200) & wait",
    "stands still": "sleep 300 & sleep 300 & kill -STOP $$",
    "leaves zombies": "for n in 1 2 3 4 5; do (exit 0) & done; exec sleep 0.05",
    "nests folders": "cd /tmp; for n in 1 2 3 4 5 6 7 8 9; do mkdir -p d/d/d/d; cd d/d/d/d; done; touch f; chmod 0 . /tmp/d",
    "makes files that nobody may delete": "cd /tmp; mkdir a; echo x > a/b; mkfifo a/c; chmod 0 a/b a; ln -s / link",
    "cannot begin": None,
}
"""All but the last are lines of a shell script."""
ENDED = {Verdict.EXITED, Verdict.SIGNALED, Verdict.OUTPUT_EXCEEDED, Verdict.TIMED_OUT, Verdict.NOT_STARTED}


def how_many(sandbox):
    """A thousand, once for each of the two engines that people use by default; enough of the others."""
    if sandbox.engine in ("native", "bubblewrap") and sandbox.who == USERS[0]:
        return 1000
    return 11 if sandbox.engine in SLOWEST else 66


def own_groups(launcher):
    """The control groups that a launcher keeps for calls: it holds the folder that they lie in open."""
    folders = set()
    for fd in Path(f"/proc/{launcher.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            folders.add(fd.readlink())
    mine = [folder for folder in folders if folder.name.startswith(KEPT_GROUPS)]
    return sorted(str(group) for folder in mine for group in folder.iterdir() if group.is_dir())


def stray_groups():
    """Empty control groups of Graft's that no launcher keeps."""
    found = set()
    for folder, names, _files in os.walk(CGROUPS):  # which does without what goes away meanwhile
        names[:] = [name for name in names if not name.startswith(KEPT_GROUPS)]
        for name in names:
            with contextlib.suppress(OSError):
                if name.startswith("graft") and not Path(folder, name, "cgroup.procs").read_text():
                    found.add(f"{folder}/{name}")
    return found


def stay(groups):
    """Those that are still there after a while; other tests' come and go."""
    for _attempt in range(50):
        groups &= stray_groups()
        if not groups:
            break
        time.sleep(0.1)
    return groups


def is_zombie(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def census(sandbox):
    dispatcher, launcher = (psutil.Process(pid) for pid in sandbox.do("pids"))
    warden = launcher.parent() or launcher
    children = dispatcher.children(recursive=True)
    return {
        "descriptors of the dispatcher": dispatcher.num_fds(),
        "threads of the dispatcher": dispatcher.num_threads(),
        "descriptors of the launcher": launcher.num_fds(),
        "descriptors of the warden": warden.num_fds(),
        "inodes that the launcher alone sees": private_inodes(launcher),
        "processes": len(children),
        "zombies": [child.pid for child in children if is_zombie(child)],
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "mounts of the dispatcher": len(Path(f"/proc/{dispatcher.pid}/mounts").read_text().splitlines()),
        "mounts of the launcher": len(Path(f"/proc/{launcher.pid}/mounts").read_text().splitlines()),
        "files": sorted(str(path) for path in sandbox.temporary.rglob("*")),
    }


def private_inodes(process):
    """How many a process's root has in use, where that is no file system of the host's."""
    try:
        root, host = os.statvfs(f"/proc/{process.pid}/root"), Path("/").stat()
        if Path(f"/proc/{process.pid}/root/.").stat().st_dev == host.st_dev:
            return 0
    except OSError:
        return 0
    return root.f_files - root.f_ffree


def left(sandbox, before):
    """What there is more of than before, once what is cleaned up later is; fewer sandboxes may wait for calls by then."""
    for _attempt in range(100):
        now = census(sandbox)
        more = {name: now[name] for name in now if isinstance(now[name], int) and now[name] > before[name]}
        more |= {
            name: set(now[name]) - set(before[name])
            for name in ("files", "zombies")
            if set(now[name]) - set(before[name])
        }
        if not more:
            break
        time.sleep(0.1)
    return more


def at_rest(sandbox):
    """The count, once it stays the same."""
    before = census(sandbox)
    for _attempt in range(100):
        time.sleep(0.1)
        now = census(sandbox)
        if now == before and not now["zombies"]:
            break
        before = now
    return before


def run_many(sandbox, count):
    """Calls of all kinds in turn, so many at once, with the verdicts."""
    names = [
        sandbox.add("#!/no/such/interpreter\n" if line is None else f"#!/bin/sh\n{line}\n") for line in KINDS.values()
    ]
    gate = threading.Semaphore(AT_ONCE)
    wall = 4.0 if sandbox.engine in SLOWEST else 0.4
    calls = []
    for number in range(count):
        gate.acquire()
        command = sandbox.command(names[number % len(names)], b"x" * 100, wall=wall, output=10_000)
        calls.append(sandbox.submit(command))
        calls[-1].add_done_callback(lambda _call: gate.release())
    return [call.result(60).verdict for call in calls]


def test_nothing_is_left(sandbox):
    run_many(sandbox, (1 if sandbox.engine in SLOWEST else 2) * len(KINDS))
    before = at_rest(sandbox)
    strays = stray_groups()
    processes = dict(zip(("dispatcher", "launcher"), sandbox.do("pids"), strict=True))
    memory = {name: psutil.Process(pid).memory_info().rss for name, pid in processes.items()}
    verdicts = run_many(sandbox, how_many(sandbox))
    assert set(verdicts) == ENDED
    assert left(sandbox, before) == {}
    assert stay(stray_groups() - strays) == set()
    assert len(own_groups(psutil.Process(sandbox.launcher_pid))) <= MANY_GROUPS
    for name, pid in processes.items():
        grown = psutil.Process(pid).memory_info().rss - memory[name]
        assert grown < 4 << 20, f"the {name} has grown by {grown} bytes"


@pytest.mark.many
def test_a_thousand_at_once(sandbox):
    """Asked for all at once: each has its own answer."""
    count = 1000 if (sandbox.engine, sandbox.who) == ("native", USERS[0]) else FEW
    name = sandbox.add("#!/bin/sh\nread -r line; echo $line\n")
    run_at_once(sandbox, name, FEW)  # what is kept for as many calls at once is there then
    before = at_rest(sandbox)
    run_at_once(sandbox, name, count)
    assert left(sandbox, before) == {}


def run_at_once(sandbox, name, count):
    calls = [sandbox.submit(sandbox.command(name, b"%d\n" % number, wall=100.0)) for number in range(count)]
    for number, call in enumerate(calls):
        outcome = call.result(120)
        assert (outcome.verdict, outcome.stdout) == (Verdict.EXITED, b"%d\n" % number), outcome
