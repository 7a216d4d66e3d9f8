"""A dispatcher that is killed in the middle of its work, and what the next life finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dispatcher_service.state import DispatcherState
from graft_common.settings import Settings
from support.dispatcher_hosts import ANNA

PROGRAM = Path(__file__).with_name("crashing_dispatcher.py")


def run_and_kill(data: Path, environment: dict[str, str]) -> tuple[list[str], list[str]]:
    """Run until tasks have ended and others run, kill, and return the references of both."""
    command = [sys.executable, str(PROGRAM), str(data)]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    try:
        printed = (line for line in child.stdout if line.startswith("OpaqueRef:"))
        return next(printed).split(), next(printed).split()
    finally:
        child.kill()
        child.wait(30)
        child.stdout.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_after_sigkill_what_ended_is_there_and_what_ran_has_failed(database, request, tmp_path, monkeypatch):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRAFT_")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    if database == "postgresql":
        url = request.getfixturevalue("postgres_url")
        environment["GRAFT_DATABASE_URL"] = url
        monkeypatch.setenv("GRAFT_DATABASE_URL", url)
    done, held = run_and_kill(tmp_path, environment)

    state = await DispatcherState.open(Settings(data_dir=tmp_path), "none")
    assert state.hosts.epoch == 2
    tasks = {task.ref: task for task in await state.tasks.list(ANNA)}
    assert not [task for task in tasks.values() if task.pending]
    assert {tasks[ref].result for ref in done} == {"<value>kept</value>"}
    assert {tasks[ref].error_info[0] for ref in held} == {"INTERNAL_ERROR"}
    assert all("not known" in tasks[ref].error_info[1] and tasks[ref].finished for ref in held)
    await state.tasks.cancel(ANNA, held[0])
    await state.tasks.destroy(ANNA, held[0])
    await state.close()
