"""What one call may use up: less than its limits, however it is spread, and without an effect on others."""

from __future__ import annotations

import importlib
import json

import pytest

from dispatcher_service.engines.base import Verdict
from isolation import expectations
from isolation.attacks import table
from isolation.bait import as_user
from isolation.sandbox import order
from isolation.test_attacks import held_back, not_shown, run_plainly

importlib.import_module("isolation.attacks.exhaustion")
MIB = 1 << 20
PIPES = 64 * MIB
"""What the kernel lets an ordinary user have in pipes by default (fs.pipe-user-pages-soft)."""
# attack, what it may get, the limits that hold it, whether the call itself may be ended for it
ATTACKS = [
    pytest.param("has many processes", 19, {"processes": 20}, id="processes"),
    pytest.param("has many threads", 19, {"processes": 20}, id="threads"),
    pytest.param("takes memory", 128 * MIB, {"memory": 128 * MIB}, id="memory"),
    pytest.param("takes memory in many processes", 128 * MIB, {"memory": 128 * MIB}, id="memory in many"),
    pytest.param("takes memory and lets go of it", 128 * MIB, {"memory": 128 * MIB}, id="forgotten memory"),
    pytest.param("takes memory as files", 128 * MIB, {"memory": 128 * MIB}, id="memory files"),
    pytest.param("takes memory in sockets", 24 * MIB, {"memory": 24 * MIB}, id="sockets"),
    pytest.param("takes memory in pipes", PIPES + 8 * MIB, {"memory": 64 * MIB}, id="pipes"),
    pytest.param("spins in many processes", 500, {"cpu": 0.5}, id="cpu"),
    pytest.param("spins in children that nobody waits for", 300, {"cpu": 0.3}, id="cpu of children"),
    pytest.param("opens many files", 64, {"open_files": 64}, id="open files"),
    pytest.param("sends descriptors away to have more", 200, {"open_files": 64}, id="descriptors on their way"),
    pytest.param("makes many files", 1024, {"tmp_size": MIB}, id="inodes"),
    pytest.param("fills the disk", MIB, {"tmp_size": MIB}, id="tmp"),
    pytest.param("writes a large file", MIB, {"file_size": MIB}, id="file size"),
    pytest.param("stays in memory by lock", 0, {}, id="locked memory"),
]
ENDED = (Verdict.MEMORY_EXCEEDED, Verdict.CPU_EXCEEDED, Verdict.SIGNALED)
"""How a call may end that went beyond its limits: by Graft, or by the kernel that killed its first process."""
STOPPED = ("0x9", "0xe")
"""How an attack on memory may end without a word: killed by the kernel, which was quicker than Graft, or by its own
alarm, because the kernel takes away pages of its program and reads them again for ever, and so finds nothing to kill."""
GENEROUS = {"memory": 4 << 30, "processes": 1000, "open_files": 1024, "tmp_size": 1 << 30, "file_size": 1 << 30}


@pytest.mark.parametrize(("name", "bar", "limits"), ATTACKS)
def test_succeeds_without_walls(bare, bare_bait, name, bar, limits):
    if reason := held_back():
        pytest.skip(reason)
    del limits
    attack = table.TABLE[f"exhaustion: {name}"]
    if attack.shown == table.ROOT and bare.who != "root":
        pytest.skip("only root can be shown to get so much")
    bait = {**bare_bait, "bar": bar}
    if attack.shown == table.PROCESS:
        found = run_plainly(bare, bait, "exhaustion", attack.name, as_user(bare))
    else:
        found = bare.attack([attack.name], bait, **GENEROUS)
    assert not_shown(found) == {}


@pytest.mark.parametrize(("name", "bar", "limits"), ATTACKS)
def test_is_held(sandbox, bait, name, bar, limits):
    title = f"exhaustion: {name}"
    stdin = order([title], {**bait, "bar": bar})
    outcome = sandbox.run(sandbox.command(sandbox.attacker(), stdin, **limits))
    assert outcome.verdict is Verdict.EXITED or outcome.verdict in ENDED, outcome
    for line in outcome.stdout.decode().splitlines():
        _name, result, detail = json.loads(line)
        if result == "escaped" and expectations.reason(sandbox.engine, sandbox.who, title):
            continue
        if result == "broken" and "memory" in name and any(f"status {status} " in detail for status in STOPPED):
            continue
        assert result == "held", detail
    assert sandbox.script("#!/bin/sh\necho serves\n").stdout == b"serves\n"


def test_limits_do_not_add_up(sandbox):
    """Calls at once may each have as many processes as one."""
    name = sandbox.add("#!/bin/sh\nfor n in 1 2 3 4 5 6 7; do sleep 1 & done\nwait\necho all\n")
    calls = [sandbox.submit(sandbox.command(name, processes=9)) for _ in range(3)]
    outcomes = [call.result(60) for call in calls]
    assert [(outcome.stdout, outcome.stderr) for outcome in outcomes] == [(b"all\n", b"")] * 3


def test_a_bomb_ends_with_its_call(sandbox):
    """One that nobody bounds from within: forks for ever, and the first process goes."""
    bomb = "#!/bin/sh\nb() { b | b & }\nb\nwhile :; do :; done\n"
    outcome = sandbox.script(bomb, wall=1.0, processes=30)
    assert outcome.verdict in (Verdict.TIMED_OUT, Verdict.EXITED, Verdict.SIGNALED), outcome
    assert sandbox.script("#!/bin/sh\necho serves\n").stdout == b"serves\n"


def test_errors_say_what_was_exceeded(sandbox):
    """In words, with the limit and what was used."""
    outcome = sandbox.script("#!/bin/sh\nwhile :; do :; done\n", cpu=0.3)
    assert outcome.verdict is Verdict.CPU_EXCEEDED, outcome
    assert "0.3" in outcome.reason, outcome
    assert outcome.usage.cpu < 3
