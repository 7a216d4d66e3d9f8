"""What keeps calls apart from everything else, wall by wall: what each is made of in each engine."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dispatcher_service.engines.base import Finding
from dispatcher_service.engines.launcher import landlock

_SPACES = "user, pid, mount, network, IPC, UTS namespaces"
_MADE_OF = {
    "native": f"{_SPACES}; seccomp",
    "bubblewrap": f"{_SPACES} by bwrap; seccomp",
    "oci:runc": f"{_SPACES} by runc; seccomp",
    "oci:crun": f"{_SPACES} by crun; seccomp",
    "oci:runsc": "a kernel of its own by gVisor",
    "confine": "no namespaces; seccomp",
    "none": "no walls",
}
_LANDLOCKED = frozenset({"native", "confine"})
"""Engines that use Landlock."""
_OWN_KERNEL = "gVisor's kernel, of which each call has its own"


def summary(name: str, findings: Sequence[Finding]) -> str:
    """Say in a few words what an engine's walls are made of on this host: `namespaces; Landlock ABI 7; seccomp; …`."""
    parts = [_MADE_OF.get(name, "")]
    if name in _LANDLOCKED and landlock.PROBED > 0:
        parts.append(f"Landlock ABI {landlock.PROBED}")
    parts += [finding.by for finding in findings if finding.name == "limits" and finding.by]
    return "; ".join(part for part in parts if part)


def walls(name: str, findings: Sequence[Finding]) -> list[Finding]:
    """List the walls of an engine that works here, each with what it is made of, or that there is none.

    Args:
        name: the engine.
        findings: what its probe has found.
    """
    if name == "none":
        return [Finding(wall, ok=False, detail="nothing", fix="choose another engine") for wall in _WALLS]
    limits = next((finding for finding in findings if finding.name == "limits"), None)
    made_of = _confined() if name == "confine" else _own_kernel() if name == "oci:runsc" else _namespaces(name)
    told = {finding.name for finding in findings}
    found = [Finding(wall, ok=True, detail=detail, by=by) for wall, (by, detail) in made_of.items() if wall not in told]
    by = limits.by if limits else "resource limits"
    detail = limits.detail if limits else ""
    fix = limits.fix if limits else ""
    return [*found, Finding("memory, processes and CPU time", ok=True, detail=detail, by=by, fix=fix)]


_WALLS = ("files", "processes", "network", "IPC", "privileges", "system calls", "users", "temporary files")


def _abi() -> str:
    return f"Landlock ABI {landlock.PROBED}" if landlock.PROBED > 0 else ""


def _users() -> tuple[str, str]:
    if os.geteuid() == 0:
        return "a user of its own for each running call", "no user of this host, and never root"
    return "none", f"every call is user {os.geteuid()} on this host, as the dispatcher; the other walls keep them apart"


def _namespaces(name: str) -> dict[str, tuple[str, str]]:
    scoped = landlock.PROBED >= 6 and name == "native"
    also = f", {_abi()}" if name == "native" and _abi() else ""
    return {
        "files": (f"mount namespace{also}", "a read-only system, its own folder read-only, a private /tmp, no others"),
        "processes": ("pid namespace, own /proc", "sees and signals none but its own"),
        "network": (
            "network namespace, seccomp filter",
            "nothing in it, not even a loopback that is up"
            if name == "native"
            else "nothing in it but its own loopback, and no sockets for that",
        ),
        "IPC": ("IPC namespace" + (", Landlock" if scoped else ""), "no shared memory, queues or sockets of others"),
        "privileges": ("user namespace, no_new_privs", "no capabilities, and none to be had"),
        "system calls": ("seccomp filter", "an allow-list"),
        "users": _users(),
        "temporary files": ("tmpfs", "private, of bounded size, gone with the call"),
    }


def _own_kernel() -> dict[str, tuple[str, str]]:
    return {
        "files": (_OWN_KERNEL, "a read-only system, its own folder read-only, a private /tmp, no others"),
        "processes": (_OWN_KERNEL, "sees and signals none but its own"),
        "network": (_OWN_KERNEL, "nothing in it"),
        "IPC": (_OWN_KERNEL, "nothing of others"),
        "privileges": (_OWN_KERNEL, "no capabilities, and none to be had"),
        "system calls": (_OWN_KERNEL, "they do not reach the host's"),
        "users": _users(),
        "temporary files": (_OWN_KERNEL, "private, of bounded size, gone with the call"),
    }


def _confined() -> dict[str, tuple[str, str]]:
    own_users = os.geteuid() == 0
    by_user = "a user of its own" if own_users else "Landlock's scope of signals"
    return {
        "files": (
            _abi(),
            "a read-only system, its own folder, a folder for temporary files; that others exist is seen",
        ),
        "processes": (f"{by_user}, {_abi()}", "signals none but its own; that others exist is seen"),
        "network": ("seccomp filter", "no sockets but connected pairs of its own"),
        "IPC": ("seccomp filter, Landlock", "no shared memory, queues or abstract sockets"),
        "privileges": ("no_new_privs", "no capabilities, and none to be had by running a program"),
        "system calls": ("seccomp filter", "an allow-list"),
        "users": _users(),
        "temporary files": ("a folder of its own", "gone with the call; their size is not bounded"),
    }
