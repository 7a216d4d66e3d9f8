"""What extensions do to those who run them, on every engine: each ends in time, with the right outcome, leaving nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import signal
import time

import pytest

from dispatcher_service.engines.base import Command, IsolationLevel, Verdict

BIG = b"z" * 300_000


@pytest.mark.parametrize(
    ("text", "stdin", "verdict", "code", "stdout"),
    [
        pytest.param("#!/bin/sh\ncat\n", BIG, Verdict.EXITED, 0, BIG, id="echoes"),
        pytest.param("#!/bin/sh\necho done\n", BIG, Verdict.EXITED, 0, b"done\n", id="ignores stdin"),
        pytest.param("#!/bin/sh\nexec <&-\necho done\n", BIG, Verdict.EXITED, 0, b"done\n", id="closes stdin"),
        pytest.param(
            "#!/bin/sh\necho a\nexec >&-\nsleep 0.1\nexit 3\n", b"", Verdict.EXITED, 3, b"a\n", id="closes stdout"
        ),
        pytest.param("#!/bin/sh\necho perfect\nexit 7\n", b"", Verdict.EXITED, 7, b"perfect\n", id="prints, exits 7"),
        pytest.param(b"#!/bin/sh\nprintf '\\000\\377\\001<'\n", b"", Verdict.EXITED, 0, b"\0\xff\1<", id="garbage"),
        pytest.param("#!/bin/sh\necho $1 $# $0\n", b"", Verdict.EXITED, 0, None, id="arguments"),
        pytest.param("#!/bin/sh\n", b"", Verdict.EXITED, 0, b"", id="nothing"),
        pytest.param("#!/bin/sh\necho x > /dev/stdout\n", b"", Verdict.EXITED, 0, b"x\n", id="/dev/stdout"),
        pytest.param("#!/bin/sh\ncat /dev/stdin\n", b"in", Verdict.EXITED, 0, b"in", id="/dev/stdin"),
    ],
)
async def test_exits(engine, tree, text, stdin, verdict, code, stdout):
    outcome = await engine.run(tree.command(text, stdin))
    assert (outcome.verdict, outcome.exit_code) == (verdict, code), outcome
    if stdout is not None:
        assert outcome.stdout == stdout
    assert outcome.usage.wall > 0
    assert outcome.usage.memory_peak > 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGINT])
async def test_dies_of_a_signal(engine, tree, number):
    outcome = await engine.run(tree.command(f"#!/bin/sh\necho before\nkill -{number.value} $$\nsleep 5\n"))
    assert (outcome.verdict, outcome.signal) == (Verdict.SIGNALED, number)
    assert outcome.stdout == b"before\n"


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        pytest.param(b"\x00\x01\x02garbage", 0o755, "Exec format error", id="no format"),
        pytest.param(b"", 0o755, "Exec format error", id="empty"),
        pytest.param(b"echo no shebang\n", 0o755, "Exec format error", id="no shebang"),
        pytest.param(b"\x7fELF\x02garbage", 0o755, "Exec format error", id="broken ELF"),
        pytest.param(b"#!/no/such/interpreter\n", 0o755, "/no/such/interpreter", id="bad shebang"),
        pytest.param(b"#!/bin/sh\n", 0o644, "no execute bit", id="not executable"),
    ],
)
async def test_cannot_start(engine, tree, text, mode, reason):
    command = tree.command(text)
    tree.add(text, mode=mode)
    outcome = await engine.run(command)
    assert outcome.verdict is Verdict.NOT_STARTED, outcome
    assert reason in outcome.reason
    assert "/opt/ext/x" in outcome.reason or " x:" in outcome.reason


@pytest.mark.parametrize("name", ["absent", "folder", "../tree/x", "/bin/true", "", "a\0b", "."])
async def test_refuses_what_is_no_file_of_the_tree(engine, tree, name):
    command = tree.command("#!/bin/sh\n")
    (tree.path / "folder").mkdir()
    outcome = await engine.run(Command(command.call_id, tree.path, "/opt/ext", name, b""))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert outcome.reason


async def test_refuses_a_missing_tree(engine, tmp_path):
    outcome = await engine.run(Command("c", tmp_path / "absent", "/opt/ext", "x", b""))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert "No such file" in outcome.reason


async def test_refuses_a_nul_and_an_endless_argument(engine, tree):
    command = tree.command("#!/bin/sh\n")
    for argument, reason in (("a\0b", "NUL"), ("x" * 200_000, "too long")):
        outcome = await engine.run(Command("c", tree.path, "/opt/ext", command.executable, b"", (argument,)))
        assert outcome.verdict is Verdict.NOT_STARTED
        assert reason in outcome.reason


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("#!/bin/sh\nsleep MARK\n", id="sleeps"),
        pytest.param("#!/bin/sh\ntrap '' TERM INT HUP\nwhile :; do sleep MARK; done\n", id="ignores SIGTERM"),
        pytest.param("#!/bin/sh\nsleep MARK & sleep MARK & kill -STOP $$\n", id="stops itself"),
        pytest.param("#!/bin/sh\nsetsid sh -c 'setsid sleep MARK &' & wait; sleep MARK\n", id="daemon and sleeps"),
        pytest.param("#!/bin/sh\nwhile :; do :; done # MARK\n", id="spins"),
        pytest.param("#!/bin/sh\nexec >&- 2>&-\nsleep MARK\n", id="closes output, sleeps"),
    ],
)
async def test_is_killed_at_its_time(engine, tree, mark, running, text):
    outcome = await engine.run(tree.command(text.replace("MARK", mark), wall=0.7))
    assert outcome.verdict is Verdict.TIMED_OUT
    assert "0.7 s" in outcome.reason
    assert 0.6 < outcome.usage.wall < 5
    assert running(mark) == []


async def test_a_daemon_dies_with_its_call(engine, tree, mark, running):
    text = f"#!/bin/sh\nsetsid sh -c 'setsid sleep {mark} & setsid sleep {mark} &' &\nsleep 0.2\necho parent ends\n"
    began = time.monotonic()
    outcome = await engine.run(tree.command(text))
    assert (outcome.verdict, outcome.stdout) == (Verdict.EXITED, b"parent ends\n")
    assert running(mark) == []
    assert time.monotonic() - began < 5


async def test_flooding_stdout_ends_the_call(engine, tree, mark, running):
    outcome = await engine.run(tree.command(f"#!/bin/sh\nsleep {mark} &\nexec yes abcdefg\n", output=100_000))
    assert outcome.verdict is Verdict.OUTPUT_EXCEEDED
    assert len(outcome.stdout) == 100_000
    assert "100000 bytes" in outcome.reason
    assert running(mark) == []


@pytest.mark.parametrize(("size", "verdict"), [(70_000, Verdict.EXITED), (70_001, Verdict.OUTPUT_EXCEEDED)])
async def test_output_limit_is_exact(engine, tree, size, verdict):
    outcome = await engine.run(tree.command(f"#!/bin/sh\nhead -c {size} /dev/zero\n", output=70_000))
    assert outcome.verdict is verdict
    assert len(outcome.stdout) == 70_000


async def test_flooding_stderr_neither_stalls_nor_fills_memory(engine, tree):
    text = "#!/bin/sh\necho first >&2\nhead -c 3000000 /dev/zero | tr '\\0' e >&2\necho last >&2\necho answer\n"
    outcome = await engine.run(tree.command(text))
    assert (outcome.verdict, outcome.stdout) == (Verdict.EXITED, b"answer\n")
    assert outcome.stderr.startswith(b"first\n")
    assert outcome.stderr.endswith(b"e" * 100 + b"last\n")
    assert b"[2967243 bytes left out]" in outcome.stderr
    assert len(outcome.stderr) < 33 * 1024


async def test_short_stderr_is_whole(engine, tree):
    outcome = await engine.run(tree.command("#!/bin/sh\nhead -c 20000 /dev/zero | tr '\\0' e >&2\n"))
    assert outcome.stderr == b"e" * 20_000


async def test_kill(engine, tree, mark, running, begun):
    command = tree.command(f"#!/bin/sh\necho begun\nsleep {mark}\n")
    assert engine.kill(command.call_id) is False
    task = asyncio.create_task(engine.run(command))
    await begun()
    assert engine.kill(command.call_id) is True
    outcome = await task
    assert (outcome.verdict, outcome.stdout) == (Verdict.KILLED, b"begun\n")
    assert running(mark) == []
    assert engine.kill(command.call_id) is False


async def test_kill_at_once(engine, tree, mark, running):
    command = tree.command(f"#!/bin/sh\nsleep {mark}\n")
    task = asyncio.create_task(engine.run(command))
    await asyncio.sleep(0)
    assert engine.kill(command.call_id) is True
    assert (await task).verdict is Verdict.KILLED
    assert running(mark) == []


@pytest.mark.parametrize("early", [True, False])
async def test_cancelling_kills_before_it_returns(engine, tree, mark, running, begun, early):
    task = asyncio.create_task(engine.run(tree.command(f"#!/bin/sh\nsleep {mark}\n")))
    await asyncio.sleep(0)
    if not early:
        await begun()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(mark) == []


async def test_same_call_id_twice(engine, tree):
    command = tree.command("#!/bin/sh\nsleep 0.2\n")
    first, second = await asyncio.gather(engine.run(command), engine.run(command))
    assert first.verdict is Verdict.EXITED
    assert second.verdict is Verdict.NOT_STARTED
    assert command.call_id in second.reason


async def test_sixty_at_once_keep_their_answers_apart(engine, tree):
    tree.add('#!/bin/sh\ncat\necho "$1" >&2\n')
    commands = [Command(f"c{n}", tree.path, "/opt/ext", "x", b"%d\n" % n * 9000, (f"argument {n}",)) for n in range(60)]
    outcomes = await asyncio.gather(*map(engine.run, commands))
    for n, outcome in enumerate(outcomes):
        assert outcome.verdict is Verdict.EXITED, outcome
        assert outcome.stdout == b"%d\n" % n * 9000
        assert outcome.stderr == b"argument %d\n" % n


async def test_usage_counts_the_whole_tree(engine, tree):
    spin = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done"
    alone = await engine.run(tree.command("#!/bin/sh\n"))
    busy = await engine.run(tree.command(f"#!/bin/sh\n({spin}) & ({spin})\nwait\n"))
    assert busy.verdict is Verdict.EXITED
    assert busy.usage.cpu > alone.usage.cpu + 0.05


@pytest.mark.parametrize("interpreter", ["python3", "bash", "perl", "awk"])
async def test_interpreters(engine, tree, interpreter):
    path = shutil.which(interpreter, path="/usr/bin:/bin")
    if path is None:
        pytest.skip(f"no {interpreter} in /usr/bin")
    lines = {
        "python3": "import sys, json, subprocess, threading, socket, multiprocessing, tempfile\n"
        "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
        "p = multiprocessing.get_context('fork').Process(target=print, args=('child',)); p.start(); p.join()\n"
        "tempfile.TemporaryFile().write(b'x')\n"
        "a, b = socket.socketpair(); a.send(b'x')\n"
        "print(subprocess.check_output(['/bin/echo', 'python']).decode().strip(), flush=True)\n",
        "bash": "x=$(echo bash | tr a-z a-z); echo child; [[ $x == b* ]] && cat <<< $x\n",
        "perl": "use Socket; print `echo child`, join('', map { $_ } ('perl')), qq{\\n};\n",
        "awk": 'BEGIN { system("echo child"); print "awk" }\n',
    }
    if engine.level is not IsolationLevel.CONFINED:  # there is no /dev/shm of the call's own there, in which these lie
        lines["python3"] += "multiprocessing.Lock()\n"
    shebang = f"#!{path} -f\n" if interpreter == "awk" else f"#!{path}\n"
    command = tree.command(shebang + lines[interpreter])
    outcome = await engine.run(dataclasses.replace(command, arguments=()))
    assert outcome.verdict is Verdict.EXITED, outcome
    assert outcome.exit_code == 0, outcome.stderr.decode()
    assert outcome.stdout == f"child\n{interpreter.rstrip('3')}\n".encode()


async def test_closed_engine_runs_nothing(engine, tree, mark, running, begun):
    task = asyncio.create_task(engine.run(tree.command(f"#!/bin/sh\nsleep {mark}\n")))
    await begun()
    await engine.close()
    assert (await task).verdict is Verdict.KILLED
    assert running(mark) == []
    assert (await engine.run(tree.command("#!/bin/sh\n"))).verdict is Verdict.NOT_STARTED
