"""The accelerator: the same sandboxes as those that Python makes, and what happens where it cannot be had."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import secrets
import shutil
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.base import Access, EngineUnavailable, Network, Verdict
from dispatcher_service.engines.launcher import accelerated, client, spares
from dispatcher_service.engines.native.engine import NativeEngine
from dispatcher_service.engines.options import EngineOptions
from support.engines import depth, maker_of, needs_accelerator

BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from dispatcher_service.engines.launcher import accelerated; accelerated.PROGRAM = {program!r}; "
    "from dispatcher_service.engines.launcher.start import main; main(sys.argv[1:])"
)
BOTH = ("on", "off")
LOOK = """#!/bin/sh
exec 2>&1
echo "= status"; cat /proc/self/status
cd /proc/$$
for file in limits cgroup mountinfo oom_score_adj environ cmdline timerslack_ns personality loginuid; do
  echo "= $file"; cat $file; echo
done
echo "= open"; ls -l fd
echo "= here"; umask; id; ulimit -a; trap; pwd
echo "= files"; ls -la / /dev /run /tmp /etc /opt/ext; ls -d /proc/1 /proc/2
echo "= network"; cat net/dev net/unix net/route
echo "= names"; hostname; cat /proc/sys/kernel/hostname
echo "= walls"; touch /opt/ext/a; touch /usr/a; kill -9 1; cat /proc/1/environ; : > /tmp/script; chmod 755 /tmp/script; /tmp/script && echo ran
echo "= groups"; cat /proc/self/gid_map /proc/self/uid_map /proc/self/setgroups
"""
"""What a process in a sandbox sees of itself and of what is around it."""
VARIES = (
    # glibc's posix_spawn, which Python uses, leaves the two signals that glibc keeps for itself ignored.
    (r"^SigIgn:\t0000000180001000", "SigIgn:\t0000000000001000"),
    (r"^d\S+ +\d+ nobody nogroup +0 .* proc$", "proc"),
    (r"\b6[0-5]\d{3}\b", "user"),
    (r"pipe:\[\d+\]", "pipe"),
    (
        r"^State:.*|^(voluntary|nonvoluntary)_ctxt_switches:.*|^Vm\w+:.*|^Rss\w+:.*|^HugetlbPages.*|^(Cpus|Mems)_allowed.*",
        "",
    ),
    (r"\d\d:\d\d(:\d\d)?", "time"),
    (r"^(\d+) (\d+) (\d+:\d+) ", "mount "),
    (r"size=\d+k,nr_inodes=\d+", "skeleton"),
)
"""What differs from call to call."""


@contextlib.asynccontextmanager
async def engine_with(accelerator):
    engine = NativeEngine(EngineOptions(accelerator=accelerator, zygotes=False))
    try:
        await engine.prepare()
    except EngineUnavailable as error:
        await engine.close()
        if "accelerator" in str(error):
            raise
        pytest.skip(str(error))
    try:
        yield engine
    finally:
        await engine.close()


async def with_each(run):
    """What comes of something with each of the two."""
    found = []
    for accelerator in BOTH:
        async with engine_with(accelerator) as engine:
            found.append(await run(engine))
    return found


def sections(text):
    """What was seen, without what differs from call to call."""
    for pattern, replacement in VARIES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    found = {}
    for section in re.split("^= ", text, flags=re.MULTILINE)[1:]:
        name, *lines = section.splitlines()
        found[name] = sorted(lines) if name == "mountinfo" else lines  # the order is that in which they were mounted
    return found


def variants(tree):
    command = tree.command(LOOK)
    yield command
    yield dataclasses.replace(command, access=Access(network=Network.LOOPBACK))
    yield dataclasses.replace(command, access=Access(network=Network.OUTBOUND))
    yield dataclasses.replace(
        command,
        access=Access(read=("/usr/share",), environment=(("NAME", "a value"),), secrets=(("key", b"content"),)),
        limits=dataclasses.replace(command.limits, memory=48 << 20, processes=7, open_files=32, tmp_size=1 << 20),
        arguments=("a b", "", "\udce9"),
        mount_at="/srv/some place",
    )


@needs_accelerator
async def test_both_make_the_same_sandbox(tree):
    async def look(engine):
        outcomes = [
            await engine.run(dataclasses.replace(command, call_id=str(number)))
            for number, command in enumerate(variants(tree))
        ]
        assert [outcome.verdict for outcome in outcomes] == [Verdict.EXITED] * 4, outcomes
        seen = [sections(outcome.stdout.decode(errors="replace")) for outcome in outcomes]
        assert seen[2].pop("network"), "the host's, in which things come and go"
        return seen

    compiled, python = await with_each(look)
    for one, other in zip(compiled, python, strict=True):
        assert one == other
        assert "Seccomp:\t2" in one["status"]
        assert "ran" in one["walls"]
        assert len(one["mountinfo"]) > 5
        assert len(one["open"]) >= 4


def of_first_process(pid):
    """What there is of a sandbox's first process, as the host sees it."""
    status = Path(f"/proc/{pid}/status").read_text()
    wanted = "Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp SigIgn SigBlk SigCgt Umask Threads"
    own = f"/proc/{pid}"
    try:
        fds = sorted((int(entry.name), entry.readlink().name.split(":")[0]) for entry in Path(f"{own}/fd").iterdir())
    except PermissionError:  # for an ordinary user it is another's
        fds = []
    return {
        **{name: re.search(f"^{name}:[ \\t]*(.*)$", status, re.MULTILINE)[1] for name in wanted.split()},
        "session": os.getsid(pid) == pid,
        "limits": Path(f"{own}/limits").read_text(),
        "oom": Path(f"{own}/oom_score_adj").read_text(),
        "group": [line for line in Path(f"{own}/cgroup").read_text().splitlines() if "graft-calls" in line].__len__(),
        "fds": fds,
    }


def space(pid, kind):
    return Path(f"/proc/{pid}/ns/{kind}").readlink()


def apart(pid, other):
    """Which of a process's namespaces are not those of another one."""
    kinds = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
    return [kind for kind in kinds if space(pid, kind) != space(other, kind)]


def waits(pid):
    """Whether a sandbox's first process has built its walls, and keeps nothing else."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        kept = [int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except PermissionError:
        kept = []
    except OSError:
        return False
    return "NoNewPrivs:\t1" in status and "State:\tS" in status and max(kept, default=0) < 6


async def first_processes(engine, count=spares.FEW):
    for _attempt in range(1000):
        children = psutil.Process(engine.launcher_pid).children()
        found = [child.pid for child in children if depth(child.pid) > depth(engine.launcher_pid)]
        if len(found) == count and all(map(waits, found)):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("there were never as many")


@needs_accelerator
async def test_the_first_process_that_waits_is_the_same_one(tree):
    async def look(engine):
        pid, *_others = await first_processes(engine)
        found = of_first_process(pid)
        if os.geteuid() == 0:  # an ordinary user may look into the one and not into the other
            assert int(found["Uid"].split()[0]) >= 60000
            found["apart"] = apart(pid, engine.launcher_pid)
        return found | {"Uid": "", "Gid": "", "fds": found["fds"] if os.geteuid() == 0 else []}

    compiled, python = await with_each(look)
    assert compiled == python
    assert compiled["CapBnd"] == "0" * 16


@needs_accelerator
async def test_the_compiled_one_is_small(tree):
    async with engine_with("on") as engine:
        maker = maker_of(engine.launcher_pid)
        first, *_others = await first_processes(engine)
        for pid in (maker, first):
            assert psutil.Process(pid).memory_info().rss < 2 << 20
        assert psutil.Process(maker).name() == "graft-maker"


@needs_accelerator
async def test_both_say_alike_what_cannot_be_run(tree):
    folder = tree.path / "folder"
    folder.mkdir()
    commands = [
        tree.command("#!/no/such/interpreter\n", name="missing"),
        tree.command("#!/bin/sh\n", name="x"),
        tree.command(b"\x7fELF nothing", name="broken"),
        tree.command("no first line\n", name="plain"),
        tree.command("#!/opt/ext/loop\n", name="loop"),
        tree.command("#!/bin/sh\nkill -SEGV $$\n", name="dies"),
        tree.command("#!/bin/sh\nexit 7\n", name="fails"),
        tree.command("#!/bin/sh\necho $# ${#1}\n", name="long"),
    ]
    commands[1] = dataclasses.replace(commands[1], executable="folder")
    commands[7] = dataclasses.replace(commands[7], arguments=tuple(["é" * 1000] * 30))

    async def run(engine):
        return [await engine.run(dataclasses.replace(command, call_id=secrets.token_hex(4))) for command in commands]

    compiled, python = await with_each(run)
    for one, other in zip(compiled, python, strict=True):
        told = [dataclasses.replace(outcome, usage=None) for outcome in (one, other)]
        assert told[0] == told[1]
    assert compiled[6].exit_code == 7
    assert compiled[7].stdout.startswith(b"30 ")
    assert "Exec format error" in compiled[3].reason


@needs_accelerator
async def test_what_a_call_leaves_in_its_network_is_nobody_elses(tree):
    """Sandboxes of the same number get the same one, unless something is left in it."""
    async with engine_with("on") as engine:
        command = tree.command("#!/bin/sh\nreadlink /proc/self/ns/net; tail -n +2 /proc/self/net/unix\n")
        seen = [await engine.run(dataclasses.replace(command, call_id=str(number))) for number in range(40)]
        assert all(len(outcome.stdout.splitlines()) == 1 for outcome in seen), seen
        assert len({outcome.stdout for outcome in seen}) < 40, "none was used again"


@pytest.fixture
def program(monkeypatch):
    """Puts another file in the place of the compiled program."""

    def put(path):
        monkeypatch.setattr(client, "BOOT", BOOT.format(program=str(path)))

    return put


def not_executable(folder):
    path = folder / "program"
    path.write_bytes(b"\x7fELF")
    return path


LACKS = {
    "not there": (lambda folder: folder / "none", "it was not compiled when Graft was installed"),
    "not executable": (not_executable, "it cannot be executed: Permission denied"),
    "no program": (lambda folder: Path(shutil.copy("/etc/passwd", folder)), "it cannot be executed: Permission denied"),
    "another one": (lambda _folder: Path("/bin/true"), "it has died at once"),
}


@pytest.mark.parametrize("lack", LACKS)
async def test_without_it_python_makes_them_unless_it_was_asked_for(tree, tmp_path, program, lack):
    make, reason = LACKS[lack]
    program(make(tmp_path))
    async with engine_with("auto") as engine:
        [told] = [finding for finding in engine.findings if finding.name == "accelerator"]
        assert (told.ok, told.detail) == (True, f"not in use: {told.detail.removeprefix('not in use: ')}")
        assert reason in told.detail
        assert (await engine.run(tree.command("#!/bin/sh\necho ran\n"))).stdout == b"ran\n"
    with pytest.raises(EngineUnavailable, match=reason) as failed:
        async with engine_with("on"):
            pass
    assert "GRAFT_ACCELERATOR=auto" in str(failed.value)


async def test_it_is_switched_off(tree):
    async with engine_with("off") as engine:
        [told] = [finding for finding in engine.findings if finding.name == "accelerator"]
        assert told.detail == "not in use: switched off by GRAFT_ACCELERATOR=off"


@needs_accelerator
async def test_it_says_that_it_is_in_use(tree):
    async with engine_with("auto") as engine:
        [told] = [finding for finding in engine.findings if finding.name == "accelerator"]
        assert told.detail == accelerated.IN_USE
