"""What this host's settings say about sandboxing, and what to change where they forbid it."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from pathlib import Path

from dispatcher_service.engines.base import Finding

SYS_LANDLOCK_CREATE_RULESET = 444
LANDLOCK_CREATE_RULESET_VERSION = 1
CONTAINER_FIX = (
    "in a container: security_opt seccomp:<a profile that allows unshare, clone, mount, pivot_root>, "
    "systempaths=unconfined and, on Ubuntu hosts, apparmor=unconfined"
)


def _setting(proc: Path, name: str) -> str | None:
    try:
        return (proc / "sys" / name.replace(".", "/")).read_text().strip()
    except OSError:
        return None


def settings_findings(proc: Path = Path("/proc")) -> list[Finding]:
    """The kernel settings that decide whether an ordinary user may create user namespaces.

    Args:
        proc: where procfs is mounted; another folder only in tests.
    """
    findings = []
    if _setting(proc, "kernel.unprivileged_userns_clone") == "0":
        findings.append(
            Finding(
                "kernel.unprivileged_userns_clone",
                ok=False,
                detail="it is 0: ordinary users may not create user namespaces",
                fix="sysctl -w kernel.unprivileged_userns_clone=1",
            )
        )
    if _setting(proc, "user.max_user_namespaces") == "0":
        findings.append(
            Finding(
                "user.max_user_namespaces",
                ok=False,
                detail="it is 0: nobody may create user namespaces",
                fix="sysctl -w user.max_user_namespaces=15000",
            )
        )
    return findings


def namespace_fix(proc: Path = Path("/proc")) -> str:
    """What most likely helps when a user namespace could not be created, or has no power inside."""
    fixes = [finding.fix for finding in settings_findings(proc)]
    if _setting(proc, "kernel.apparmor_restrict_unprivileged_userns") == "1":
        fixes.append(
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for bwrap with `userns,`"
        )
    return "; ".join(fixes) or CONTAINER_FIX


def kernel_version() -> tuple[int, int]:
    """Major and minor of the running kernel."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return (int(found[1]), int(found[2])) if found else (0, 0)


def counts_processes_per_namespace() -> bool:
    """Whether the limit of processes counts inside a user namespace by itself (Linux 5.14)."""
    return kernel_version() >= (5, 14)


def user_finding() -> Finding:
    """As whom calls will run on the host."""
    if os.geteuid() == 0:
        return Finding("user", ok=True, detail="root: each running call gets a user of its own from 60000 on")
    detail = f"user {os.geteuid()}: calls share it on the host, and only the namespaces keep them apart"
    if not counts_processes_per_namespace():
        detail += "; on this kernel (before 5.14) the number of their processes cannot be limited"
    return Finding("user", ok=True, detail=detail)


def landlock_finding() -> Finding:
    """Which Landlock the kernel has; for information, the bubblewrap engine does without."""
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION)
    text = f"ABI {abi}" if abi > 0 else "not there, or not allowed here"
    return Finding("landlock", ok=True, detail=f"{text} (not needed)")


def cgroup_finding(cgroups: Path = Path("/sys/fs/cgroup")) -> Finding:
    """Which control groups there are; for information, limits are rlimits in this version."""
    if (cgroups / "cgroup.controllers").is_file():
        kind = "version 2"
    elif (cgroups / "memory").is_dir():
        kind = "version 1"
    else:
        kind = "none"
    writable = "writable" if os.access(cgroups, os.W_OK) else "not writable"
    return Finding("cgroups", ok=True, detail=f"{kind}, {writable} (not used: memory is limited for each process)")
