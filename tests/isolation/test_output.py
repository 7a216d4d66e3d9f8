"""What a call does with its three descriptors: nobody waits for ever, nothing fills up, and what it said is told."""

from __future__ import annotations

import pytest

from dispatcher_service.engines.base import Verdict

MIB = 1 << 20
BIG = b"z" * (4 * MIB)
XML = "<?xml version='1.0'?><methodResponse><params><param><va"
CASES = [
    # script, stdin, limits, verdict, exit code, stdout
    pytest.param("exec yes", b"", {"output": MIB}, Verdict.OUTPUT_EXCEEDED, 0, b"y\n" * (MIB // 2), id="endless output"),
    pytest.param("exec yes >&2", b"", {"wall": 1.0}, Verdict.TIMED_OUT, 0, b"", id="endless errors"),
    pytest.param("yes | head -c 3000000 >&2; echo ok", b"", {}, Verdict.EXITED, 0, b"ok\n", id="many errors"),
    pytest.param("exec head -c 1073741824 /dev/zero", b"", {"output": MIB}, Verdict.OUTPUT_EXCEEDED, 0, bytes(MIB), id="1 GiB"),
    pytest.param("while :; do printf x; sleep 0.2; done", b"", {"wall": 1.0}, Verdict.TIMED_OUT, 0, None, id="byte by byte"),
    pytest.param("echo all; exec >&-; sleep 60", b"", {"wall": 0.7}, Verdict.TIMED_OUT, 0, b"all\n", id="closes and lingers"),
    pytest.param("exec <&- >&- 2>&-; sleep 60", b"", {"wall": 0.7}, Verdict.TIMED_OUT, 0, b"", id="closes all, lingers"),
    pytest.param("sleep 0.1; echo never read", BIG, {}, Verdict.EXITED, 0, b"never read\n", id="never reads"),
    pytest.param("exit 0", BIG, {}, Verdict.EXITED, 0, b"", id="leaves before reading"),
    pytest.param("head -c 5; exit 4", BIG, {}, Verdict.EXITED, 4, b"zzzzz", id="reads a little"),
    pytest.param("wc -c", BIG, {}, Verdict.EXITED, 0, b"%d\n" % len(BIG), id="reads all"),
    pytest.param("echo x > /dev/stdout; echo y > /proc/self/fd/1", b"", {}, Verdict.EXITED, 0, b"x\ny\n", id="by name"),
    pytest.param(f'printf "%s" "{XML}"', b"", {}, Verdict.EXITED, 0, XML.encode(), id="half an answer"),
    pytest.param("printf 'a\\000b\\377'", b"", {}, Verdict.EXITED, 0, b"a\0b\xff", id="NUL"),
    pytest.param("echo answer; exit 9", b"", {}, Verdict.EXITED, 9, b"answer\n", id="answers and fails"),
    pytest.param("echo answer; kill -SEGV $$", b"", {}, Verdict.SIGNALED, 0, b"answer\n", id="answers and crashes"),
    pytest.param("(sleep 60; echo late) & echo soon", b"", {}, Verdict.EXITED, 0, b"soon\n", id="leaves a writer"),
    pytest.param("setsid sh -c 'sleep 60' >/dev/null 2>&1 & echo soon", b"", {}, Verdict.EXITED, 0, b"soon\n", id="daemon"),
    pytest.param("trap '' TERM HUP INT PIPE; while :; do sleep 9; done", b"", {"wall": 0.7}, Verdict.TIMED_OUT, 0, b"", id="ignores signals"),
    pytest.param("sleep 60 & sleep 60 & kill -STOP $$", b"", {"wall": 0.7}, Verdict.TIMED_OUT, 0, b"", id="stands still"),
]  # fmt: skip


@pytest.mark.many
@pytest.mark.parametrize(("script", "stdin", "limits", "verdict", "code", "stdout"), CASES)
def test_ends(sandbox, script, stdin, limits, verdict, code, stdout):
    outcome = sandbox.script(f"#!/bin/sh\n{script}\n", stdin, **{"wall": 20.0, **limits})
    assert (outcome.verdict, outcome.exit_code) == (verdict, code), outcome
    assert len(outcome.stderr) < 34 << 10
    if stdout is not None:
        assert outcome.stdout == stdout


def test_errors_beyond_what_is_kept_are_counted(sandbox):
    outcome = sandbox.script("#!/bin/sh\nhead -c 300000 /dev/zero >&2\necho ok\n", stderr=1000)
    assert (outcome.verdict, outcome.stdout, outcome.stderr_size) == (Verdict.EXITED, b"ok\n", 300000), outcome
    assert outcome.stderr == bytes(125) + b"\n[299000 bytes left out]\n" + bytes(875)
