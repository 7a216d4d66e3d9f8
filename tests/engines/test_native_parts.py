"""The parts of the engine `native`: its way to fork, its first process, its limits, and how it fails closed."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dispatcher_service.engines.base import Command, Ends, Limits, Verdict
from dispatcher_service.engines.launcher.client import LauncherError
from dispatcher_service.engines.native.engine import NativeEngine
from dispatcher_service.engines.options import EngineOptions

PROJECT = Path(__file__).resolve().parents[2]
CLONE = """
import ctypes, json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from dispatcher_service.engines.launcher import kernel
if os.geteuid():
    kernel.unshare(kernel.CLONE_NEWUSER)
kernel.unshare(kernel.CLONE_NEWPID)  # as the launcher does, so that it has power over its own
launcher = os.fork()
if launcher:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(launcher, 0)[1]))
flags = kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
place = kernel.tid_address()
own = os.open("/proc/self/ns/pid", os.O_RDONLY)
forked = []
os.register_at_fork(before=lambda: forked.append("before"), after_in_child=lambda: forked.append("child"))
here = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "ipc", "uts")]
out_r, out_w = os.pipe()
pid = kernel.clone(flags, place) if sys.argv[2] == "clone" and place else kernel.fork_into(flags, own)
if pid == 0:
    libc = ctypes.CDLL(None)
    # raise() and a mutex that checks errors use the thread's number as the C library keeps it.
    caught = []
    signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
    libc.raise_ = libc["raise"]
    libc.raise_(signal.SIGUSR1)
    inner = os.fork()
    if inner == 0:
        os._exit(7 if os.getppid() == 1 else 8)
    code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
    spawned = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], {}), 0)[1])
    there = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "ipc", "uts")]
    tid = ctypes.c_int.from_address(place).value if place else 1
    apart = all(a != b for a, b in zip(here, there))
    os.write(out_w, json.dumps([os.getpid(), tid, len(caught), code, spawned, apart, forked[:2]]).encode())
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
again = os.fork()
if again == 0:
    os._exit(os.getpid() == again)
os.waitpid(again, 0)
print(os.read(out_r, 4096).decode(), status, bool(place))
"""


@pytest.mark.parametrize("way", ["clone", "fork"])
def test_forks_into_namespaces_with_the_interpreter_and_the_c_library_whole(way):
    command = [sys.executable, "-I", "-S", "-c", CLONE, str(PROJECT), way]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if "unshare" in ended.stderr:
        pytest.skip(f"no namespaces here: {ended.stderr.splitlines()[-1]}")
    assert ended.returncode == 0, ended.stderr
    said, status, place = ended.stdout.rsplit(" ", 2)
    assert (status, json.loads(said)) == ("0", [1, 1, 1, 7, 5, True, ["before", "child"]])
    if os.uname().sysname == "Linux" and way == "clone":
        assert place.strip() == "True"


def host_mounts():
    return str(Path("/proc/self/ns/mnt").readlink()).encode()


async def test_works_without_clone3(native, tree, monkeypatch):
    """The launcher is another process: it is told by a launcher whose program is changed."""
    boot = "dispatcher_service.engines.launcher.client.BOOT"
    changed = (
        "import sys; sys.path.append(sys.argv.pop(1)); "
        "from dispatcher_service.engines.launcher import kernel; kernel.tid_address = lambda: 0; "
        "from dispatcher_service.engines.launcher.start import main; main(sys.argv[1:])"
    )
    monkeypatch.setattr(boot, changed)
    engine = NativeEngine(EngineOptions(accelerator="off"))
    await engine.prepare()
    try:
        outcome = await engine.run(tree.command("#!/bin/sh\necho $$ $PPID; readlink /proc/self/ns/mnt\n"))
    finally:
        await engine.close()
    assert outcome.stdout.startswith(b"2 1\n"), outcome
    assert host_mounts() not in outcome.stdout


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """A small static program, which says how much address space it may have."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("static")
    source = folder / "x.c"
    source.write_text(
        "#include <stdio.h>\n#include <sys/resource.h>\n"
        'int main(void) { struct rlimit l; getrlimit(RLIMIT_AS, &l); printf("%lld\\n", (long long)l.rlim_cur); return 0; }\n'
    )
    binary = folder / "x"
    subprocess.run([compiler, "-static", "-o", binary, source], check=True)
    return binary.read_bytes()


@pytest.mark.parametrize("memory", [4 << 20, 16 << 20, 64 << 20])
async def test_a_small_executable_runs_in_little_memory(native, tree, static, memory):
    outcome = await native.run(tree.command(static, memory=memory))
    assert outcome.verdict is Verdict.EXITED, outcome
    assert int(outcome.stdout) in (-1, memory)  # a control group bounds it where there is one


async def test_the_first_process_shows_nothing_of_the_launcher(native, tree):
    text = "#!/bin/sh\nls -d /proc/1; cat /proc/1/environ /proc/1/maps /proc/1/cmdline\nls /proc/1/fd /proc/1/root\nkill -9 1; kill -0 1\necho $$ $PPID\n"
    outcome = await native.run(tree.command(text))
    assert outcome.stdout == b"2 1\n", outcome


async def test_the_tree_is_the_one_that_was_opened(native, tree, tmp_path):
    """A path that leads elsewhere by the time the launcher follows it is not believed."""
    outcome = await native.run(tree.command("#!/bin/sh\necho first\n"))
    assert outcome.stdout == b"first\n"
    link = tmp_path / "link"
    link.symlink_to(tree.path)
    followed = await native.run(Command("c", link, "/opt/ext", "x", b""))
    assert followed.stdout == b"first\n"


async def test_mounts_at_deep_and_odd_places(native, tree):
    for place in ("/srv/a b/c", "/tmp/x/y", "/usr/share", "/var/lib/x", "/etc/xapi.d/extensions"):
        tree.add('#!/bin/sh\necho "$0"\nls -A "${0%/*}"\n')
        outcome = await native.run(Command("c", tree.path, place, "x", b""))
        assert outcome.stdout.decode() == f"{place}/x\nx\n", outcome


async def test_an_executable_that_dies_reports_its_signal(native, tree, mark, running):
    for number in (signal.SIGKILL, signal.SIGSEGV):
        outcome = await native.run(tree.command(f"#!/bin/sh\nsleep {mark} &\nkill -{number.value} $$\n"))
        assert (outcome.verdict, outcome.signal) == (Verdict.SIGNALED, number)
        assert running(mark) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's calls have other users")
async def test_what_a_call_writes_to_stays_whose_it_is(native, tree, tmp_path):
    """But for pipes: a device, which all calls have in common, would be the call's to change."""
    path = tmp_path / "output"
    path.touch()
    fds = [os.open(path, os.O_RDWR | os.O_CLOEXEC) for _ in range(3)]
    command = dataclasses.replace(tree.command("#!/bin/sh\necho ran\n"), ends=Ends(fds, lambda: b""))
    assert (await native.run(command)).verdict is Verdict.EXITED
    assert path.read_text() == "ran\n"
    assert path.stat().st_uid == 0


async def test_tmp_is_bounded_in_bytes_and_files(native, tree):
    text = "#!/bin/sh\nhead -c 3000000 /dev/zero > /tmp/a; wc -c < /tmp/a\nrm /tmp/a\n"
    text += "i=0; while true > /tmp/f$i; do i=$((i+1)); done 2>/dev/null\necho $i\n"
    outcome = await native.run(tree.command(text, tmp_size=1 << 20))
    size, count = map(int, outcome.stdout.split())
    assert size <= 1 << 20
    assert 900 < count <= Limits(tmp_size=1 << 20).tmp_files


@pytest.mark.parametrize(
    ("wall", "fix"),
    [("own /proc", "systempaths=unconfined"), ("user namespaces", ""), ("mounts", "")],
)
def test_says_what_would_help(wall, fix):
    error = LauncherError(f"{wall}: Operation not permitted")
    error.wall = wall
    (finding,) = NativeEngine()._explain(error)
    assert (finding.name, finding.ok) == (wall, False)
    assert fix in finding.fix
    assert finding.fix
