"""The FIFO by which the call of a task tells of itself: each call has its own, to write to, and nothing else."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatcher_service.engines.base import NO_ACCESS, TASK, IsolationLevel, Verdict, with_task
from isolation.sandbox import OTHER_USER


@contextmanager
def fifo(sandbox) -> Iterator[tuple[Path, int]]:
    """A FIFO as the dispatcher makes it, and its end."""
    path = sandbox.folder / f"task-{secrets.token_hex(4)}"
    os.mkfifo(path)
    path.chmod(0o622)
    if sandbox.who == "user" and os.geteuid() == 0:
        os.chown(path, OTHER_USER, OTHER_USER)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield path, end
    finally:
        os.close(end)
        path.unlink()


@pytest.fixture(autouse=True)
def _opens_fifos(sandbox):
    if sandbox.engine == "oci:runsc":
        pytest.skip("gVisor opens a host's FIFO only with --host-fifo=open")


def run(sandbox, text: str, access):
    outcome = sandbox.script(text, access=access)
    if outcome.verdict is Verdict.NOT_STARTED:
        assert sandbox.do("level") is not IsolationLevel.FULL, outcome
        pytest.skip(outcome.reason)
    return outcome


def test_a_call_writes_to_its_own(sandbox):
    level = sandbox.do("level")
    with fifo(sandbox) as (path, end):
        script = '#!/bin/sh\necho "$GRAFT_TASK"\necho progress 0.5 > "$GRAFT_TASK"\necho log on > "$GRAFT_TASK"\n'
        outcome = run(sandbox, script, with_task(NO_ACCESS, str(path), level))
        assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 0), outcome
        assert outcome.stdout.decode().strip() == (TASK if level is IsolationLevel.FULL else str(path))
        assert os.read(end, 4096) == b"progress 0.5\nlog on\n"


def test_where_it_is_seen_at_its_place_it_cannot_be_replaced(sandbox):
    level = sandbox.do("level")
    if level is not IsolationLevel.FULL:
        pytest.skip("this engine has no mounts of its own")
    with fifo(sandbox) as (path, end):
        script = f"#!/bin/sh\nrm -f {TASK}; mv {TASK} {TASK}2; ls -l {path} || echo hidden; echo log here > {TASK}\n"
        outcome = run(sandbox, script, with_task(NO_ACCESS, str(path), level))
        assert outcome.stdout == b"hidden\n", outcome
        assert os.read(end, 4096) == b"log here\n"


def test_the_next_call_sees_nothing_of_it(sandbox):
    level = sandbox.do("level")
    with fifo(sandbox) as (path, _end):
        run(sandbox, "#!/bin/sh\n", with_task(NO_ACCESS, str(path), level))
        tried = (
            f'#!/bin/sh\necho "[$GRAFT_TASK]"\n(echo log other > {TASK}) || (echo log other > {path}) || echo shut\n'
        )
        outcome = run(sandbox, tried, NO_ACCESS)
        assert outcome.stdout == b"[]\nshut\n", outcome
