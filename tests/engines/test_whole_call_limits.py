"""Limits that hold for all processes of a call together, by control groups as root and by samples without them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dispatcher_service.engines.base import Verdict
from isolation.sandbox import Sandbox

MIB = 1 << 20
ENGINES = ("native", "bubblewrap", "confine")
USERS = ("root", "user") if os.geteuid() == 0 else ("user",)


@pytest.fixture(scope="module", params=[f"{engine} as {who}" for engine in ENGINES for who in USERS])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    engine, _as, who = request.param.partition(" as ")
    try:
        made = Sandbox(engine, who)
    except ConnectionError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture
def grouped(sandbox: Sandbox) -> bool:
    """Whether the launcher has control groups for memory: as root, where the machine lets root have them."""
    return "memory" in sandbox.do("groups")


SHARE = """
import os, time
for _ in range(6):
    if not os.fork():
        block = bytearray({each})
        time.sleep(20)
        os._exit(0)
time.sleep(20)
"""


def test_memory_of_many_processes(sandbox: Sandbox) -> None:
    limit = 160 * MIB
    outcome = sandbox.python(SHARE.format(each=60 * MIB), memory=limit)
    assert outcome.verdict is Verdict.MEMORY_EXCEEDED
    assert outcome.usage.memory_peak >= limit * 0.9
    assert f"bytes of memory at once, at most {limit}" in outcome.reason
    assert outcome.usage.wall < 15


def test_memory_of_one_process(sandbox: Sandbox, grouped: bool) -> None:
    outcome = sandbox.python("block = bytearray(300 << 20)", memory=128 * MIB)
    if grouped:
        assert outcome.verdict is Verdict.MEMORY_EXCEEDED
        assert 120 * MIB <= outcome.usage.memory_peak <= 128 * MIB
    else:
        # Without a group, each process is held to its address space.
        assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 1)
        assert b"MemoryError" in outcome.stderr


def test_memory_that_processes_share_counts_once(sandbox: Sandbox) -> None:
    text = """
import os, time
block = bytearray(80 << 20)
for _ in range(4):
    if not os.fork():
        time.sleep(0.3)
        os._exit(0)
for _ in range(4):
    os.wait()
print("done")
"""
    outcome = sandbox.python(text, memory=200 * MIB)
    assert (outcome.verdict, outcome.stdout) == (Verdict.EXITED, b"done\n"), outcome
    assert 80 * MIB <= outcome.usage.memory_peak <= 160 * MIB


def test_address_space_is_limited_only_where_memory_is_not(sandbox: Sandbox, grouped: bool) -> None:
    text = "import mmap\nmmap.mmap(-1, 2 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\nprint('reserved')"
    outcome = sandbox.python(text, memory=128 * MIB)
    assert (outcome.stdout == b"reserved\n") is grouped


def test_cpu_of_many_processes(sandbox: Sandbox) -> None:
    outcome = sandbox.python("import os\nfor _ in range(3): os.fork()\nwhile True: pass", cpu=0.4)
    assert outcome.verdict is Verdict.CPU_EXCEEDED
    assert 0.4 <= outcome.usage.cpu < 1.5
    assert "of processor time, at most 0.4 s" in outcome.reason


def test_cpu_that_no_parent_is_told_of(sandbox: Sandbox) -> None:
    """Of short processes one after the other, whose parent has said that it does not care for their ends."""
    text = """
import contextlib, os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if not os.fork():
        until = time.process_time() + 0.1
        while time.process_time() < until: pass
        os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.wait()
"""
    outcome = sandbox.python(text, cpu=0.4, wall=10.0)
    assert outcome.verdict is Verdict.CPU_EXCEEDED, outcome


def test_no_limit_of_cpu_but_the_wall(sandbox: Sandbox) -> None:
    outcome = sandbox.python("import os\nfor _ in range(2): os.fork()\nwhile True: pass", wall=0.5)
    assert outcome.verdict is Verdict.TIMED_OUT


def test_fork_bomb(sandbox: Sandbox, grouped: bool) -> None:
    text = """
import os, time
made = 0
try:
    while True:
        if not os.fork():
            time.sleep(5)
            os._exit(0)
        made += 1
except OSError as error:
    print(made, error.strerror)
"""
    outcome = sandbox.python(text, processes=12)
    if sandbox.engine == "confine" and not grouped:
        assert outcome.verdict in (Verdict.EXITED, Verdict.TIMED_OUT)
        return  # the user's other processes count too
    assert outcome.stdout == b"11 Resource temporarily unavailable\n", outcome
    if grouped:
        assert outcome.refused == ("processes",)
        assert outcome.usage.processes_peak == 12


def test_a_file_that_grows_too_large(sandbox: Sandbox) -> None:
    text = "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
    text += "import tempfile\nwith tempfile.TemporaryFile() as f: f.write(bytes(2 << 20))"
    outcome = sandbox.python(text, file_size=1 * MIB)
    assert outcome.refused == ("file_size",)
    assert outcome.verdict is Verdict.SIGNALED


def test_usage_of_a_call_that_is_well(sandbox: Sandbox, grouped: bool) -> None:
    text = "import time\nuntil = time.process_time() + 0.2\nwhile time.process_time() < until: pass\nblock = bytearray(40 << 20)\n"
    usage = sandbox.python(text, memory=400 * MIB).usage
    assert 0.2 <= usage.cpu < 1.5
    assert 40 * MIB <= usage.memory_peak < 100 * MIB
    assert usage.wall >= 0.2
    assert usage.processes_peak == 1 if grouped else usage.processes_peak <= 1
    again = sandbox.script("#!/bin/sh\nexit 0\n", memory=400 * MIB).usage
    assert again.memory_peak < 30 * MIB
    assert again.cpu < 0.2
