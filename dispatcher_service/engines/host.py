"""What this host allows and forbids for sandboxing, and what to change where it forbids something."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from dispatcher_service.engines.base import Finding
from dispatcher_service.engines.launcher import landlock

SYS_CLONE3 = 435
CAP_SYS_ADMIN = 1 << 21
PROC = Path("/proc")
CONTAINER_FIX = (
    "in a container: security_opt seccomp:<deploy/seccomp-dispatcher.json of Graft's sources>, "
    "systempaths=unconfined and, on Ubuntu hosts, apparmor=unconfined"
)
ELSEWHERE_FIX = "elsewhere let the host's security module (AppArmor, SELinux) allow Graft user namespaces and mounts"
PROC_FIX = "mount -t proc proc /proc"
WEAKER_CHOICE = "GRAFT_ENGINE=confine"
WEAKER = f"or choose the weaker engine that needs none of it, {WEAKER_CHOICE}"
APPARMOR = "kernel.apparmor_restrict_unprivileged_userns"
CALL_USERS = range(60000, 65376)
"""Whom root's calls run as, one a running call; see `UID_BLOCKS` of the launcher's processes.py."""
NO_CALL_USERS = "root of a user namespace that has no users 60000 to 65375, of whom each running call gets one"
CALL_USERS_FIX = "start it as an ordinary user, or map 65536 users and groups into the namespace or container"
EMPTY_MOUNT_POINTS = ("/proc/sys/fs/binfmt_misc", "/proc/fs/nfsd", "/proc/openprom")
"""Folders of procfs that are there to be mounted on, and hide nothing."""
SCOPES = ("abstract unix sockets", "signals")
"""What Landlock keeps from calls only from ABI 6 (Linux 6.12) on."""


def _setting(proc: Path, name: str) -> str | None:
    try:
        return (proc / "sys" / name.replace(".", "/")).read_text().strip()
    except OSError:
        return None


def settings_findings(proc: Path = PROC, answers: Mapping[str, int] | None = None) -> list[Finding]:
    """What forbids namespaces here: settings of the kernel, AppArmor, a container; empty where nothing does.

    Args:
        proc: where procfs is mounted; another folder only in tests.
        answers: see `system_call_answers`; others only in tests.
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
    if _setting(proc, APPARMOR) == "1" and _profile(proc) in ("", "unconfined"):
        findings.append(
            Finding(
                APPARMOR,
                ok=False,
                detail="it is 1, and no AppArmor profile allows Graft what it takes: user namespaces can be created, "
                "but have no power inside (writing uid_map or mounting fails)",
                fix=f"sysctl -w {APPARMOR}=0, or an AppArmor profile for bwrap and for Graft's Python with `userns,`; "
                "in a container apparmor=unconfined",
            )
        )
    if not has_call_users(proc):
        findings.append(Finding("users", ok=False, detail=NO_CALL_USERS, fix=CALL_USERS_FIX))
    return [*findings, *container_findings(proc, system_call_answers() if answers is None else answers)]


def _profile(proc: Path) -> str:
    """The AppArmor profile of this process; empty where that cannot be told."""
    try:
        return (proc / "self/attr/current").read_text().strip("\0\n ")
    except OSError:
        return ""


def system_call_answers() -> dict[str, int]:
    """What the kernel answers to calls that change nothing, as error numbers: a container's filter refuses them all."""
    libc = ctypes.CDLL(None, use_errno=True)
    calls: dict[str, Callable[[], int]] = {
        "unshare": lambda: libc.unshare(0),
        "clone3": lambda: libc.syscall(ctypes.c_long(SYS_CLONE3), None, ctypes.c_size_t(0)),
    }
    return {name: 0 if call() == 0 else ctypes.get_errno() for name, call in calls.items()}


def container_findings(proc: Path, answers: Mapping[str, int]) -> list[Finding]:
    """What a container forbids: system calls by its seccomp filter, an own /proc by the parts of it that it masks."""
    findings = []
    if answers.get("unshare") in (errno.EPERM, errno.ENOSYS):
        refused = [f"{name} ({errno.errorcode[number]})" for name, number in answers.items() if number in _REFUSALS]
        findings.append(
            Finding(
                "container",
                ok=False,
                detail=f"a seccomp filter refuses {' and '.join(refused)}, as in a container of Docker's that was "
                "started without further options: no namespaces can be made",
                fix=f"{CONTAINER_FIX}; {WEAKER}",
            )
        )
    masked = [place for place in mounts(proc) if place.startswith("/proc/") and place not in EMPTY_MOUNT_POINTS]
    if masked and (os.geteuid() != 0 or not may_administer(proc)):
        shown = ", ".join(masked[:3]) + (" and more" if len(masked) > 3 else "")
        findings.append(
            Finding(
                "masked /proc",
                ok=False,
                detail=f"parts of /proc are covered ({shown}): without CAP_SYS_ADMIN nobody can mount one for each "
                "call then",
                fix="in a container: security_opt systempaths=unconfined (podman: unmask=ALL)",
            )
        )
    return findings


_REFUSALS = (errno.EPERM, errno.ENOSYS)


def mounts(proc: Path = PROC) -> dict[str, str]:
    """Every mount that this process sees: its options by its mount point; of several at a place the uppermost."""
    try:
        text = (proc / "self/mountinfo").read_text()
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 5:
            place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
            found[place] = fields[5]
    return found


def namespace_fix(proc: Path = PROC) -> str:
    """What most likely helps when a user namespace could not be created, or has no power inside."""
    if not (PROC / "self").exists():
        return PROC_FIX
    fixes = [finding.fix for finding in settings_findings(proc)]
    if os.geteuid() == 0 and not may_administer(proc):
        fixes.append(
            "root has no CAP_SYS_ADMIN here: start the dispatcher as an ordinary user (in a container "
            'user: "65534:65534"), which needs none'
        )
    return "; ".join(fixes) or f"{CONTAINER_FIX}; {ELSEWHERE_FIX}"


def may_administer(proc: Path = PROC) -> bool:
    """Whether this process has CAP_SYS_ADMIN; True where that cannot be told."""
    try:
        found = re.search(r"^CapEff:\s*([0-9a-f]+)", (proc / "self/status").read_text(), re.MULTILINE)
    except OSError:
        return True
    return found is None or bool(int(found[1], 16) & CAP_SYS_ADMIN)


@functools.cache
def kernel_version() -> tuple[int, int]:
    """Major and minor of the running kernel."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return (int(found[1]), int(found[2])) if found else (0, 0)


def counts_processes_per_namespace() -> bool:
    """Whether the limit of processes counts inside a user namespace by itself (Linux 5.14)."""
    return kernel_version() >= (5, 14)


def has_call_users(proc: Path = PROC) -> bool:
    """Whether root here can be the users that calls get, and their groups; true for others, who need none."""
    if os.geteuid() != 0:
        return True
    try:
        return all(
            _maps(proc / "self" / name, user)
            for name in ("uid_map", "gid_map")
            for user in CALL_USERS[:: len(CALL_USERS) - 1]
        )
    except (OSError, ValueError):
        return True  # it cannot be told


def _maps(path: Path, number: int) -> bool:
    """Whether a map of a user namespace (lines of first inside, first outside, how many) has a number inside."""
    extents = ([int(field) for field in line.split()] for line in path.read_text().splitlines())
    return any(first <= number < first + count for first, _, count in extents)


def user_finding(proc: Path = PROC) -> Finding:
    """As whom calls will run on the host."""
    if not has_call_users(proc):
        return Finding("user", ok=False, detail=NO_CALL_USERS, fix=CALL_USERS_FIX)
    if os.geteuid() == 0:
        return Finding("user", ok=True, detail="root: each running call gets a user of its own from 60000 on")
    detail = f"user {os.geteuid()}: calls share it on the host, and only the namespaces keep them apart"
    if not counts_processes_per_namespace():
        detail += "; on this kernel (before 5.14) the number of their processes cannot be limited"
    return Finding("user", ok=True, detail=detail)


def landlock_finding(abi: int = landlock.PROBED, *, required: bool = False, own_users: bool = True) -> Finding:
    """Which Landlock the kernel has.

    Args:
        abi: its version; minus the error number of asking for it where it cannot be had.
        required: it is the only wall around files.
        own_users: each call has a user that nobody else is, so that signals to others are refused anyway.
    """
    if abi <= 0:
        detail, fix = _LANDLOCK_LACKS.get(-abi, _LANDLOCK_LACKS[errno.ENOSYS])
        return Finding("landlock", ok=not required, detail=detail, fix=fix)
    lacks = [name for name in SCOPES if name in landlock.missing(abi)]
    detail = f"ABI {abi}"
    if lacks and required and not own_users:
        return Finding(
            "landlock",
            ok=False,
            detail=f"{detail} does not keep {' and '.join(lacks)} from a call, and every call would be the "
            "dispatcher's own user",
            fix="start the dispatcher as root with CAP_SETUID, CAP_SETGID and CAP_CHOWN, so that each call gets a user "
            "of its own; or use Linux 6.12 or later",
        )
    if lacks:
        detail += f", which does not decide about {' and '.join(lacks)}"
    return Finding("landlock", ok=True, detail=detail, by=f"Landlock ABI {abi}")


_LANDLOCK_LACKS = {
    errno.EOPNOTSUPP: (
        "built into the kernel, but switched off at boot",
        "add `landlock` to the names of the boot parameter lsm= (or to CONFIG_LSM), and boot again",
    ),
    errno.EPERM: (
        "a seccomp filter refuses it, as containers of older runtimes have one",
        "Docker 20.10.10 or later, or a seccomp profile that allows the three system calls landlock_*",
    ),
    errno.ENOSYS: (
        "not in this kernel, or hidden by a container's filter",
        "Linux 5.13 or later with CONFIG_SECURITY_LANDLOCK; in a container Docker 20.10.10 or later",
    ),
}
