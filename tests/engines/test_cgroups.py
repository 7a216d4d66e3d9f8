from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher_service.engines.launcher import cgroup_hierarchy
from dispatcher_service.engines.launcher.cgroup_mounts import (
    LEAF,
    Mount,
    delegated_home,
    parse_mounts,
    parse_own,
    place,
)

ROOT = Path(__file__).resolve().parents[2]
UNIFIED = [mount for mount in parse_mounts(Path("/proc/self/mountinfo").read_text()) if mount.unified]

USE = """
import json, os, sys
from dispatcher_service.engines.launcher.cgroups import Cgroups

def run(group, program):
    pid = os.fork()
    if pid == 0:
        group.attach()
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", program])
    return os.waitpid(pid, 0)[1]

groups = Cgroups.open()
"""


def use(program: str, *prefix: str) -> subprocess.Popen[str]:
    """A process that makes groups as a launcher does: alone, so that nothing else forks here."""
    command = [*prefix, sys.executable, "-c", USE + program]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}
    )


def told(program: str, *prefix: str) -> list[str]:
    with use(program, *prefix) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return out.splitlines()


@pytest.fixture(scope="module", autouse=True)
def _there() -> None:
    if told("print(bool(groups.hierarchies)); groups.close()") != ["True"]:
        pytest.skip("no control groups may be made here")


@pytest.mark.parametrize(
    ("line", "mount"),
    [
        pytest.param(
            "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate",
            Mount(True, frozenset({"rw", "nsdelegate"}), "/", "/sys/fs/cgroup"),
            id="unified",
        ),
        pytest.param(
            "33 24 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct",
            Mount(False, frozenset({"rw", "cpu", "cpuacct"}), "/docker/abc", "/sys/fs/cgroup/cpu,cpuacct"),
            id="version 1 in a container",
        ),
        pytest.param(
            r"33 24 0:29 / /mnt/a\040b rw - cgroup2 none rw",
            Mount(True, frozenset({"rw"}), "/", "/mnt/a b"),
            id="white space",
        ),
        pytest.param("24 1 0:22 / /sys rw - sysfs sysfs rw", None, id="something else"),
        pytest.param("nonsense", None, id="nonsense"),
    ],
)
def test_hierarchies_are_found_among_mounts(line: str, mount: Mount | None) -> None:
    assert parse_mounts(line) == ([mount] if mount else [])


def test_own_groups_are_told_by_controller() -> None:
    assert parse_own("4:cpu,cpuacct:/a\n3:memory:/b:c\n1:name=systemd:/d\n0::/e\n") == {
        "cpu": "/a",
        "cpuacct": "/a",
        "memory": "/b:c",
        "name=systemd": "/d",
        "": "/e",
    }


@pytest.mark.parametrize(
    ("root", "path", "folder"),
    [
        ("/", "/", "/cg"),
        ("/", "/system.slice/graft.service", "/cg/system.slice/graft.service"),
        ("/docker/abc", "/docker/abc", "/cg"),
        ("/docker/abc", "/docker/abc/inner", "/cg/inner"),
        ("/docker/abc", "/docker/abcd", None),
        ("/docker/abc", "/", None),
        ("/", "/../other", None),
    ],
)
def test_a_group_is_found_where_its_hierarchy_is_mounted(root: str, path: str, folder: str | None) -> None:
    assert place(Mount(True, frozenset(), root, "/cg"), path) == folder


def test_a_group_bounds_and_counts_and_leaves_nothing() -> None:
    lines = told(
        """
said = groups.description()
group = groups.take()
group.begin(128 << 20, 8)
status = run(group, "x = bytearray(256 << 20)")
used = group.usage()
if "memory" in said:
    print(os.WIFSIGNALED(status), used.oom_kills, used.memory_peak <= 128 << 20)
else:
    print(True, 1, True)
group.give_back()

again = groups.take()
again.begin(64 << 20, 8)
run(again, "while True:\\n import os, time\\n if not os.fork(): time.sleep(60)")
used = again.usage()
print(used.refusals > 0 or "processes" not in said, (used.processes_peak or 8) == 8, used.oom_kills)
again.kill()
again.give_back()

last = groups.take()
last.begin(256 << 20, 8)
run(last, "import time\\nuntil = time.process_time() + 0.2\\nwhile time.process_time() < until: pass")
used = last.usage()
print(used.cpu is None or 0.2 <= used.cpu < 2, used.oom_kills, used.refusals, (used.processes_peak or 1) == 1)
last.give_back()
paths = [one.home + "/" + one.name for one in groups.hierarchies]
groups.close()
print([path for path in paths if os.path.exists(path)])
"""
    )
    assert lines == ["True 1 True", "True True 0", "True 0 0 True", "[]"]


def test_many_groups_at_once_are_all_removed() -> None:
    lines = told(
        """
taken = [groups.take() for _ in range(100)]
for group in taken:
    group.begin(64 << 20, 8)
print(len({group.name for group in taken}))
for group in taken:
    group.give_back()
print(max(len([n for n in os.listdir(one.fd) if n.startswith("c") and n[1:].isdigit()]) for one in groups.hierarchies))
paths = [one.home + "/" + one.name for one in groups.hierarchies]
groups.close()
print([path for path in paths if os.path.exists(path)])
"""
    )
    assert lines == ["100", "32", "[]"]


def test_what_a_dead_launcher_has_left_is_removed_and_a_living_one_keeps_its_groups() -> None:
    hold = """
group = groups.take()
group.begin(256 << 20, 8)
pid = os.fork()
if pid == 0:
    os.setsid()
    group.attach()
    os.execv("/bin/sleep", ["sleep", "600"])
while not any(one.processes(group.name) for one in groups.hierarchies):
    pass
print(pid, *[one.home + "/" + one.name for one in groups.hierarchies], flush=True)
sys.stdin.read()
groups.close()
"""
    with use(hold) as dead, use(hold) as living:
        assert dead.stdout is not None
        assert living.stdout is not None
        left_pid, *left = dead.stdout.readline().split()
        _kept_pid, *kept = living.stdout.readline().split()
        dead.kill()
        dead.wait()
        assert existing(left) == left
        told("groups.close()")
        assert existing(left) == []
        assert _is_gone(int(left_pid))
        assert existing(kept) == kept
        living.communicate(timeout=30)
        assert existing(kept) == []


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / f"{cgroup_hierarchy.PREFIX}file").write_text("")
    cgroup_hierarchy.remove_leftovers(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{cgroup_hierarchy.PREFIX}file", "other"]


def test_an_ordinary_user_without_delegation_has_no_groups() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    as_other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    groups, lacking = told("print(groups.description()); print(sorted(groups.lacking.values()))", *as_other)
    assert groups == "{}"
    assert "cannot be written" in lacking


@pytest.fixture
def delegated() -> Iterator[Path]:
    """A group of version 2 that is as a service's: below the root, with a controller to give on."""
    if not UNIFIED or os.geteuid() != 0:
        pytest.skip("needs root and the unified hierarchy")
    path = Path(UNIFIED[0].point, f"graft-test-{secrets.token_hex(4)}")
    path.mkdir()
    yield path
    for folder in (path / LEAF, path):
        if folder.exists():
            folder.rmdir()


@pytest.mark.parametrize("marked", [True, False])
def test_only_in_a_delegated_group_processes_move_into_a_leaf(delegated: Path, marked: bool) -> None:
    controllers = (delegated / "cgroup.controllers").read_text().split()
    if not controllers:
        pytest.skip("no controller can be enabled in the unified hierarchy here")
    wanted = frozenset(controllers[:1])
    if marked:
        os.setxattr(delegated, "trusted.delegate", b"1")
    with subprocess.Popen(["/bin/sleep", "600"]) as inside:
        try:
            (delegated / "cgroup.procs").write_text(str(inside.pid))
            home, why = delegated_home(str(delegated), f"/{delegated.name}", wanted)
            assert home.path == str(delegated)
            if marked:
                assert (home.controllers, why) == (wanted, "")
                assert (delegated / LEAF / "cgroup.procs").read_text().split() == [str(inside.pid)]
                # A launcher that comes later, out of the leaf, uses the same group.
                assert delegated_home(str(delegated / LEAF), f"/{delegated.name}/{LEAF}", wanted) == (home, "")
            else:
                assert (home.controllers, why) == (frozenset(), f"{delegated} is not delegated to Graft")
                assert (delegated / "cgroup.procs").read_text().split() == [str(inside.pid)]
        finally:
            inside.send_signal(signal.SIGKILL)


def existing(paths: list[str]) -> list[str]:
    return [path for path in paths if Path(path).exists()]


def _is_gone(pid: int) -> bool:
    """Whether a process is dead; a zombie is, whoever has to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except FileNotFoundError:
        return True
