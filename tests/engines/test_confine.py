"""The engine without namespaces: where it has to work, what it must refuse, and what calls leave to be cleared away."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines import confine
from dispatcher_service.engines.base import Access, EngineUnavailable, Network, Verdict
from dispatcher_service.engines.confine import ConfineEngine
from dispatcher_service.engines.executables import CannotRun
from dispatcher_service.engines.launcher import landlock
from dispatcher_service.engines.launcher.removal import remove_tree
from dispatcher_service.engines.seccomp.assembler import Action, compile_filter, merge
from dispatcher_service.engines.seccomp.filter import ARCHITECTURES
from support.container import KNOWN, docker_capabilities, docker_filter, filtered
from support.engines import prepared

ROOT = os.geteuid() == 0
PYTHON = "/usr/bin/python3"
PROJECT = Path(__file__).resolve().parents[2]
needs_filter = pytest.mark.skipif(platform.machine() not in KNOWN, reason="there is no filter for this architecture")
TRY = """
import asyncio, json, sys
from pathlib import Path
from dispatcher_service.engines.base import Command, EngineUnavailable
from dispatcher_service.engines.factory import create

async def main(tree):
    found = {}
    for name in ("native", "bubblewrap", "confine"):
        engine = create(name)
        try:
            await engine.prepare()
        except EngineUnavailable as error:
            found[name] = str(error)
            continue
        outcome = await engine.run(Command("c", Path(tree), "/opt/ext", "x", b"request"))
        found[name] = [outcome.verdict.value, outcome.stdout.decode(), outcome.stderr.decode(), outcome.reason]
        await engine.close()
    print(json.dumps(found))

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
async def engine():
    async with prepared("confine") as engine:
        yield engine


def folders(engine):
    """What is left of calls' folders."""
    return list((engine._launcher.runtime_dir / "calls").iterdir())


@needs_filter
@pytest.mark.parametrize("who", ["root", "user"])
def test_works_where_docker_forbids_namespaces(open_folder, who):
    """In a container with Docker's defaults, as far as these can be imitated: no other engine does."""
    if not landlock.ABI or (who == "user" and landlock.missing()):
        pytest.skip("this kernel's Landlock is not enough")
    tree = open_folder / "tree"
    tree.mkdir()
    (tree / "x").write_text("#!/bin/sh\ncat\n[ -r /etc/shadow ] || echo held\n")
    (tree / "x").chmod(0o755)
    start = []
    if who == "root" and not ROOT:
        pytest.skip("only root can be root in a container")
    elif who == "root":
        start = docker_capabilities()
    elif ROOT:
        start = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    if start and not shutil.which("setpriv"):
        pytest.skip("no setpriv, by which to give up what a container has not")
    python = PYTHON if who == "user" and ROOT else sys.executable
    if python == PYTHON and subprocess.run([python, "-c", "import enum; enum.StrEnum"], check=False).returncode:
        pytest.skip(f"no {PYTHON} of 3.11 or later for another user")
    done = subprocess.run(
        [*start, *filtered(docker_filter(), python), python, "-B", "-c", TRY, str(tree)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "TMPDIR": "/tmp",
            "PYTHONPATH": os.pathsep.join([str(PROJECT), str(Path(pytest.__file__).resolve().parents[1])]),
        },
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["confine"] == ["exited", "requestheld\n", "", ""]
    for name in ("native", "bubblewrap"):
        assert "GRAFT_ENGINE=confine" in found[name], found


@needs_filter
@pytest.mark.parametrize(("answer", "text"), [(Action.ENOSYS, "not in this kernel"), (Action.EPERM, "refuses it")])
def test_refuses_to_serve_without_landlock(answer, text):
    program = compile_filter(
        ARCHITECTURES[platform.machine()].audit_arch, merge({444: answer}, Action.ALLOW, (500, Action.ALLOW))
    )
    done = subprocess.run(
        [*filtered(program), sys.executable, "-c", TRY.replace('"native", "bubblewrap", ', "*[], "), "/"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    found = json.loads(done.stdout)
    assert "landlock: " in found["confine"]
    assert text in found["confine"]


async def test_refuses_to_serve_one_user_without_scopes(monkeypatch):
    """Landlock of Linux 6.7 in a dispatcher that is not root: signals would reach it."""
    monkeypatch.setattr(ConfineEngine, "_drops_uids", lambda _self: False)
    real = confine.host.landlock_finding
    monkeypatch.setattr(confine.host, "landlock_finding", lambda **more: real(4, **more))
    with pytest.raises(EngineUnavailable, match=r"signals from a call.*as root"):
        await ConfineEngine().prepare()


@pytest.mark.parametrize(
    ("access", "reason"),
    [
        (Access(network=Network.LOOPBACK), "loopback of its own"),
        (Access(secrets=(("token", b"x"),)), "secrets"),
        (Access(read=("/nonexistent-graft",)), "/nonexistent-graft"),
        (Access(read=("/",)), "nothing of /proc"),
        (Access(read=("/proc/1",)), "nothing of /proc"),
        (Access(write=("/dev/shm",)), "nothing of /dev"),
        (Access(read=("/tmp",)), "folders of all calls"),
    ],
)
async def test_refuses_what_it_cannot_give(engine, tree, access, reason):
    if access.read == ("/tmp",) and not engine._launcher.runtime_dir.is_relative_to("/tmp"):
        pytest.skip("calls' folders lie elsewhere")
    outcome = await engine.run(dataclasses.replace(tree.command("#!/bin/sh\necho ran\n"), access=access))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert reason in outcome.reason


@pytest.mark.parametrize("path", ["/tmp", "/tmp/graft-launcher-x/calls", "/tmp/graft-launcher-x"])
def test_the_folders_of_all_calls_are_not_granted(path):
    if path.endswith("calls"):
        confine.refuse_to_show(path, Path("/tmp/graft-launcher-x"))  # nothing lies above it but the launcher's
        return
    with pytest.raises(CannotRun, match="folders of all calls"):
        confine.refuse_to_show(path, Path("/tmp/graft-launcher-x"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("mkdir -m 0 a; mkdir -p b/c; echo x > b/c/d; chmod 0 b/c b 2>/dev/null", id="unreadable"),
        pytest.param("i=0; while [ $i -lt 3000 ]; do : > $i; i=$((i+1)); done", id="many"),
        pytest.param("ln -s / root; ln -s . loop; mkfifo p; ln -s /nowhere x", id="links"),
        pytest.param("n=0; while [ $n -lt 600 ]; do mkdir ddddddddddddddd; cd ddddddddddddddd; n=$((n+1)); done", id="deep"),
        pytest.param("for i in 1 2 3 4 5; do setsid sh -c 'while :; do mkdir -p x/$$; rmdir x/$$; done' & done", id="busy"),
        pytest.param("rm -rf $TMPDIR; mkdir $TMPDIR; rmdir $TMPDIR", id="gone"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["exit", "killed"])
async def test_its_folder_goes_with_the_call(engine, tree, text, end):
    rest = "exit 3" if end == "exit" else "echo ready > /dev/stderr; sleep 100"
    command = tree.command(f"#!/bin/sh\ncd $TMPDIR\n{text}\n{rest}\n", wall=0.6 if end == "killed" else 20.0)
    outcome = await engine.run(command)
    assert (outcome.verdict, outcome.exit_code) in ((Verdict.EXITED, 3), (Verdict.TIMED_OUT, 0)), outcome
    assert folders(engine) == []


async def test_its_folder_goes_when_its_supervisor_is_killed(engine, tree, mark, running, begun):
    text = f"#!/bin/sh\ncd $TMPDIR; mkdir -p a/b; echo x > a/b/c\nsetsid sh -c 'setsid sleep {mark}' &\nsleep {mark}\n"
    task = asyncio.create_task(engine.run(tree.command(text)))
    await begun(2)
    (supervisor,) = psutil.Process(engine.launcher_pid).children()
    supervisor.send_signal(signal.SIGKILL)
    outcome = await task
    assert (outcome.verdict, outcome.signal) == (Verdict.SIGNALED, signal.SIGKILL)
    assert running(mark) == []
    assert folders(engine) == []


@pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"no {PYTHON}, in which the bombs are written")
@pytest.mark.parametrize(
    "step",
    [
        pytest.param("os.fork()", id="doubles"),
        pytest.param("os._exit(0) if os.fork() else os.setsid()", id="hops"),
        pytest.param("os.fork() and time.sleep(0.01); os.setsid() if os.getpid() != os.getsid(0) else 0", id="spreads"),
        pytest.param("signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.fork()", id="reaps"),
        pytest.param("ctypes.CDLL(None).prctl(36, 1); os.fork()", id="adopts"),
    ],
)
async def test_bombs_lose(engine, tree, step):
    """However fast they fork and whoever reaps them, nothing of them survives the call."""
    name = f"graft-bomb-{os.getpid()}-{abs(hash(step)) % 10**6}"
    text = f"#!{PYTHON} -IS\nimport ctypes, os, signal, sys, time\nsys.argv[0] == {name!r}\n"
    text += f"os.fork()\nwhile True:\n    try:\n        {step}\n    except OSError:\n        pass\n"
    command = tree.command(text, wall=0.5, processes=24, name=name)
    outcome = await engine.run(command)
    assert outcome.verdict in (Verdict.TIMED_OUT, Verdict.EXITED), outcome
    left = [
        p for p in psutil.process_iter(["cmdline", "status"]) if any(name in part for part in p.info["cmdline"] or ())
    ]
    assert [process for process in left if process.info["status"] != psutil.STATUS_ZOMBIE] == []
    assert psutil.Process(engine.launcher_pid).children() == []
    assert (await engine.run(tree.command("#!/bin/sh\necho serves\n"))).stdout == b"serves\n"


async def test_changes_no_permissions_and_times(engine, tree):
    """What it cannot name by Landlock's leave it could still own: permissions, times and owners stay as they are."""
    text = "#!/bin/sh\ncd $TMPDIR; echo x > a; mv a b; chmod 600 b && echo changed\ntouch -d yesterday ${0} && echo touched\nexit 0\n"
    outcome = await engine.run(tree.command(text))
    assert outcome.stdout == b"", outcome


async def test_finds_what_lies_beside_it(engine, tree):
    (tree.path / "lib").mkdir()
    (tree.path / "lib" / "data").write_text("data\n")
    (tree.path / "link").symlink_to("lib/data")
    (tree.path.parent / "outside").write_text("outside\n")
    text = "#!/bin/sh\ncd ${0%/*}; cat lib/data link; cat ../outside; echo x > new; echo x > lib/data; ls\n"
    outcome = await engine.run(tree.command(text))
    assert outcome.stdout == b"data\ndata\nlib\nlink\nx\n", outcome
    assert (tree.path / "lib" / "data").read_text() == "data\n"


async def test_its_own_proc_stays_readable(engine, tree):
    text = "#!/bin/sh\nfor n in status stat maps cmdline environ limits; do true < /proc/self/$n && echo $n; done\n"
    text += (
        "for n in net/tcp mounts mountinfo task/$$/net/tcp root/etc/passwd; do true < /proc/self/$n && echo $n; done\n"
    )
    outcome = await engine.run(tree.command(text + "exit 0\n"))
    assert outcome.stdout.split() == [b"status", b"stat", b"maps", b"cmdline", b"environ", b"limits"], outcome


def nest(top: Path, depth: int) -> None:
    home = Path.cwd()
    try:
        os.chdir(top)
        for _level in range(depth):
            Path("d" * 30).mkdir()
            os.chdir("d" * 30)
            Path("file").write_text("x")
            Path("closed").mkdir(mode=0)
    finally:
        os.chdir(home)


def test_removal(tmp_path):
    """Deeper than any path may be long."""
    top = tmp_path / "top"
    top.mkdir()
    nest(top, 300)
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").write_text("x")
    (top / "link").symlink_to(keep)
    top.chmod(0)
    assert remove_tree(str(top)) is True
    assert not top.exists()
    assert (keep / "file").read_text() == "x"
    assert remove_tree(str(top)) is True


def test_removal_gives_up_in_time_and_can_go_on(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    nest(top, 50)
    assert remove_tree(str(top), seconds=0.0) is False
    assert top.exists()
    program = (
        "import os, sys; from dispatcher_service.engines.launcher.removal import begin_removal;"
        "pid = begin_removal(sys.argv[1], None); print(os.waitpid(pid, 0)[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(top)], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout == "0\n"
    assert not top.exists()
