"""The dispatcher's container may build sandboxes, and nothing more than an ordinary container besides."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPT = DEPLOY / "make_seccomp_profile.py"
DEFAULT = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 1,
    "syscalls": [
        {"names": ["read", "io_uring_setup", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["bpf", "clone", "mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_seccomp_profile", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rules_about(profile, name):
    return [rule for rule in profile["syscalls"] if name in rule["names"]]


def test_profile_allows_namespaces_and_keeps_the_other_rules(script):
    made = script.dispatcher_profile(DEFAULT)
    assert made["syscalls"] == [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": list(script.NAMESPACE_CALLS), "action": "SCMP_ACT_ALLOW"},
    ]
    assert made["defaultErrnoRet"] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("{", "no seccomp profile"), ("{}", "no seccomp profile"), ("[]", "no seccomp profile")],
)
def test_a_wrong_file_is_named(tmp_path, content, said):
    source = tmp_path / "default.json"
    if content is not None:
        source.write_text(content)
    result = subprocess.run([sys.executable, SCRIPT, source], capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert str(source) in result.stderr
    assert said in result.stderr


def test_shipped_profile_lets_sandboxes_be_built(script):
    profile = json.loads((DEPLOY / "seccomp-dispatcher.json").read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    for name in script.NAMESPACE_CALLS:
        assert rules_about(profile, name) == [{"names": list(script.NAMESPACE_CALLS), "action": "SCMP_ACT_ALLOW"}]
    assert any("landlock_restrict_self" in rule["names"] for rule in profile["syscalls"])


@pytest.mark.parametrize(
    "name",
    [
        # What the engine native makes its sandboxes with (engines/launcher/kernel.py, landlock.py, sandbox.py).
        *("clone3", "unshare", "setns", "pidfd_open", "waitid", "seccomp", "prctl", "capset", "close_range"),
        *("mount", "umount2", "pivot_root", "open_tree", "move_mount", "mount_setattr", "openat2", "sethostname"),
        *("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "memfd_create", "prlimit64"),
    ],
)
def test_shipped_profile_lets_an_ordinary_user(name):
    profile = json.loads((DEPLOY / "seccomp-dispatcher.json").read_text())
    assert any(
        rule["action"] == "SCMP_ACT_ALLOW" and not any(rule.get(key) for key in ("includes", "excludes", "args"))
        for rule in rules_about(profile, name)
    )


@pytest.mark.parametrize(
    "name", ["bpf", "perf_event_open", "init_module", "finit_module", "reboot", "open_by_handle_at", "clock_settime"]
)
def test_shipped_profile_keeps_privileged_calls_to_capabilities(name):
    profile = json.loads((DEPLOY / "seccomp-dispatcher.json").read_text())
    assert all("caps" in rule.get("includes", {}) for rule in rules_about(profile, name))


@pytest.mark.parametrize(
    "name", ["io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "userfaultfd", "kexec_load"]
)
def test_shipped_profile_never_allows(name):
    assert rules_about(json.loads((DEPLOY / "seccomp-dispatcher.json").read_text()), name) == []
