"""A dispatcher that was started from a terminal: its calls have none."""

from __future__ import annotations

import importlib
import os
import pty
import select
import subprocess
from pathlib import Path

import pytest

from dispatcher_service.engines.base import Outcome, Verdict
from isolation.attacks import table
from isolation.bait import as_user
from isolation.sandbox import Sandbox, order, results

importlib.import_module("isolation.attacks.terminal")
NAMES = [attack.name for attack in table.of_subject("terminal")]


@pytest.fixture
def terminal():
    """Both ends of a pseudo terminal, and its name."""
    master, slave = pty.openpty()
    Path(os.ttyname(slave)).chmod(0o666)
    yield master, slave
    os.close(master)
    os.close(slave)


def bait(slave, *, inside):
    return {"mark": "none", "inside": inside, "together": False, "typed": "x\n", "terminal": os.ttyname(slave)}


def typed(master):
    """What comes out at the other end: the terminal echoes what is typed."""
    return os.read(master, 4096) if select.select([master], [], [], 0)[0] else b""


def test_succeeds_on_a_terminal(bare, terminal):
    master, slave = terminal
    asked, answers = bare.folder / "asked", bare.folder / "answers"
    asked.write_bytes(order(NAMES, bait(slave, inside=False)))
    answers.touch()
    answers.chmod(0o666)
    start = [*as_user(bare), "setsid", "--ctty", "--wait", bare.tree / bare.attacker(), asked, answers]
    subprocess.run(start, stdin=slave, stdout=slave, stderr=slave, check=False)
    found = results(Outcome(Verdict.EXITED, 0, 0, answers.read_bytes(), typed(master)), NAMES)
    assert {name: result for name, result in found.items() if result[0] not in ("escaped", "absent")} == {}


def test_is_held(sandbox, terminal):
    master, slave = terminal
    on_terminal = Sandbox(sandbox.engine, sandbox.who, terminal=slave)
    try:
        found = on_terminal.attack(NAMES, bait(slave, inside=True))
    finally:
        on_terminal.close()
    assert {name: result for name, result in found.items() if result[0] != "held"} == {}
    assert typed(master) == b""
