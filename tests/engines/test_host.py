"""What hosts forbid is told with what mends it: from made-up /proc folders, and under filters like a container's."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from dispatcher_service.engines import host
from dispatcher_service.engines.seccomp.assembler import Action, compile_filter, merge
from dispatcher_service.engines.seccomp.filter import ARCHITECTURES
from support.container import KNOWN, docker_filter, filtered

PROJECT = Path(__file__).resolve().parents[2]
FREE = {"unshare": 0, "clone3": errno.EINVAL}
DOCKER = {"unshare": errno.EPERM, "clone3": errno.ENOSYS}
MASKED = """\
22 1 0:5 / / rw,relatime - overlay overlay rw
30 22 0:20 / /proc rw,nosuid - proc proc rw
31 30 0:20 /bus /proc/bus ro,nosuid - proc proc rw
32 30 0:44 / /proc/kcore rw,nosuid - tmpfs tmpfs rw
33 22 0:45 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw
34 22 0:46 / /with\\040space rw - tmpfs tmpfs rw
"""


@pytest.fixture
def proc(tmp_path):
    """Makes a /proc folder of files."""

    def make(**files: str) -> Path:
        for name, text in files.items():
            file = tmp_path / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("files", "answers", "found"),
    [
        pytest.param({}, FREE, {}, id="free"),
        pytest.param({"sys__user__max_user_namespaces": "100"}, FREE, {}, id="enough"),
        pytest.param(
            {"sys__kernel__unprivileged_userns_clone": "0"},
            FREE,
            {"kernel.unprivileged_userns_clone": "sysctl -w kernel.unprivileged_userns_clone=1"},
            id="clone forbidden",
        ),
        pytest.param(
            {"sys__user__max_user_namespaces": "0\n"},
            FREE,
            {"user.max_user_namespaces": "sysctl -w user.max_user_namespaces="},
            id="none at all",
        ),
        pytest.param(
            {f"sys__kernel__{host.APPARMOR.partition('.')[2]}": "1", "self__attr__current": "unconfined\n"},
            FREE,
            {host.APPARMOR: f"sysctl -w {host.APPARMOR}=0"},
            id="AppArmor",
        ),
        pytest.param(
            {f"sys__kernel__{host.APPARMOR.partition('.')[2]}": "1", "self__attr__current": "graft (unconfined)"},
            FREE,
            {},
            id="AppArmor with a profile",
        ),
        pytest.param(
            {f"sys__kernel__{host.APPARMOR.partition('.')[2]}": "0", "self__attr__current": "unconfined"},
            FREE,
            {},
            id="AppArmor off",
        ),
        pytest.param({}, DOCKER, {"container": "GRAFT_ENGINE=confine"}, id="container"),
        pytest.param(
            {
                "self__mountinfo": "30 22 0:20 / /proc rw - proc proc rw\n31 30 0:9 / /proc/sys/fs/binfmt_misc rw - a a rw\n"
            },
            FREE,
            {},
            id="mounts that hide nothing",
        ),
    ],
)
def test_what_forbids_namespaces(proc, files, answers, found):
    folder = proc(**files)
    findings = host.settings_findings(folder, answers)
    assert [finding.name for finding in findings] == list(found)
    for finding in findings:
        assert not finding.ok
        assert finding.detail
        assert found[finding.name] in finding.fix


def test_refused_calls_are_named(proc):
    (finding,) = host.settings_findings(proc(), DOCKER)
    assert "unshare (EPERM) and clone3 (ENOSYS)" in finding.detail
    (finding,) = host.settings_findings(proc(), {"unshare": errno.EPERM, "clone3": errno.EINVAL})
    assert "unshare (EPERM), as" in finding.detail


def test_masked_proc(proc, monkeypatch):
    folder = proc(self__mountinfo=MASKED)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (finding,) = host.settings_findings(folder, FREE)
    assert finding.name == "masked /proc"
    assert "/proc/bus, /proc/kcore" in finding.detail
    assert "systempaths=unconfined" in finding.fix
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert host.settings_findings(folder, FREE) == []
    proc(self__status="CapEff:\t00000000a80425fb\n")
    assert [finding.name for finding in host.settings_findings(folder, FREE)] == ["masked /proc"]


def test_mounts(proc):
    found = host.mounts(proc(self__mountinfo=MASKED))
    assert found["/sys/fs/cgroup"] == "ro,nosuid"
    assert "/with space" in found
    assert host.mounts(proc() / "absent") == {}


@pytest.mark.parametrize(
    ("abi", "required", "own_users", "ok", "detail", "fix"),
    [
        (7, True, False, True, "ABI 7", ""),
        (6, True, False, True, "ABI 6", ""),
        (5, True, False, False, "signals", "Linux 6.12"),
        (5, True, True, True, "does not decide about abstract unix sockets and signals", ""),
        (5, False, False, True, "ABI 5", ""),
        (-errno.EOPNOTSUPP, True, True, False, "switched off at boot", "lsm="),
        (-errno.ENOSYS, True, True, False, "not in this kernel", "CONFIG_SECURITY_LANDLOCK"),
        (-errno.EPERM, True, True, False, "refuses it", "landlock_*"),
        (-errno.ENOSYS, False, True, True, "not in this kernel", "CONFIG_SECURITY_LANDLOCK"),
    ],
)
def test_landlock(abi, required, own_users, ok, detail, fix):
    finding = host.landlock_finding(abi, required=required, own_users=own_users)
    assert finding.ok is ok
    assert detail in finding.detail
    assert fix in finding.fix
    assert bool(fix) == bool(finding.fix)
    assert finding.by == ("" if abi <= 0 or not ok else f"Landlock ABI {abi}")


@pytest.mark.skipif(platform.machine() not in KNOWN, reason="there is no filter for this architecture")
def test_a_containers_filter_is_noticed():
    """In a real process, under what Docker forbids by default."""
    script = (
        "import json; from dispatcher_service.engines import host;"
        "print(json.dumps([host.system_call_answers(), [f.name for f in host.settings_findings()], host.namespace_fix()]))"
    )
    done = subprocess.run(
        [*filtered(docker_filter()), sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    answers, names, fix = json.loads(done.stdout)
    assert answers == DOCKER
    assert "container" in names
    assert host.CONTAINER_FIX in fix


@pytest.mark.skipif(platform.machine() not in KNOWN, reason="there is no filter for this architecture")
@pytest.mark.parametrize("answer", [Action.ENOSYS, Action.EPERM])
def test_a_filter_without_landlock_is_noticed(answer):
    program = compile_filter(
        ARCHITECTURES[platform.machine()].audit_arch, merge({444: answer}, Action.ALLOW, (500, Action.ALLOW))
    )
    script = (
        "from dispatcher_service.engines import host; from dispatcher_service.engines.launcher import landlock;"
        "print(landlock.PROBED, landlock.restrict([]) == landlock.missing(0), host.landlock_finding(required=True).ok)"
    )
    done = subprocess.run(
        [*filtered(program), sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout.split() == [str(-(answer & 0xFFFF)), "True", "False"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is told so")
@pytest.mark.parametrize(("capabilities", "told"), [("000001ffffffffff", False), ("00000000a80425fb", True)])
def test_root_of_a_container_is_told_to_be_an_ordinary_user(proc, capabilities, told):
    """The second is what Docker leaves to root."""
    fix = host.namespace_fix(proc(self__status=f"Name:\tx\nCapEff:\t{capabilities}\nSeccomp:\t2\n"))
    assert ("start the dispatcher as an ordinary user" in fix) == told


@pytest.mark.parametrize(
    ("users", "groups", "has"),
    [
        pytest.param("         0          0 4294967295\n", "0 0 4294967295\n", True, id="the host"),
        pytest.param("0 100000 65536\n", "0 100000 65536\n", True, id="a container with users enough"),
        pytest.param("0 1000 1\n1 100000 65536\n", "0 1000 1\n1 100000 65536\n", True, id="podman"),
        pytest.param("0 1000 1\n", "0 1000 1\n", False, id="unshare"),
        pytest.param("0 100 65000\n65000 9 536\n", "0 100 65536\n", True, id="in pieces"),
        pytest.param("0 100000 65536\n", "0 1000 1\n", False, id="no groups"),
        pytest.param("0 100000 60001\n", "0 100000 65536\n", False, id="too few"),
        pytest.param(None, None, True, id="cannot be told"),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root's calls get users of their own")
def test_root_that_lacks_the_users_of_calls_is_told_so(
    tmp_path: Path, users: str | None, groups: str | None, has: bool
) -> None:
    (tmp_path / "self").mkdir()
    for name, text in (("uid_map", users), ("gid_map", groups)):
        if text is not None:
            (tmp_path / "self" / name).write_text(text)
    finding = host.user_finding(tmp_path)
    assert finding.ok is has
    assert ("ordinary user" in finding.fix) is not has
    assert [one.name for one in host.settings_findings(tmp_path, FREE)] == ([] if has else ["users"])
