"""The engines of OCI runtimes: what a bundle says, what a call was granted, and that nothing of a container is left."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest

from dispatcher_service.engines.base import Access, Command, EngineUnavailable, Limits, Network, Verdict
from dispatcher_service.engines.exec_failure import exec_failure
from dispatcher_service.engines.factory import create
from dispatcher_service.engines.granted import Roots
from dispatcher_service.engines.oci import leftovers, runtimes, seccomp, spec
from dispatcher_service.engines.oci.bundle import errors_in
from dispatcher_service.engines.rootfs import Bind
from support.engines import prepared

RUNTIMES = sorted(runtimes.RUNTIMES)


@pytest.fixture(params=RUNTIMES)
async def oci(request):
    async with prepared(f"oci:{request.param}") as engine:
        yield engine


def left_of(engine):
    folder = engine._launcher.runtime_dir
    return [path.name for name in ("state", "bundles") for path in (folder / name).iterdir()]


async def test_runs_and_leaves_nothing(oci, tree):
    outcome = await oci.run(tree.command('#!/bin/sh\ncat; echo "$0" "$@"; echo e >&2; exit 7\n', b"in "))
    assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 7), outcome
    assert (outcome.stdout, outcome.stderr) == (b"in /opt/ext/x --xmlrpc\n", b"e\n")
    outcome = await oci.run(tree.command("#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/environ\nkill -TERM $$\nsleep 9\n"))
    assert (outcome.verdict, outcome.signal) == (Verdict.SIGNALED, signal.SIGTERM)
    assert outcome.stdout == b"PATH=/sbin:/usr/sbin:/bin:/usr/bin\n"
    outcome = await oci.run(tree.command("#!/no/such/interpreter\n"))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert "No such file or directory (its first line asks for /no/such/interpreter)" in outcome.reason
    assert left_of(oci) == []


async def test_what_is_killed_is_gone(oci, tree, mark, running):
    text = f"#!/bin/sh\nsetsid sleep {mark} &\necho begun\nexec sleep {mark}\n"
    outcome = await oci.run(tree.command(text, wall=2.5))
    assert (outcome.verdict, outcome.stdout) == (Verdict.TIMED_OUT, b"begun\n")
    assert running(mark) == []
    outcome = await oci.run(tree.command(f"#!/bin/sh\nsleep {mark} &\nexec yes\n", output=10_000))
    assert outcome.verdict is Verdict.OUTPUT_EXCEEDED
    assert running(mark) == []
    assert left_of(oci) == []
    assert running(oci._launcher.runtime_dir.name + "/state") == []


async def test_access(oci, tree, open_folder, tmp_path):
    """What was granted is seen, with the rights that were granted, and by this call only."""
    (open_folder / "public").mkdir()
    (open_folder / "public").chmod(0o777)
    (open_folder / "public" / "file").write_text("public\n")
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "file").write_text("closed\n")
    tmp_path.chmod(0o700)
    access = Access(
        read=(str(closed / "file"),),
        write=(str(open_folder / "public"),),
        environment=(("MODE", "test"),),
        secrets=(("token", b"sword\0fish"),),
    )
    text = f"#!/bin/sh\ncat {closed}/file {open_folder}/public/file\necho $MODE\ntr -d '\\0' < /run/secrets/token\n"
    text += f"(: > {closed}/file) 2>/dev/null && echo escaped\n(: > /run/secrets/new) 2>/dev/null && echo escaped\n"
    text += f"echo made > {open_folder}/public/new\n"
    command = tree.command(text)
    outcome = await oci.run(dataclasses.replace(command, access=access))
    assert outcome.stdout == b"closed\npublic\ntest\nswordfish", outcome
    assert (open_folder / "public" / "new").read_text() == "made\n"
    later = await oci.run(tree.command(f"#!/bin/sh\necho $MODE /run/*; ls -d {open_folder} {closed}\n"))
    assert later.stdout.split() == [b"/run/*"]
    assert not list(leftovers.MEMORY.glob(f"{leftovers.SECRETS_PREFIX}*{os.getpid()}-*"))


async def test_a_granted_path_that_is_a_link(oci, tree, tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    command = dataclasses.replace(tree.command("#!/bin/sh\n"), access=Access(read=(str(tmp_path / "link"),)))
    outcome = await oci.run(command)
    assert outcome.verdict is Verdict.NOT_STARTED
    assert "symbolic link to /etc" in outcome.reason


async def test_a_temporary_folder_behind_a_link(open_folder, tree, monkeypatch):
    (open_folder / "real").mkdir()
    (open_folder / "real").chmod(0o755)
    (open_folder / "link").symlink_to("real")
    monkeypatch.setattr("tempfile.tempdir", str(open_folder / "link"))
    engine = create("oci:runc")
    try:
        await engine.prepare()
        assert (await engine.run(tree.command("#!/bin/sh\necho a\n"))).stdout == b"a\n"
    except EngineUnavailable as error:
        if "no runc" not in str(error):
            raise
        pytest.skip(str(error))
    finally:
        await engine.close()


@pytest.mark.parametrize("name", ["crun", "runsc"])
def test_missing_runtime(name, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(runtimes, "ROOTS_PROGRAMS", "/nonexistent")
    with pytest.raises(EngineUnavailable, match=f"no {name} in PATH.*apt-get install {name}"):
        asyncio.run(create(f"oci:{name}").prepare())


@pytest.fixture
def place(tmp_path):
    root = Roots(tmp_path).common
    mapping = spec.Mapping(((0, 60000), (1000, 60001)))
    return spec.Place(root.path, root.skeleton, "/srv/tree", [], None, mapping)


def configured(place, **access):
    command = Command("c", Path("/srv/tree"), "/opt/ext", "x", b"", ("a",), Limits(), Access(**access))
    return spec.configuration(command, place, "token")


def test_configuration(place):
    config = configured(place)
    process, linux = config["process"], config["linux"]
    assert config["root"]["readonly"]
    assert process["noNewPrivileges"]
    assert not any(process["capabilities"].values())
    assert process["args"][-3:] == ["token", "/opt/ext/x", "a"]
    assert process["env"] == ["PATH=/sbin:/usr/sbin:/bin:/usr/bin"]
    kinds = {"pid", "mount", "ipc", "uts", "cgroup", "network", "user"}
    assert {row["type"] for row in linux["namespaces"]} == kinds
    assert 0 not in {row["hostID"] for row in linux["uidMappings"] + linux["gidMappings"]}
    mounts = {row["destination"]: row for row in config["mounts"]}
    assert "ro" in mounts["/opt/ext"]["options"]
    assert {"size=16777216", "nr_inodes=4096"} <= set(mounts["/tmp"]["options"])
    writable = [target for target, row in mounts.items() if "ro" not in row["options"] and row["type"] == "bind"]
    assert all(target.startswith("/dev/") for target in writable)
    json.dumps(config)


def test_configuration_with_access(place):
    granted = [Bind("/shown/1", "/srv/data/deep"), Bind("/shown/2", "/srv/data", writable=True)]
    config = configured(
        dataclasses.replace(place, granted=granted), network=Network.OUTBOUND, environment=(("HOME", "/tmp"),)
    )
    assert "network" not in {row["type"] for row in config["linux"]["namespaces"]}
    targets = [row["destination"] for row in config["mounts"]]
    assert targets.index("/srv/data") < targets.index("/srv/data/deep")
    assert "HOME" not in config["process"]["args"][2].split(";")[0].split()


@pytest.mark.parametrize("network", list(Network))
def test_seccomp_profile(network):
    rules = seccomp.profile(network, "x86_64")["syscalls"]
    allowed = {name for rule in rules for name in rule["names"] if rule["action"] == "SCMP_ACT_ALLOW"}
    assert {"read", "execve", "socket"} <= allowed
    assert not {"mount", "unshare", "ptrace", "bpf", "io_uring_setup", "keyctl"} & allowed
    families = {rule["args"][0]["valueTwo"] for rule in rules if rule["names"] == ["socket"]}
    expected = {Network.NONE: {1}, Network.LOOPBACK: {1, 2, 10}, Network.OUTBOUND: {2, 10}}
    assert families == expected[network]


@pytest.mark.parametrize("make", [lambda machine: seccomp.profile(Network.NONE, machine), seccomp.refusals])
def test_seccomp_profile_of_an_unknown_machine(make):
    with pytest.raises(ValueError, match="no seccomp table for riscv64"):
        make("riscv64")


def test_a_kernel_of_its_own_refuses_only_what_lends_a_user():
    profile = seccomp.refusals("x86_64")
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    refused = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert refused == {
        *("chmod", "fchmod", "fchmodat", "fchmodat2", "creat", "mkdir", "mkdirat", "mknod", "mknodat"),
        *("open", "openat", "openat2"),
    }
    of_open = [rule["args"] for rule in profile["syscalls"] if rule["names"] == ["open"]]
    found = {tuple((arg["index"], arg["value"]) for arg in args) for args in of_open}
    assert found == {((1, made), (2, bit)) for made in (0o100, 0o20000000) for bit in (0o4000, 0o2000)}
    assert all(arg["value"] == arg["valueTwo"] for args in of_open for arg in args)


@pytest.mark.parametrize(
    ("version", "platform"),
    [("0.0~20221219.0", "ptrace"), ("release-20240101.0", "systrap"), ("of an unknown version", "systrap")],
)
def test_platform(version, platform):
    assert runtimes.platform(version) == platform


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("", ""),
        ("no JSON {here\n", ""),
        ('{"level":"warning","msg":"a"}\n', ""),
        ('{"level":"error","msg":"a"}{"level":"error","msg":"b"}', "b; a"),
        ('{"level":"error","msg":"a"}\n{"level":"info","msg":"b"}\n{"level":', "a"),
        ('{"level":"fatal"}', ""),
    ],
)
def test_errors_in_a_log(log, error):
    assert errors_in(log) == error


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        (b"t0k: 1: exec: /x: not found\nt0k\n", "No such file or directory"),
        (b"mine\nt0k: line 1: /x: cannot execute: required file not found\nt0k\n", "No such file or directory"),
        (b"t0k: 1: exec: /x: Permission denied\nt0k\n", "Permission denied"),
        (b"t0k\n", "it could not be executed"),
        (b"t0k: 1: exec: /x: not found\n", ""),
        (b"", ""),
    ],
)
def test_exec_failure(stderr, reason):
    assert exec_failure(stderr, "t0k") == reason


def test_control_groups_of_the_dead_and_of_the_living(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("9:name=systemd:/own\n4:memory:/own\n0::/\n")
    own, dead, elsewhere = leftovers.owner_text(os.getpid()), f"{os.getpid()}-1", f"{os.getpid()}-1_1"
    kept = {f"graft-{own}-live", f"graft-{elsewhere}-x", "graft-calls-a1b2", "other"}
    names = [*kept, f"graft-{own}-lost", f"graft-{dead}-x"]
    folders = [tmp_path / "systemd" / "own", tmp_path / "memory" / "own", tmp_path / "unified"]
    for folder in folders:
        for name in names:
            (folder / name).mkdir(parents=True)
    leftovers.remove_groups({f"graft-{own}-live"}, tmp_path, tmp_path)
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == kept


def test_leftovers_of_the_dead_and_of_the_living(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(leftovers, "MEMORY", tmp_path)
    names = ("dead", "living", "foreign", "elsewhere")
    dead, living, foreign, elsewhere = (tmp_path / f"graft-launcher-{name}" for name in names)
    for folder in (dead, living, foreign, elsewhere):
        folder.mkdir()
    leftovers.claim(living)
    (dead / leftovers.OWNER).write_text(f"{os.getpid()}-1_{Path('/proc/self/ns/pid').stat().st_ino}")
    (elsewhere / leftovers.OWNER).write_text(f"{os.getpid()}-1_1")
    kept = tmp_path / f"{leftovers.SECRETS_PREFIX}{leftovers.owner_text(os.getpid())}-x"
    lost = tmp_path / f"{leftovers.SECRETS_PREFIX}{os.getpid()}-1-x"
    shown = tmp_path / f"{leftovers.SECRETS_PREFIX}{os.getpid()}-1_1-x"
    for folder in (kept, lost, shown):
        folder.mkdir()
    assert [folder for folder in leftovers.abandoned() if folder.parent == tmp_path] == [dead]
    leftovers.remove_secrets()
    assert kept.exists()
    assert shown.exists()
    assert not lost.exists()
