"""Waiting sandboxes of the engine `bubblewrap`: ready before the call, like cold ones in all else, used once."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines import pool as pools
from dispatcher_service.engines.base import Access, Network, Verdict
from dispatcher_service.engines.pool import MAX_WAITING, is_poolable
from support.engines import prepared

OWN_NETWORK = str(Path("/proc/self/ns/net").readlink())
LOOK = """#!/bin/sh
tr '\\0' '\\n' < /proc/$$/environ | sort; tr '\\0' '|' < /proc/$$/cmdline; echo "$0" "$@" $$ $PPID
ls /proc/$$/fd; readlink /proc/$$/exe /proc/$$/cwd /proc/$$/root
while read -r line; do
  case $line in Sig[BI]* | Cap* | NoNew* | Secc* | Threads* | Groups*) echo "$line" ;; esac
done < /proc/$$/status  # by itself: while it starts another program, signals are blocked
ulimit -a; umask; cat /proc/$$/oom_score_adj /proc/mounts; ls -A /tmp; echo x > /tmp/x; cat
exit 3
"""


@pytest.fixture
async def engine():
    async with prepared("bubblewrap") as engine:
        yield engine


def pool_of(engine):
    return engine._built[engine._launcher][1]


async def ready(engine, count=1):
    """Wait until so many sandboxes wait and have come as far as to read their pipe."""
    pool = pool_of(engine)
    for _attempt in range(2000):
        shells = [p for p in psutil.Process(engine.launcher_pid).children(recursive=True) if is_shell(p)]
        if len(pool.waiting) >= count and len(shells) >= count:
            return shells
        await asyncio.sleep(0.005)
    raise AssertionError(f"{len(pool.waiting)} sandboxes wait, {count} were expected")


def is_shell(process):
    try:
        return process.cmdline()[:2] == ["/bin/sh", "-c"] and "read -r token" in process.cmdline()[2]
    except psutil.Error:
        return False


async def test_a_pooled_call_looks_like_a_cold_one(engine, tree):
    command = tree.command(LOOK, b"input\n")
    command = dataclasses.replace(command, arguments=("--xmlrpc", "two words", "", "back\\slash", " edge "))
    cold = await engine.run(command)
    await ready(engine)
    pool = pool_of(engine)
    waiting = pool.waiting[0]
    warm = await engine.run(command)
    assert waiting.end.done()
    assert (warm.verdict, warm.exit_code) == (Verdict.EXITED, 3), warm
    assert warm.stdout.decode() == cold.stdout.decode()
    assert warm.stderr == cold.stderr == b""
    assert warm.usage.wall > 0
    assert warm.usage.memory_peak > 0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (b"#!/no/such/interpreter\n", 0o755),
        (b"#!/bin/sh\r\n", 0o755),
        (b"#!/opt/ext\n", 0o755),
        (b"#!/etc/passwd\n", 0o755),
        (b"plain\n", 0o755),
        (b"#!/bin/sh\n", 0o644),
    ],
)
async def test_what_cannot_be_executed_is_told_alike(engine, tree, text, mode):
    command = tree.command(text)
    tree.add(text, mode=mode)
    cold = await engine.run(command)
    tree.add("#!/bin/sh\n")
    await engine.run(command)
    await ready(engine)
    tree.add(text, mode=mode)
    warm = await engine.run(command)
    assert warm.verdict is cold.verdict is Verdict.NOT_STARTED
    assert warm.reason == cold.reason


async def test_exit_codes_of_the_shell_are_the_programs_own(engine, tree):
    command = tree.command("#!/bin/sh\necho 'sh: 1: exec: /opt/ext/x: not found' >&2\nexit 127\n")
    await engine.run(command)
    await ready(engine)
    outcome = await engine.run(command)
    assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 127)
    outcome = await engine.run(tree.command("#!/bin/sh\nkill -SEGV $$\n"))
    assert (outcome.verdict, outcome.signal) == (Verdict.SIGNALED, signal.SIGSEGV)


async def test_wall_time_begins_with_the_call(engine, tree, mark, running):
    command = tree.command("#!/bin/sh\nread s\nsleep $s\n", b"0\n", wall=1.5)
    await engine.run(command)
    await ready(engine)
    await asyncio.sleep(1.2)
    outcome = await engine.run(dataclasses.replace(command, stdin=b"0.6\n"))
    assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 0), outcome
    assert 0.6 <= outcome.usage.wall < 1.5
    await ready(engine)
    outcome = await engine.run(dataclasses.replace(command, stdin=f"{mark}\n".encode()))
    assert outcome.verdict is Verdict.TIMED_OUT
    assert running(mark) == []


async def test_a_waiting_sandbox_that_dies_is_never_used(engine, tree):
    command = tree.command("#!/bin/sh\ncat\n", b"answer")
    await engine.run(command)
    pool = pool_of(engine)
    # Noticed before the next call.
    for shell in await ready(engine):
        shell.kill()
    for _attempt in range(1000):
        if not pool.waiting:
            break
        await asyncio.sleep(0.005)
    assert pool.waiting == []
    assert (await engine.run(command)).stdout == b"answer"
    # Not noticed: the loop has no turn between the kill and the call.
    for _round in range(3):
        for shell in await ready(engine):
            shell.kill()
        outcome = await engine.run(command)
        assert (outcome.verdict, outcome.stdout) == (Verdict.EXITED, b"answer"), outcome


async def test_used_once_and_nothing_crosses(engine, tree):
    command = tree.command("#!/bin/sh\nls -A /tmp; echo secret > /tmp/file; cat\n", b"one\n")
    for number in range(6):
        outcome = await engine.run(dataclasses.replace(command, stdin=b"%d\n" % number))
        assert outcome.stdout == b"%d\n" % number
        if number % 2:
            await ready(engine)


async def test_many_at_once_and_the_pool_stays_small(engine, tree):
    tree.add("#!/bin/sh\ncat\n")
    command = tree.command("#!/bin/sh\ncat\n")
    for _round in range(2):
        commands = [dataclasses.replace(command, call_id=f"c{n}", stdin=b"%d" % n) for n in range(20)]
        outcomes = await asyncio.gather(*map(engine.run, commands))
        assert [outcome.stdout for outcome in outcomes] == [b"%d" % n for n in range(20)]
    await ready(engine)
    assert len(pool_of(engine).waiting) <= MAX_WAITING
    for number in range(MAX_WAITING + 2):  # other kinds push out the oldest
        other = dataclasses.replace(command, limits=dataclasses.replace(command.limits, wall=30.0 + number))
        assert (await engine.run(other)).verdict is Verdict.EXITED
    await asyncio.sleep(0)
    assert len(pool_of(engine).waiting) <= MAX_WAITING


async def test_another_folder_at_the_same_path(engine, tree):
    command = tree.command("#!/bin/sh\necho old\n")
    await engine.run(command)
    await ready(engine)
    tree.path.rename(tree.path.with_name("old"))
    shutil.copytree(tree.path.with_name("old"), tree.path)
    tree.add("#!/bin/sh\necho new\n")
    assert (await engine.run(command)).stdout == b"new\n"
    shutil.rmtree(tree.path)
    assert (await engine.run(command)).verdict is Verdict.NOT_STARTED


async def test_idle_ones_are_let_go(engine, tree, monkeypatch, eventually):
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.2)
    before = psutil.Process().num_fds()
    await engine.run(tree.command("#!/bin/sh\n"))
    pool = pool_of(engine)
    for _attempt in range(1000):
        await asyncio.sleep(0.01)
        if not pool.waiting and not psutil.Process(engine.launcher_pid).children():
            break
    assert pool.waiting == []
    assert psutil.Process(engine.launcher_pid).children() == []
    assert psutil.Process().num_fds() == before


async def test_the_launcher_dies_with_sandboxes_waiting(engine, tree):
    command = tree.command("#!/bin/sh\necho again\n")
    await engine.run(command)
    shells = await ready(engine)
    first = pool_of(engine)
    os.kill(engine.launcher_pid, signal.SIGKILL)
    outcome = await engine.run(command)
    if outcome.verdict is not Verdict.EXITED:  # it began before the death was noticed
        assert outcome.verdict in (Verdict.KILLED, Verdict.NOT_STARTED)
        outcome = await engine.run(command)
    assert outcome.stdout == b"again\n"
    assert first.waiting == []
    assert pool_of(engine) is not first
    psutil.wait_procs(shells, timeout=10)
    assert not any(shell.is_running() and shell.status() != psutil.STATUS_ZOMBIE for shell in shells)


async def test_killing_and_cancelling_a_pooled_call(engine, tree, mark, running, begun):
    command = tree.command(f"#!/bin/sh\nread a && sleep {mark}\n")
    await engine.run(command)
    slow = dataclasses.replace(command, stdin=b"go\n")
    await ready(engine)
    task = asyncio.create_task(engine.run(slow))
    await begun()
    assert engine.kill(slow.call_id)
    assert (await task).verdict is Verdict.KILLED
    await ready(engine)
    task = asyncio.create_task(engine.run(slow))
    await begun()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(mark) == []


async def test_access_is_granted_to_the_call_and_no_other(engine, tree, open_folder, tmp_path):
    (open_folder / "public").mkdir()
    (open_folder / "public").chmod(0o777)
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "file").write_text("closed\n")
    access = Access(
        read=(str(closed / "file"),),
        write=(str(open_folder / "public"),),
        environment=(("MODE", "test"),),
        secrets=(("token", b"sword\0fish"), ("empty", b"")),
    )
    text = (
        f"#!/bin/sh\ncat {closed}/file; echo $MODE; ls -l /run/secrets | cut -c1-10\ntr -d '\\0' < /run/secrets/token\n"
    )
    text += f"(: > {closed}/file) 2>/dev/null && echo escaped\n(: > /run/secrets/new) 2>/dev/null && echo escaped\n"
    text += f"echo made > {open_folder}/public/new; ls /proc/self/fd | wc -l >&2\n"
    command = tree.command(text)
    outcome = await engine.run(dataclasses.replace(command, access=access))
    assert outcome.stdout == b"closed\ntest\ntotal 4\n-r--------\n-r--------\nswordfish", outcome
    assert outcome.stderr == b"4\n"  # with that of ls
    assert (open_folder / "public" / "new").read_text() == "made\n"
    later = await engine.run(tree.command(f"#!/bin/sh\necho $MODE /run/*; ls -d {open_folder} {closed}\n"))
    assert later.stdout.split() == [b"/run/*"]


@pytest.mark.parametrize("network", list(Network))
async def test_network(engine, tree, network):
    if shutil.which("python3", path="/usr/bin") is None:
        pytest.skip("no /usr/bin/python3, in which the program is written")
    text = """#!/usr/bin/python3 -I
import os, socket
try:
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname(), timeout=5).close()
    print("loopback")
except OSError as error:
    print(type(error).__name__)
print(os.readlink("/proc/self/ns/net"))
"""
    command = dataclasses.replace(tree.command(text), access=Access(network=network))
    for _round in range(2):  # cold, and pooled
        answer, space = (await engine.run(command)).stdout.decode().split()
        assert answer == ("PermissionError" if network is Network.NONE else "loopback")
        assert (space == OWN_NETWORK) is (network is Network.OUTBOUND)
        await ready(engine)


@pytest.mark.parametrize(
    ("changes", "poolable"),
    [
        ({}, True),
        ({"access": Access(network=Network.LOOPBACK)}, True),
        ({"access": Access(secrets=(("a", b""),))}, False),
        ({"access": Access(read=("/srv",))}, False),
        ({"access": Access(write=("/srv",))}, False),
        ({"access": Access(environment=(("A", "b"),))}, False),
        ({"arguments": ("a\nb",)}, False),
        ({"arguments": ("a" * 40_000,)}, False),
        ({"executable": "a\nb"}, False),
    ],
)
def test_what_is_poolable(tree, changes, poolable):
    assert is_poolable(dataclasses.replace(tree.command("#!/bin/sh\n"), **changes)) is poolable
