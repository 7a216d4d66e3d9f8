"""Every attack that harms nobody: first without walls, where it succeeds, then on each engine, where it must not."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import pytest

from dispatcher_service.engines.base import Outcome, Verdict
from isolation import expectations
from isolation.attacks import table
from isolation.bait import as_user, in_spaces
from isolation.sandbox import listed, order, results

SUBJECTS = ("descriptors", "files", "kernel", "mounts", "network", "privilege", "proc", "processes")
for _subject in SUBJECTS:
    importlib.import_module(f"isolation.attacks.{_subject}")
TOGETHER = ("descriptors",)
"""Subjects whose attacks are run in the call's first process, not in children of it."""


def names(subject, *shown):
    return [attack.name for attack in table.of_subject(subject) if not shown or attack.shown in shown]


def those_with(*shown):
    return [subject for subject in SUBJECTS if names(subject, *shown)]


def held_back():
    """What already holds root of this machine back, so that attacks cannot be shown to succeed here."""
    filtered = "Seccomp:\t2" in Path("/proc/self/status").read_text()
    return "this machine is a container with a filter, where attacks cannot be shown to succeed" if filtered else ""


def told(bait, subject):
    return {**bait, "together": subject in TOGETHER}


def not_shown(found):
    return {name: result for name, result in found.items() if result[0] not in ("escaped", "absent")}


def run_plainly(bare, bait, subject, name, start):
    """Run one attack as a process that is no call."""
    (bare.folder / "order").write_bytes(order([name], told(bait, subject)))
    (bare.folder / "order").chmod(0o666)
    with (bare.folder / "order").open("r+b") as stdin:
        said = subprocess.run([*start, bare.tree / bare.attacker()], stdin=stdin, capture_output=True, check=False)
    return results(Outcome(Verdict.EXITED, 0, 0, said.stdout, said.stderr), [name])


@pytest.mark.parametrize("subject", those_with(table.PLAIN, table.ROOT))
def test_succeeds_without_walls(bare, bare_bait, subject):
    if reason := held_back():
        pytest.skip(reason)
    shown = [table.PLAIN, table.ROOT if bare.who == "root" else table.USER]
    found = bare.attack(names(subject, *shown), told(bare_bait, subject), memory=4 << 30)
    assert not not_shown(found), listed(not_shown(found))
    assert sum(result[0] == "escaped" for result in found.values()) * 2 >= len(found), found


@pytest.mark.parametrize("subject", those_with(table.PROCESS))
def test_succeeds_as_a_plain_process(bare, bare_bait, subject):
    found = [run_plainly(bare, bare_bait, subject, name, as_user(bare)) for name in names(subject, table.PROCESS)]
    assert [one for one in found if not_shown(one)] == []


@pytest.mark.parametrize("subject", those_with(table.SPACES))
def test_succeeds_in_throw_away_namespaces(bare, bare_bait, subject):
    """Each in namespaces of its own: mounts would pile up."""
    start = in_spaces(bare)
    if subprocess.run([*start, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this host allows no user namespaces")
    found = [run_plainly(bare, bare_bait, subject, name, start) for name in names(subject, table.SPACES)]
    assert [one for one in found if not_shown(one)] == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_is_held(sandbox, bait, subject):
    before = len(bait["visits"])
    found = sandbox.attack(names(subject), told(bait, subject))
    broken = {name: detail for name, (result, detail) in found.items() if result == "broken"}
    assert not broken, listed(broken)
    wrong = expectations.unexpected(sandbox.engine, sandbox.who, found)
    assert not wrong, listed(wrong)
    if subject == "network":
        assert bait["visits"][before:] == [], "a listener was reached"
