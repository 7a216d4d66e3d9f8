"""Sandboxes that the engine `native` builds before they are asked for: one call each, and nobody sees a difference."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import secrets
import signal
from collections.abc import AsyncIterator

import psutil
import pytest

from dispatcher_service.engines.base import Access, Engine, Verdict
from dispatcher_service.engines.launcher import spares
from support.engines import depth, maker_of, prepared

WHERE = "#!/bin/sh\nls -A /tmp; : > /tmp/mine; for n in mnt pid user ipc uts; do readlink /proc/self/ns/$n; done; echo $$ $PPID; sleep ${1:-0}\n"


@pytest.fixture
async def native() -> AsyncIterator[Engine]:
    """One maker is enough here: what keeps sandboxes is the launcher, and it is the same for both."""
    async with prepared("native") as made:
        yield made


@pytest.fixture
def waiting(native):
    """The sandboxes in which nothing runs."""

    def find():
        launcher = psutil.Process(native.launcher_pid)
        return [child for child in launcher.children() if depth(child.pid) > depth(launcher.pid)]

    return find


@pytest.fixture
def again(native, tree):
    command = dataclasses.replace(tree.command(WHERE), arguments=("0",))

    async def run(**changed):
        return await native.run(dataclasses.replace(command, call_id=secrets.token_hex(8), **changed))

    return run


async def settled(waiting, count=spares.FEW):
    for _attempt in range(1000):
        if len(waiting()) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(waiting())} sandboxes wait, not {count}")


async def test_they_wait_from_the_start_and_are_replaced(again, waiting):
    await settled(waiting, spares.MOST)  # a call has tried the engine
    await settled(waiting)
    first = set(waiting())
    await again()
    await settled(waiting, spares.MOST)
    assert len(first & set(waiting())) == spares.FEW - 1


async def test_every_call_gets_a_sandbox_of_its_own(again, waiting):
    for _round in range(2):
        outcomes = await asyncio.gather(*(again(arguments=("0.2",)) for _ in range(3)))  # the numbers are used again
        said = [outcome.stdout.decode().splitlines() for outcome in outcomes]
        for *spaces, pids in said:
            assert pids == "2 1"
            assert len(spaces) == 5, "something was in /tmp"
        assert len({space for *spaces, _pids in said for space in spaces}) == 15, "two had a namespace in common"
        await settled(waiting)


async def test_many_end_at_once_that_cannot_even_begin(native, tree):
    """More first processes report and die in a row than are waited for."""
    command = tree.command("#!/nonexistent\n")
    launcher = native.launcher_pid
    for _round in range(3):
        calls = (native.run(dataclasses.replace(command, call_id=secrets.token_hex(8))) for _call in range(40))
        assert {outcome.verdict for outcome in await asyncio.gather(*calls)} == {Verdict.NOT_STARTED}
    assert native.launcher_pid == launcher


async def test_each_gets_its_own_input_arguments_and_environment(native, tree):
    command = tree.command('#!/bin/sh\ncat; echo "$*"; env | grep ^X=; echo e >&2; echo o > /dev/stdout\n')
    for number in range(5):
        outcome = await native.run(
            dataclasses.replace(
                command,
                call_id=f"c{number}",
                stdin=b"in %d\n" % number,
                arguments=(f"argument {number}", "x"),
                access=Access(environment=(("X", str(number)),)),
            )
        )
        assert outcome.stdout == b"in %d\nargument %d x\nX=%d\no\n" % (number, number, number), outcome
        assert outcome.stderr == b"e\n"


async def test_each_gets_its_own_limits(again, waiting, tree):
    await settled(waiting)
    text = "#!/bin/sh\nulimit -n\n"
    tree.add(text)
    command = tree.command(text)
    for files in (64, 32, 64, 16):
        outcome = await again(limits=dataclasses.replace(command.limits, open_files=files))
        assert outcome.stdout == b"%d\n" % files


async def test_one_that_has_died_is_not_missed(again, waiting):
    await again()
    await settled(waiting, spares.MOST)
    for sandbox in waiting():
        sandbox.send_signal(signal.SIGKILL)
    await settled(waiting, 0)
    for _round in range(3):
        outcome = await again()
        assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 0), outcome
    await settled(waiting)


async def test_another_folder_at_the_same_path_is_seen(again, waiting, tree, tmp_path):
    await settled(waiting)
    tree.path.rename(tmp_path / "old")
    tree.path.mkdir()
    tree.path.chmod(0o755)
    tree.add("#!/bin/sh\necho new\n")
    assert (await again()).stdout == b"new\n"


async def test_a_changed_file_is_seen(again, waiting, tree):
    await settled(waiting)
    tree.add("#!/bin/sh\necho changed\n")
    assert (await again()).stdout == b"changed\n"


async def test_there_are_never_many(native, tree, waiting):
    command = tree.command("#!/bin/sh\n")
    for _round in range(3):
        calls = (native.run(dataclasses.replace(command, call_id=f"{number}")) for number in range(2 * spares.MOST))
        await asyncio.gather(*calls)
    await settled(waiting, spares.MOST)


async def test_most_of_them_are_let_go_when_no_call_comes(again, waiting):
    await again()
    await settled(waiting, spares.MOST)
    await settled(waiting, spares.FEW)


async def test_the_size_of_tmp_is_the_call_s_own(native, tree):
    text = "#!/bin/sh\nhead -c 40000000 /dev/zero > /tmp/a; wc -c < /tmp/a\n"
    for size in (1 << 20, 32 << 20, 16 << 20, 1 << 20):
        outcome = await native.run(tree.command(text, tmp_size=size))
        assert int(outcome.stdout) == size, outcome


async def test_nobody_learns_where_others_are(native, tree):
    """Mount points are made where all calls could see them."""
    await native.run(dataclasses.replace(tree.command("#!/bin/sh\n"), mount_at="/srv/some/secret name"))
    outcome = await native.run(tree.command("#!/bin/sh\nls / /srv /srv/some 2>&1; cat '/srv/some/secret name/x'\n"))
    assert b"name" not in outcome.stdout, outcome
    assert b"some\n" not in outcome.stdout, outcome
    assert b"No such file" in outcome.stderr


async def test_calls_that_use_them_can_be_killed_and_time_out(native, tree, mark, running, begun):
    quick = tree.command("#!/bin/sh\ncat | sh\n", wall=1.0)
    for number in range(2):
        await native.run(dataclasses.replace(quick, call_id=str(number)))
    slow = dataclasses.replace(quick, stdin=f"sleep {mark}\n".encode())
    outcome = await native.run(dataclasses.replace(slow, call_id="slow"))
    assert outcome.verdict is Verdict.TIMED_OUT
    assert outcome.usage.wall < 5
    for number in range(2, 4):
        await native.run(dataclasses.replace(quick, call_id=str(number)))
    task = asyncio.create_task(native.run(dataclasses.replace(slow, call_id="killed")))
    await begun()
    assert native.kill("killed")
    assert (await task).verdict is Verdict.KILLED
    assert running(mark) == []


async def test_many_at_once_with_spares(native, tree):
    command = tree.command("#!/bin/sh\ncat\n")
    for _round in range(3):
        calls = [
            native.run(dataclasses.replace(command, call_id=secrets.token_hex(8), stdin=b"%d" % n)) for n in range(12)
        ]
        outcomes = await asyncio.gather(*calls)
        assert [outcome.stdout for outcome in outcomes] == [b"%d" % n for n in range(12)]


async def test_without_what_makes_them_calls_go_on_with_another_launcher(native, again):
    first = psutil.Process(native.launcher_pid)
    await again()
    os.kill(maker_of(first.pid), signal.SIGKILL)
    for _attempt in range(1000):
        if native.launcher_pid not in (0, first.pid):
            break
        await asyncio.sleep(0.01)
    assert (await again()).verdict is Verdict.EXITED
    assert not first.is_running()


BIND = """#!/usr/bin/env python3
import socket, sys, time
kept = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
kept[0].bind("\\0name"); kept[1].bind("/tmp/name")
print(open("/proc/net/unix").read().count("name"), flush=True)
time.sleep(float(sys.argv[1]))
"""


async def test_calls_have_no_names_of_sockets_in_common(native, tree):
    """Neither at the same time nor one after the other."""
    command = dataclasses.replace(tree.command(BIND), arguments=("0.3",))
    for _round in range(3):
        calls = (native.run(dataclasses.replace(command, call_id=str(number))) for number in range(4))
        for outcome in await asyncio.gather(*calls):
            assert outcome.stdout == b"2\n", outcome
