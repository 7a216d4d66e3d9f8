"""Signals to everybody: outside they would end the machine's processes, so they are shown in a throw-away space."""

from __future__ import annotations

import subprocess

import psutil
import pytest

from isolation.bait import in_spaces

TO_ALL = {
    "kill everybody": "kill -9 -1",
    "kill everybody, twice forked": "(setsid sh -c 'kill -9 -1' &); sleep 0.2",
    "stop everybody": "kill -STOP -1",
    "kill the first process": "kill -9 1; kill -SEGV 1; kill -TERM 1",
    "kill its group": "kill -9 0",
}


@pytest.mark.parametrize("act", ["kill -9 -1", "kill -STOP -1"])
def test_reaches_everybody_in_one_space(bare, act):
    """A neighbour dies of it, or stands still."""
    script = f"sleep 300 & n=$!; ({act}); sleep 0.1; read -r line < /proc/$n/stat; echo $line"
    said = subprocess.run(
        [*in_spaces(bare), "sh", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    if "unshare" in said.stderr:
        pytest.skip(f"this host allows no user namespaces: {said.stderr}")
    assert " S " not in said.stdout, said


@pytest.mark.parametrize("act", TO_ALL.values(), ids=TO_ALL.keys())
def test_is_held(sandbox, bait, act):
    others = [psutil.Process(bait[name]) for name in ("victim", "dispatcher", "launcher")]
    neighbour = sandbox.submit(sandbox.command(sandbox.add("#!/bin/sh\nsleep 1\necho unharmed\n")))
    sandbox.script(f"#!/bin/sh\n{act}\n", wall=0.8)
    assert neighbour.result(30).stdout == b"unharmed\n"
    harmed = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    assert [one.status() in harmed for one in others] == [False] * 3
    assert sandbox.launcher_pid == bait["launcher"]
