"""What `graft doctor` and `graft up` say of engines: on this host, and on hosts that forbid what they need."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import GRAFT, Graft
from dispatcher_service.engines import choice, factory
from dispatcher_service.engines.base import EngineUnavailable, Finding, fixes_once
from dispatcher_service.engines.none import NoneEngine
from graft_common.settings import ENGINES
from support import without_namespaces
from support.demo import Up, start

WITHOUT_NAMESPACES = [sys.executable, str(Path(without_namespaces.__file__))]
Rows = dict[str, dict[str, Any]]


def rows(done: subprocess.CompletedProcess[str], area: str) -> Rows:
    assert done.stdout, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout) if row["area"] == area}


def run(*command: str, environment: dict[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )


def start_under(wrapper: list[str], directory: Path, environment: dict[str, str], *options: str) -> Up:
    """Start `graft up` under another program."""
    starter = directory / "graft-here"
    starter.write_text(f'#!/bin/sh\nexec {" ".join(wrapper)} {GRAFT} "$@"\n')
    starter.chmod(0o755)
    return start(directory, environment, *options, program=str(starter))


def test_settings_name_the_engines_that_there_are() -> None:
    assert list(ENGINES) == list(factory.ENGINES)


class Refusing(NoneEngine):
    """An engine that this host does not allow."""

    closed = 0

    async def prepare(self) -> None:
        raise EngineUnavailable(
            "it", [Finding("fine", ok=True, detail=""), Finding("a wall", False, "no way", "a fix")]
        )

    async def close(self) -> None:
        Refusing.closed += 1


async def test_the_first_engine_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(factory.ENGINES, "native", Refusing)
    monkeypatch.setitem(factory.ENGINES, "bubblewrap", Refusing)
    Refusing.closed = 0
    engine = await choice.prepared(["native", "bubblewrap", "none"])
    await engine.close()
    assert (engine.name, Refusing.closed) == ("none", 2)
    with pytest.raises(EngineUnavailable) as caught:
        await choice.prepared(["native"])
    assert str(caught.value) == "the engine native cannot isolate calls on this host: a wall: no way (fix: a fix)"
    with pytest.raises(EngineUnavailable) as caught:
        await choice.prepared(["native", "bubblewrap"])
    assert str(caught.value) == (
        "the engine native or bubblewrap cannot isolate calls on this host: "
        "native, a wall: no way (fix: a fix); bubblewrap, a wall: no way (fix: as above)"
    )


@pytest.mark.parametrize(
    ("fixes", "told"),
    [
        ([], []),
        (["", "a", "b", ""], ["", "a", "b", ""]),
        (["a", "a", "", "a"], ["a", "as above", "", "as above"]),
        (["a; b", "b; c", "c; a"], ["a; b", "c", "as above"]),
    ],
)
def test_what_mends_several_things_is_told_once(fixes: list[str], told: list[str]) -> None:
    assert fixes_once(fixes) == told


def test_what_is_chosen_unasked_has_walls() -> None:
    assert factory.BY_STRENGTH == ("native", "bubblewrap", "oci:runc", "oci:crun", "confine")


def test_one_engine_is_told_wall_by_wall(graft: Graft, tmp_path: Path) -> None:
    done = graft("doctor", "--engine", "native", "--data-dir", str(tmp_path / "data"), "--json")
    found = rows(done, "engine native")
    if not found.get("canary", {"ok": False})["ok"]:
        pytest.skip("native does not work on this host")
    assert done.returncode == 0
    for wall in ("files", "processes", "network", "IPC", "privileges", "system calls", "users", "temporary files"):
        assert found[wall]["ok"]
        assert found[wall]["by"]
        assert found[wall]["detail"]
    assert rows(done, "other engines") == {}


def test_all_engines_are_told_of_where_none_is_named(graft: Graft, tmp_path: Path) -> None:
    done = graft("doctor", "--data-dir", str(tmp_path / "data"), "--json", GRAFT_ENGINE="none")
    others = rows(done, "other engines")
    assert list(others) == [name for name in factory.ENGINES if name != "none"]
    assert done.returncode == 0, "an engine that was not asked for may be missing"
    for row in others.values():
        assert row["detail"]
        assert row["ok"] or row["fix"]
    assert not rows(done, "engine none")["files"]["ok"]


def test_a_host_that_forbids_namespaces_is_told_what_to_do(environment: dict[str, str], tmp_path: Path) -> None:
    doctor = [*WITHOUT_NAMESPACES, str(GRAFT), "doctor", "--data-dir", str(tmp_path / "data"), "--json"]
    done = run(*doctor, environment=environment, directory=tmp_path)
    assert done.returncode == 1
    found = rows(done, "engine native")
    assert "a seccomp filter refuses unshare (EPERM) and clone3 (ENOSYS)" in found["container"]["detail"]
    assert "security_opt seccomp:<" in found["container"]["fix"]
    assert "GRAFT_ENGINE=confine" in found["container"]["fix"]
    others = rows(done, "other engines")
    for name in ("bubblewrap", "oci:runc", "oci:crun"):
        assert not others[name]["ok"]
        assert others[name]["fix"]
    if others["confine"]["ok"]:
        assert "no namespaces" in others["confine"]["detail"]


@pytest.mark.parametrize("options", [(), ("--demo", "--engine", "native")])
def test_a_host_that_forbids_namespaces_starts_nothing_weaker_unasked(
    environment: dict[str, str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    up = start_under(WITHOUT_NAMESPACES, tmp_path, environment, *options)
    try:
        assert up.process.wait(60) == 1
    finally:
        up.process.kill()
        up.process.wait(10)
    assert "the engine native cannot isolate calls on this host" in up.log.read_text()
    assert up.log.read_text().count("GRAFT_ENGINE=confine") == 1
    assert "ready" not in up.text.splitlines()


@pytest.mark.skipif(shutil.which("unshare") is None, reason="a user namespace, in which it is set")
def test_a_host_without_user_namespaces_is_told_what_to_do_and_what_else_there_is(
    environment: dict[str, str], tmp_path: Path
) -> None:
    setting = "/proc/sys/user/max_user_namespaces"
    none = ["unshare", "--user", "--map-root-user", "sh", "-c", f'echo 0 > {setting} && exec "$@"', "sh"]
    if subprocess.run([*none, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here")
    starter = tmp_path / "none"
    starter.write_text(f'#!/bin/sh\nexec {shlex.join(none)} "$@"\n')
    starter.chmod(0o755)
    up = start_under([str(starter)], tmp_path, environment)
    try:
        assert up.process.wait(60) == 1
    finally:
        up.process.kill()
        up.process.wait(10)
    told = up.log.read_text().splitlines()[-1]
    assert "the engine native cannot isolate calls on this host: user.max_user_namespaces: it is 0" in told
    assert told.count("(fix: sysctl -w user.max_user_namespaces=15000)") == 1
    assert told.count("GRAFT_ENGINE=confine") == 1
    assert "graft doctor" in told


def test_a_demonstration_takes_the_strongest_that_works_and_says_so(
    environment: dict[str, str], tmp_path: Path
) -> None:
    up = start_under(WITHOUT_NAMESPACES, tmp_path, environment, "--demo")
    try:
        if up.process.poll() is None:
            up.wait_ready()
        assert "\n  engine      confine (no namespaces; seccomp; Landlock" in up.text
        assert "weaker than namespaces" in up.text
        assert up.stop(signal.SIGTERM) == 0
    finally:
        up.process.kill()
        up.process.wait(10)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounts in a namespace of its own")
def test_control_groups_that_cannot_be_written_are_told(environment: dict[str, str], tmp_path: Path) -> None:
    read_only = "for at in $(grep -o ' /sys/fs/cgroup[^ ]* ' /proc/self/mounts | sort -u); do mount -o remount,bind,ro $at; done"
    done = run(
        *("unshare", "-m", "--propagation", "private", "sh", "-c", f'{read_only}; exec "$@"', "sh", str(GRAFT)),
        *("doctor", "--engine", "native", "--data-dir", str(tmp_path / "data"), "--json"),
        environment=environment,
        directory=tmp_path,
    )
    found = rows(done, "engine native")
    if not found.get("canary", {"ok": False})["ok"]:
        pytest.skip("native does not work on this host")
    assert done.returncode == 0
    assert [row for row in found if "cgroup" in json.dumps(found[row])] == ["memory, processes and CPU time"]
    limits = found["memory, processes and CPU time"]
    assert limits["by"] == "resource limits, samples"
    assert "is mounted read-only" in limits["detail"]
    assert "no control groups are mounted" not in limits["detail"]
    assert "writable-cgroups=true" in limits["fix"]
    assert "Delegate=yes" in limits["fix"]
