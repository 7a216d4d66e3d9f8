"""What a former run may have left behind when dispatcher and launcher were killed at once, and how it is removed."""

from __future__ import annotations

import contextlib
import os
import secrets as random
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from dispatcher_service.engines.spawning import RUNTIME_PREFIX

OWNER = "owner"
CONTAINER_PREFIX = "graft-"
SECRETS_PREFIX = "graft-secrets-"
MEMORY = Path("/dev/shm")  # noqa: S108  (mkdir with a random name, for the own user alone)


def owner_text(pid: int) -> str:
    """A process id, when it began, and where such numbers count, so that no other is taken for it; or nothing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return f"{pid}-{fields[19]}_{space}"


def is_dead(owner: str) -> bool:
    """Whether a process is gone; of one in another process namespace, as of a container, that cannot be told."""
    pid, _, begun = owner.partition("-")
    own, space = owner_text(os.getpid()).rpartition("_")[2], begun.partition("_")[2]
    return pid.isdigit() and space in ("", own) and owner_text(int(pid)) != owner


def claim(runtime_dir: Path) -> None:
    """Note in a launcher's folder that this process owns it."""
    (runtime_dir / OWNER).write_text(owner_text(os.getpid()))


def secret_folder(runtime_dir: Path) -> Path:
    """A new folder that only this user can enter, in memory where the host has such a place."""
    base = MEMORY if os.access(MEMORY, os.W_OK) and os.path.ismount(MEMORY) else runtime_dir
    folder = base / f"{SECRETS_PREFIX}{owner_text(os.getpid())}-{random.token_hex(12)}"
    folder.mkdir(mode=0o700)
    return folder


def container_name() -> str:
    """A new name for a container, which tells whose it is."""
    return f"{CONTAINER_PREFIX}{owner_text(os.getpid())}-{random.token_hex(12)}"


def remove_groups(live: Collection[str], proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove the control groups of containers whose runtime was killed before it could.

    A runtime makes them beside the dispatcher's own group, in each hierarchy. Only empty ones can be removed.

    Args:
        live: the names of this process's containers that are still in use.
        proc: where procfs is mounted; another folder only in tests.
        cgroups: where control groups are.
    """
    own = owner_text(os.getpid())
    with contextlib.suppress(OSError):
        for line in (proc / "self/cgroup").read_text().splitlines():
            number, kind, path = line.split(":", 2)
            mounted = kind.removeprefix("name=") if number != "0" else "unified"
            for base in {cgroups / mounted, cgroups} if number == "0" else {cgroups / mounted}:
                for group in (base / path.lstrip("/")).glob(f"{CONTAINER_PREFIX}*-*-*"):
                    owner = group.name.removeprefix(CONTAINER_PREFIX).rpartition("-")[0]
                    if group.name not in live if owner == own else is_dead(owner):
                        with contextlib.suppress(OSError):
                            group.rmdir()


def abandoned() -> Iterator[Path]:
    """The folders of launchers whose dispatcher is dead, of this user."""
    for base in dict.fromkeys((tempfile.gettempdir(), "/run", "/var/tmp", "/dev/shm")):  # noqa: S108  (looked at only)
        with contextlib.suppress(OSError):
            for folder in Path(base).glob(f"{RUNTIME_PREFIX}*"):
                if _is_own(folder) and _is_abandoned(folder):
                    yield folder


def _is_abandoned(folder: Path) -> bool:
    try:
        owner = (folder / OWNER).read_text()
    except OSError:
        return False  # another engine's, or one that is just being made
    return is_dead(owner)


def _is_own(folder: Path) -> bool:
    status = folder.lstat()
    return status.st_uid == os.geteuid() and folder.is_dir() and not folder.is_symlink()


def remove_secrets() -> None:
    """Remove the secrets of dispatchers that are dead."""
    with contextlib.suppress(OSError):
        for folder in MEMORY.glob(f"{SECRETS_PREFIX}*"):
            owner = "-".join(folder.name.removeprefix(SECRETS_PREFIX).split("-")[:2])
            if is_dead(owner):
                shutil.rmtree(folder, ignore_errors=True)
