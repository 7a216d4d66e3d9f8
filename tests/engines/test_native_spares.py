"""Sandboxes that the engine `native` builds before they are asked for: one call each, and nobody sees a difference."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import signal

import psutil
import pytest

from dispatcher_service.engines.base import Access, EngineUnavailable, Verdict
from dispatcher_service.engines.launcher import spares
from dispatcher_service.engines.native.engine import NativeEngine

WHERE = "#!/bin/sh\nls -A /tmp; : > /tmp/mine; for n in mnt pid user ipc uts; do readlink /proc/self/ns/$n; done; echo $$ $PPID; sleep ${1:-0}\n"


@pytest.fixture
async def native():
    engine = NativeEngine()
    try:
        await engine.prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    yield engine
    await engine.close()


@pytest.fixture
def waiting(native):
    """The sandboxes in which nothing runs."""

    def find():
        (launcher,) = psutil.Process(native.launcher_pid).children()
        children = [child for child in launcher.children() if child.is_running()]
        return children[min(len(children), spares.BLANKS) :]  # blanks are there from the start

    return find


@pytest.fixture
def again(native, tree):
    command = dataclasses.replace(tree.command(WHERE), arguments=("0",))

    async def run(**changed):
        return await native.run(dataclasses.replace(command, call_id=secrets.token_hex(8), **changed))

    return run


async def settled(waiting, count):
    for _attempt in range(1000):
        if len(waiting()) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(waiting())} sandboxes wait, not {count}")


async def test_every_call_gets_a_sandbox_of_its_own(again, waiting):
    for _round in range(2):
        outcomes = await asyncio.gather(*(again(arguments=("0.2",)) for _ in range(3)))  # the numbers are used again
        said = [outcome.stdout.decode().splitlines() for outcome in outcomes]
        for *spaces, pids in said:
            assert pids == "2 1"
            assert len(spaces) == 5, "something was in /tmp"
        assert len({space for *spaces, _pids in said for space in spaces}) == 15, "two had a namespace in common"
        await settled(waiting, 1)


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


async def test_other_limits_get_another_sandbox(again, waiting, tree):
    for _round in range(2):
        await again()
    await settled(waiting, 1)
    text = "#!/bin/sh\nulimit -n\n"
    tree.add(text)
    command = tree.command(text)
    for files in (64, 32, 64, 16):
        outcome = await again(limits=dataclasses.replace(command.limits, open_files=files))
        assert outcome.stdout == b"%d\n" % files


async def test_one_that_has_died_is_not_missed(again, waiting):
    for _round in range(2):
        await again()
    await settled(waiting, 1)
    for sandbox in waiting():
        sandbox.send_signal(signal.SIGKILL)
    await settled(waiting, 0)
    for _round in range(3):
        outcome = await again()
        assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 0), outcome


async def test_another_folder_at_the_same_path_is_seen(again, waiting, tree, tmp_path):
    for _round in range(2):
        await again()
    await settled(waiting, 1)
    tree.path.rename(tmp_path / "old")
    tree.path.mkdir()
    tree.path.chmod(0o755)
    tree.add("#!/bin/sh\necho new\n")
    assert (await again()).stdout == b"new\n"


async def test_a_changed_file_is_seen(again, waiting, tree):
    for _round in range(2):
        await again()
    await settled(waiting, 1)
    tree.add("#!/bin/sh\necho changed\n")
    assert (await again()).stdout == b"changed\n"


async def test_there_are_never_many(native, tree, waiting):
    for number in range(spares.MOST + 3):
        command = tree.command("#!/bin/sh\n", processes=20 + number)
        for attempt in range(2):
            await native.run(dataclasses.replace(command, call_id=f"{number}-{attempt}"))
    for _attempt in range(100):
        if 0 < len(waiting()) <= spares.MOST:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(waiting())} sandboxes wait")


async def test_none_waits_for_long(again, waiting):
    for _round in range(2):
        await again()
    await settled(waiting, 1)
    await settled(waiting, 0)


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
