"""The launcher of the engine `native` when something is lacking or wrong: every call is answered, and it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import resource
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.base import Access, EngineUnavailable, Network, Verdict
from dispatcher_service.engines.launcher import client
from dispatcher_service.engines.native.engine import NativeEngine
from dispatcher_service.engines.options import EngineOptions
from isolation.sandbox import PYTHON as INTERPRETER
from support.engines import depth, maker_of

BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); {changes}; "
    "from dispatcher_service.engines.launcher.start import main; main(sys.argv[1:])"
)
BASH = "/bin/bash"
PARENT = f"#!{INTERPRETER}\nimport os\nprint(os.getppid())\n"
"""Prints 0 where it is run in a warm interpreter's copy, and 1 where it is executed."""
PYTHON = EngineOptions(accelerator="off")
"""Sandboxes are made by what can be changed from here."""
HALF_FAIL = """
import itertools
from dispatcher_service.engines.launcher.native import NativeStarter
start, asked, seen = NativeStarter.start, itertools.count(), set()
def fail(self, number, network, *rest):
    seen.add(network)
    if network != 'loopback' and 'loopback' in seen and next(asked) % 2:
        raise OSError(11, 'not now')
    return start(self, number, network, *rest)
NativeStarter.start = fail
"""
DEAD = """
import select
from dispatcher_service.engines.launcher.sandbox import Sandbox
from dispatcher_service.engines.launcher.spares import Spare
def fail(self, own):
    raise PermissionError('there is no user for it')
Sandbox.become_user, hand_over = fail, Spare.hand_over
def late(self, *rest):
    select.select([self.line], [], [], 10)
    hand_over(self, *rest)
Spare.hand_over = late
"""
IMPATIENT = """
from dispatcher_service.engines.launcher import spares
from dispatcher_service.engines.launcher.cgroups import Cgroups
spares.LIFE = 0.05
Cgroups.kills_all_for_memory = True
"""
"""Nothing else than the call's end wakes the launcher, as with control groups of version 2."""


TWO_INTERPRETERS = """
from dispatcher_service.engines.launcher import zygotes
zygotes.MOST_ZYGOTES, zygotes.KEPT = 2, 0.0
"""
STUCK = """
from dispatcher_service.engines.launcher import zygotes
zygotes.ANSWER_SECONDS = 0.5
"""
WITHOUT_CLONE3 = """
from dispatcher_service.engines.launcher import kernel
kernel.has_clone3 = lambda: False
"""
SILENT = """
import os, signal
from dispatcher_service.engines.launcher import zygotes
from dispatcher_service.engines.launcher.warming import WarmingLauncher
zygotes.ANSWER_SECONDS = 0.5
ask, asked = WarmingLauncher.ask, []
def stop_some(self, zygote, spare):
    asked.append(spare)
    if len(asked) < 4:
        os.kill(spare.call.pid, signal.SIGSTOP)
    ask(self, zygote, spare)
WarmingLauncher.ask = stop_some
"""
"""The first sandboxes that are asked for their namespaces do not answer."""


@pytest.fixture
def changed(monkeypatch):
    """Changes the launcher's program."""

    def change(code):
        monkeypatch.setattr(client, "BOOT", BOOT.format(changes=f"exec({code!r})"))

    return change


@contextlib.asynccontextmanager
async def running():
    """An engine whose launcher is as it has been changed."""
    engine = NativeEngine()
    await engine.prepare()
    try:
        yield engine
    finally:
        await engine.close()


def opened(pid):
    """What a process has open, by the descriptors' numbers."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has been closed meanwhile
            found[int(entry.name)] = str(entry.readlink())
    return found


def waits(pid):
    """How often a process has waited for something."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"mount_at": "/srv/\ud800"},
        {"access": Access(read=("/srv\0/a",))},
        {"access": Access(write=("/srv/\ud800",))},
        {"access": Access(secrets=(("\ud800", b"content"),))},
    ],
    ids=["folder", "NUL", "path", "secret"],
)
async def test_what_cannot_be_a_path_costs_no_other_call_anything(native, tree, changes):
    launcher = native.launcher_pid
    command = tree.command("#!/bin/sh\n")
    outcome = await native.run(dataclasses.replace(command, **changes))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert "not allowed" in outcome.reason or "null byte" in outcome.reason
    assert (await native.run(command)).verdict is Verdict.EXITED
    assert native.launcher_pid == launcher


async def test_a_call_may_have_a_year(native, tree, changed):
    changed(IMPATIENT)
    async with running() as engine:
        outcome = await engine.run(tree.command("#!/bin/sh\nsleep 0.5\n", wall=365 * 24 * 3600.0))
    assert outcome.verdict is Verdict.EXITED, outcome


async def warm(engine, command):
    """Wait until a script that prints its parent is run in a warm interpreter."""
    async with asyncio.timeout(60):
        while (
            outcome := await engine.run(dataclasses.replace(command, call_id=secrets.token_hex(8)))
        ).stdout != b"0\n":
            assert outcome.stdout == b"1\n", outcome
            await asyncio.sleep(0.02)


def zygote_of(engine):
    """The only warm interpreter."""
    level = depth(engine.launcher_pid)
    children = psutil.Process(engine.launcher_pid).children()
    (found,) = (one for one in children if depth(one.pid) == level and "exec(" in " ".join(one.cmdline()))
    return found


async def test_without_clone3_scripts_are_executed(changed, tree):
    changed(WITHOUT_CLONE3)
    async with running() as engine:
        command = tree.command(PARENT)
        for _round in range(3):
            assert (await engine.run(dataclasses.replace(command, call_id=secrets.token_hex(8)))).stdout == b"1\n"
        assert [finding for finding in engine.findings if "lacks clone3" in finding.detail]


def stopped(processes):
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends as it should
            found += [process] if process.status() == psutil.STATUS_STOPPED else []
    return found


async def test_sandboxes_that_do_not_answer_hold_nobody_up_for_long(changed, tree):
    changed(SILENT)
    async with running() as engine:
        command = tree.command(PARENT)
        await warm(engine, command)
        calls = (engine.run(dataclasses.replace(command, call_id=str(number))) for number in range(20))
        outcomes = await asyncio.wait_for(asyncio.gather(*calls), 60)
        assert {outcome.stdout for outcome in outcomes} <= {b"0\n", b"1\n"}
        assert not stopped(psutil.Process(engine.launcher_pid).children())


async def test_the_interpreter_that_was_used_least_lately_makes_room(changed, tree):
    changed(TWO_INTERPRETERS)
    async with running() as engine:
        command = tree.command(PARENT)
        folders = [dataclasses.replace(command, mount_at=f"/opt/folder{number}") for number in range(3)]
        await warm(engine, folders[0])
        first = zygote_of(engine)
        first.suspend()  # so that it does not end by itself
        for folder in folders[1:]:
            await warm(engine, folder)
        assert (await engine.run(folders[2])).stdout == b"0\n"
        assert (await engine.run(folders[0])).stdout == b"1\n", "it has made room"
        assert not first.is_running() or first.status() == psutil.STATUS_ZOMBIE


async def test_an_interpreter_that_stands_still_holds_nobody_up_for_long(changed, tree):
    changed(STUCK)
    async with running() as engine:
        command = tree.command(PARENT)
        await warm(engine, command)
        zygote = zygote_of(engine)
        zygote.suspend()
        calls = (engine.run(dataclasses.replace(command, call_id=str(number))) for number in range(40))
        outcomes = await asyncio.wait_for(asyncio.gather(*calls), 60)
        assert {outcome.stdout for outcome in outcomes} <= {b"0\n", b"1\n"}
        assert not zygote.is_running() or zygote.status() == psutil.STATUS_ZOMBIE
        await warm(engine, command)


@pytest.mark.parametrize("room", [0, 1, 2, 3, 5, 8])
async def test_says_when_it_has_too_many_files_open(native, tree, room):
    launcher = native.launcher_pid
    most = 1 + max(opened(launcher))
    before = resource.prlimit(launcher, resource.RLIMIT_NOFILE, (most + room, most + 100))
    command = tree.command("#!/bin/sh\n")
    for number in range(4):
        outcome = await asyncio.wait_for(native.run(dataclasses.replace(command, call_id=str(number))), 20)
        assert outcome.verdict is Verdict.EXITED or "files" in outcome.reason, outcome
    resource.prlimit(launcher, resource.RLIMIT_NOFILE, (most + 100, most + 100))
    assert (await native.run(command)).verdict is Verdict.EXITED
    assert native.launcher_pid == launcher
    assert before[0] == before[1], "there is room for many calls"


async def test_rests_when_no_sandbox_can_be_made(native, tree):
    command = tree.command("#!/bin/sh\n")
    await native.run(command)
    maker = maker_of(native.launcher_pid)
    before = resource.prlimit(maker, resource.RLIMIT_NOFILE)
    resource.prlimit(maker, resource.RLIMIT_NOFILE, (5, before[1]))
    outcomes = [await native.run(dataclasses.replace(command, call_id=str(number))) for number in range(20)]
    assert outcomes[-1].verdict is Verdict.NOT_STARTED
    assert "Too many open files" in outcomes[-1].reason
    for _attempt in range(100):
        before_pause = waits(maker)
        await asyncio.sleep(0.1)
        if waits(maker) == before_pause:
            break
    else:
        raise AssertionError("it is tried without end")
    resource.prlimit(maker, resource.RLIMIT_NOFILE, before)
    assert (await native.run(command)).verdict is Verdict.EXITED


@pytest.mark.skipif(not Path(BASH).exists(), reason=f"no {BASH}")
async def test_sandboxes_that_cannot_be_made_are_no_matter_to_others(native, tree, changed):
    """Nor is one ever given to a call whose network is another."""
    changed(HALF_FAIL)
    engine = NativeEngine(PYTHON)
    await engine.prepare()
    command = tree.command(
        f"#!{BASH}\n(: < /dev/tcp/127.0.0.1/9) 2>&1 | grep -q refused && echo online || echo offline\n"
    )

    async def run(network):
        return await engine.run(
            dataclasses.replace(command, call_id=secrets.token_hex(8), access=Access(network=network))
        )

    try:
        for _round in range(4):
            own = asyncio.gather(*(run(Network.LOOPBACK) for _ in range(8)))
            none = await asyncio.gather(*(run(Network.NONE) for _ in range(24)))
            assert {outcome.stdout for outcome in await own} == {b"online\n"}
            ran = [outcome for outcome in none if outcome.verdict is Verdict.EXITED]
            assert {outcome.stdout for outcome in ran} == {b"offline\n"}
            assert all("not now" in outcome.reason for outcome in none if outcome not in ran)
    finally:
        await engine.close()


async def test_says_why_a_sandbox_has_died_before_its_call_came(native, changed):
    changed(DEAD)
    with pytest.raises(EngineUnavailable, match="there is no user for it"):
        await NativeEngine(PYTHON).prepare()


async def test_secrets_that_do_not_fit_leave_nothing_open(native, tree):
    access = Access(secrets=(("too-large", b"x" * (5 << 20)),))
    outcome = await native.run(dataclasses.replace(tree.command("#!/bin/sh\n"), access=access))
    assert "No space left" in outcome.reason, outcome
    assert [name for name in opened(native.launcher_pid).values() if "too-large" in name] == []


async def test_a_message_that_cannot_be_sent_is_one_call_s_matter(native, tree, mark, begun):
    launcher = native.launcher_pid
    slow = tree.command(f"#!/bin/sh\nsleep {mark}\n", name="slow")
    running = asyncio.create_task(native.run(slow))
    await begun()
    native._launcher._line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    command = tree.command("#!/bin/sh\n")
    outcome = await native.run(dataclasses.replace(command, arguments=("x" * 50_000,)))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert "Message too long" in outcome.reason
    assert (await native.run(command)).verdict is Verdict.EXITED
    assert native.kill(slow.call_id)
    assert (await running).verdict is Verdict.KILLED
    assert native.launcher_pid == launcher


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's calls have other users")
def test_says_it_when_root_could_not_end_calls():
    code = (
        "import asyncio; from dispatcher_service.engines.factory import create; asyncio.run(create('native').prepare())"
    )
    command = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill", sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "root has no CAP_KILL here" in ended.stderr
    assert "(fix: give it CAP_KILL, or start it as an ordinary user)" in ended.stderr
