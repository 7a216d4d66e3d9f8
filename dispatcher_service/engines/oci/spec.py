"""The configuration of one container (`config.json`), written from the same profile as the other engines' walls."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dispatcher_service.engines.base import Command, Limits, Network
from dispatcher_service.engines.granted import SECRETS
from dispatcher_service.engines.rootfs import INNER_GID, INNER_UID, Bind, Skeleton
from dispatcher_service.engines.spawning import ENVIRONMENT, rlimits

OCI_VERSION = "1.0.2"
HOSTNAME = "graft"
OOM_SCORE = 500
FIRST_PROCESSES = 1
"""The shell that is pid 1."""
CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
MASKED = ("acpi", "asound", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats")
READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
INIT = (
    "unset {names}; {limit}; trap '' PIPE; exec 3>&2 2>/dev/null; shopt -s execfail; "
    '(exec 2>&3 3>&-; trap \'echo "$0" >&2\' 0; exec "$@"; exit)'
)
"""Pid 1 of the container, for a shell whose `$0` is the token and whose arguments are the command.

It is there because the kernel keeps from a pid 1 every signal that it does not handle, its own among them. It takes out
of the environment what runtimes and shells put in, limits the address space (no runtime in Go could start with that),
and says nothing itself; when the command cannot be executed, the shell writes why and the token to the command's
standard error. bash needs `execfail` to get that far.
"""
ADDED_NAMES = ("HOME", "OLDPWD", "PWD", "SHLVL")
_RLIMITS = ["CORE", "CPU", "FSIZE", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RTPRIO", "SIGPENDING", "STACK"]
_RLIMIT_NAMES = {getattr(resource, f"RLIMIT_{name}"): f"RLIMIT_{name}" for name in _RLIMITS}


@dataclass(frozen=True, slots=True)
class Mapping:
    """How users inside are users on the host, as (inside, on the host)."""

    users: tuple[tuple[int, int], ...]

    def rows(self) -> list[dict[str, int]]:
        """The same for `uidMappings` and `gidMappings`."""
        return [{"containerID": inner, "hostID": outer, "size": 1} for inner, outer in self.users]


@dataclass(frozen=True, slots=True)
class Place:
    """What a container is made of, beside its command."""

    root: Path
    skeleton: Skeleton
    tree: str
    """Where the extension's folder is found by the runtime."""
    granted: Sequence[Bind]
    """Paths that the call was granted; as far as it may write."""
    secrets: str | None
    """A folder with the call's secrets."""
    mapping: Mapping | None
    """None for no user namespace: the runtime's own kernel keeps its users apart."""
    uid: int = INNER_UID
    gid: int = INNER_GID
    seccomp: dict[str, Any] | None = None
    counted: bool = False
    """Whether the launcher bounds the memory of the whole call; then address space is not limited."""
    groups: bool = False
    """Whether the runtime is to limit the container by a control group of its own."""


def configuration(command: Command, place: Place, token: str) -> dict[str, Any]:
    """Write a container's configuration.

    Args:
        command: what to run.
        place: what the container is made of.
        token: what pid 1 writes when the command cannot be executed.

    Raises:
        ValueError: something cannot be mounted where it should be.
    """
    linux: dict[str, Any] = {
        "namespaces": _namespaces(command.access.network, place),
        "maskedPaths": [f"/proc/{name}" for name in MASKED],
        "readonlyPaths": [f"/proc/{name}" for name in READ_ONLY],
    }
    if place.mapping is not None:
        linux["uidMappings"] = linux["gidMappings"] = place.mapping.rows()
    if place.seccomp is not None:
        linux["seccomp"] = place.seccomp
    if place.groups:
        linux["resources"] = _resources(command.limits)
    return {
        "ociVersion": OCI_VERSION,
        "process": _process(command, place, token),
        "root": {"path": str(place.root), "readonly": True},
        "hostname": HOSTNAME,
        "mounts": _mounts(command, place),
        "linux": linux,
    }


def _namespaces(network: Network, place: Place) -> list[dict[str, str]]:
    kinds = ["pid", "mount", "ipc", "uts", "cgroup"]
    if network is not Network.OUTBOUND:
        kinds.append("network")
    if place.mapping is not None:
        kinds.append("user")
    return [{"type": kind} for kind in kinds]


def _process(command: Command, place: Place, token: str) -> dict[str, Any]:
    environment = ENVIRONMENT | dict(command.access.environment)
    unwanted = " ".join(name for name in ADDED_NAMES if name not in environment)
    limits = [row for row in rlimits(command.limits) if row[0] != resource.RLIMIT_AS] + [_processes(command.limits)]
    limit = ":" if place.counted else f"ulimit -v {command.limits.memory >> 10}"
    init = INIT.format(names=unwanted or "_", limit=limit)
    return {
        "terminal": False,
        "user": {"uid": place.uid, "gid": place.gid, "umask": 0o022},
        "args": ["/bin/sh", "-c", init, token, command.path, *command.arguments],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": "/",
        "capabilities": {name: [] for name in CAPABILITY_SETS},
        "noNewPrivileges": True,
        "oomScoreAdj": OOM_SCORE,
        "rlimits": [{"type": _RLIMIT_NAMES[kind], "soft": soft, "hard": hard} for kind, soft, hard in limits],
    }


def _processes(limits: Limits) -> tuple[int, int, int]:
    most = limits.processes + FIRST_PROCESSES
    return resource.RLIMIT_NPROC, most, most


def _resources(limits: Limits) -> dict[str, Any]:
    return {
        "memory": {"limit": limits.memory, "swap": limits.memory},
        "pids": {"limit": limits.processes + FIRST_PROCESSES},
    }


def _mounts(command: Command, place: Place) -> list[dict[str, Any]]:
    limits = command.limits
    size = [f"size={limits.tmp_size}", f"nr_inodes={limits.tmp_files}"]
    first = [
        _mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev", "ro"]),
        # Bound as a whole, or the runtime would fill it with devices of its own.
        _bind(Bind(str(place.root / "dev"), "/dev")),
        *(_bind(bind) for bind in place.skeleton.binds),
        _mount("/tmp", "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=1777", *size]),  # noqa: S108  (the sandbox's own)
    ]
    later = [*place.granted, Bind(place.tree, place.skeleton.mount_point(command.mount_at))]
    if command.access.network is Network.OUTBOUND:
        later += place.skeleton.resolver()
    if place.secrets is not None:
        later.append(Bind(place.secrets, place.skeleton.mount_point(SECRETS)))
    later.sort(key=lambda bind: len(PurePosixPath(bind.target).parts))
    return first + [_bind(bind) for bind in later]


def _bind(bind: Bind) -> dict[str, Any]:
    if bind.target.startswith("/dev/"):
        options = ["bind", "nosuid", "noexec"]
    elif bind.writable:
        options = ["rbind", "nosuid", "nodev"]
    else:
        options = ["rbind", "ro", "nosuid", "nodev"]
    return _mount(bind.target, "bind", bind.source, options)


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": options}
