"""Where control groups are mounted, and in which of their folders this process may make groups of its own.

The standard library only: the launcher imports it.
"""

from __future__ import annotations

import os
from typing import NamedTuple

LEAF = "graft-services"
"""Where the processes of a delegated group go: below a group that has processes no controller can be enabled."""
CONTROLLERS = frozenset({"memory", "pids"})
"""What calls are bounded with."""
NOT_MOUNTED = "not mounted"
MOVE_ROUNDS = 16
"""How often a group is looked at for processes that have come meanwhile."""


class Mount(NamedTuple):
    """One mounted hierarchy."""

    unified: bool
    controllers: frozenset[str]
    """Of version 1; the unified hierarchy tells in each folder what is there."""
    root: str
    """The group that is seen at `point`."""
    point: str


class Home(NamedTuple):
    """A folder in which groups can be made."""

    path: str
    unified: bool
    controllers: frozenset[str]
    """What groups in it are bounded and counted by: memory, pids; in version 1 also cpuacct."""


def parse_mounts(mountinfo: str) -> list[Mount]:
    """Find the hierarchies in what /proc/self/mountinfo says."""
    found = []
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        fields, kinds = head.split(), tail.split()
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in ("cgroup", "cgroup2"):
            continue
        options = frozenset(kinds[2].split(","))
        found.append(Mount(kinds[0] == "cgroup2", options, _plain(fields[3]), _plain(fields[4])))
    return found


def parse_own(own: str) -> dict[str, str]:
    """Tell from /proc/self/cgroup in which group this process is, by controller; the unified hierarchy is ``."""
    found = {}
    for line in own.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found[""] = path
        for controller in controllers.split(","):
            if controller:
                found[controller] = path
    return found


def place(mount: Mount, path: str) -> str | None:
    """The folder of a group; None where the mount does not show it."""
    if ".." in path.split("/"):
        return None
    if mount.root == "/":
        return f"{mount.point.rstrip('/')}{path}".rstrip("/")
    if path == mount.root or path.startswith(mount.root + "/"):
        return mount.point + path[len(mount.root) :]
    return None


def find_homes(proc: str = "/proc") -> tuple[list[Home], dict[str, str]]:
    """Find where groups can be made: version 2 first, and version 1 for what that does not bound.

    Returns:
        The folders, and why there is none for a controller (`memory`, `pids`, `cpuacct`) or for version 2 (`unified`).
    """
    mounts = parse_mounts(_text(f"{proc}/self/mountinfo"))
    own = parse_own(_text(f"{proc}/self/cgroup"))
    homes: list[Home] = []
    lacking: dict[str, str] = {}
    folder, why = _usable([mount for mount in mounts if mount.unified], own.get(""))
    if folder is None:
        lacking["unified"] = why
    else:
        home, reason = delegated_home(folder, own[""])
        homes.append(home)
        if reason:
            lacking["unified"] = reason
    have = homes[0].controllers if homes else frozenset[str]()
    first: dict[str, set[str]] = {}
    for controller in sorted(CONTROLLERS | {"cpuacct"}):
        if controller in have:
            continue
        fitting = [mount for mount in mounts if not mount.unified and controller in mount.controllers]
        folder, why = _usable(fitting, own.get(controller))
        if folder is None:
            lacking[controller] = why
        else:
            first.setdefault(folder, set()).add(controller)
    homes += [Home(path, unified=False, controllers=frozenset(found)) for path, found in first.items()]
    return homes, lacking


def _usable(mounts: list[Mount], path: str | None) -> tuple[str | None, str]:
    """The folder of a group in the first mount where it can be written, or why there is none."""
    why = NOT_MOUNTED
    for mount in mounts:
        folder = None if path is None else place(mount, path)
        if folder is None:
            why = f"{mount.point} does not show this process's own group"
        elif not os.access(folder, os.W_OK | os.X_OK):
            why = f"{folder} {'is mounted read-only' if _is_read_only(folder) else 'cannot be written'}"
        else:
            return folder, ""
    return None, why


def _is_read_only(folder: str) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def delegated_home(own: str, path: str, wanted: frozenset[str] = CONTROLLERS) -> tuple[Home, str]:
    """Choose the folder for groups of version 2, and enable the controllers there if this is ours to do.

    It is when a group is delegated: by systemd's mark on it, as the root of a container's cgroup namespace, or because
    an ordinary user may write here but not above. Then the processes in it move into a leaf.

    Args:
        own: the folder of this process's group.
        path: the group as /proc/self/cgroup tells it.
        wanted: the controllers.

    Returns:
        The folder with the controllers that groups in it have, and why there are not all; groups without controllers
        can still be killed and counted.
    """
    in_leaf = os.path.basename(own) == LEAF  # noqa: PTH119  (pathlib would double this small process)
    folder = os.path.dirname(own) if in_leaf else own  # noqa: PTH120  (as above)
    missing = (wanted & _words(folder, "cgroup.controllers")) - _words(folder, "cgroup.subtree_control")
    why = ""
    if missing:
        is_root = not os.path.exists(f"{folder}/cgroup.events")  # noqa: PTH110  (as above)
        try:
            if not is_root and _words(folder, "cgroup.procs"):
                if not (in_leaf or is_delegated(folder, path)):
                    return _home(folder, wanted), f"{folder} is not delegated to Graft"
                _move_processes(folder)
            for controller in sorted(missing):
                _write(f"{folder}/cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            why = f"{folder}: its controllers cannot be enabled ({error.strerror})"
    absent = wanted - _words(folder, "cgroup.controllers")
    if absent and not why:
        why = f"{folder} has no controller {' or '.join(sorted(absent))}"
    return _home(folder, wanted), why


def is_delegated(folder: str, path: str) -> bool:
    """Whether a group of version 2 is left to the processes in it."""
    if path == "/":
        return True
    for mark in ("trusted.delegate", "user.delegate"):
        try:
            if os.getxattr(folder, mark) == b"1":
                return True
        except OSError:
            continue
    above = os.path.dirname(folder)  # noqa: PTH120  (as above)
    files = (folder, f"{folder}/cgroup.procs", f"{folder}/cgroup.subtree_control")
    return (
        os.geteuid() != 0
        and all(os.access(file, os.W_OK) for file in files)
        and not os.access(f"{above}/cgroup.procs", os.W_OK)
    )


def _move_processes(folder: str) -> None:
    leaf = f"{folder}/{LEAF}"
    if not os.path.isdir(leaf):  # noqa: PTH112  (as above)
        os.mkdir(leaf, 0o755)  # noqa: PTH102  (as above)
    for _round in range(MOVE_ROUNDS):
        here = _words(folder, "cgroup.procs") - {"0"}
        if not here:
            return
        for pid in here:
            try:
                _write(f"{leaf}/cgroup.procs", pid)
            except ProcessLookupError:
                continue  # it has ended meanwhile


def _home(folder: str, wanted: frozenset[str]) -> Home:
    return Home(folder, unified=True, controllers=wanted & _words(folder, "cgroup.subtree_control"))


def _words(folder: str, file: str) -> frozenset[str]:
    return frozenset(_text(f"{folder}/{file}").split())


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123  (as above)
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _plain(field: str) -> str:
    """A path of mountinfo, whose white space and backslashes are written in octal."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
