"""Which interpreter a script asks for, and whether the launcher may start it outside of all walls.

The standard library only. First lines and links are written by whoever wrote the extension, and the launcher stands
where they must not reach: so a path is opened by the kernel's own rules, and counts by where it has led. What is in
doubt is no interpreter here; such a script is executed, in its sandbox.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from typing import Any, NamedTuple

from dispatcher_service.engines.launcher import kernel
from dispatcher_service.engines.launcher.kernel import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS

MAX_LINKS = 8
NAME = re.compile(r"python3(\.[0-9]+)?")
ELF = b"\x7fELF"


class Kind(NamedTuple):
    """What a zygote serves."""

    path: str
    """The interpreter, by a path without links."""
    argv: tuple[str, ...]
    """Its name as scripts give it, and options."""
    domain: str
    """Where the scripts lie, inside."""
    venv: str = ""
    """What the interpreter is called in the virtual environments of scripts; empty for what is in none."""

    def is_program(self) -> bool:
        """Whether the interpreter is a program itself, and no script that asks for another one."""
        with open(self.path, "rb") as file:  # noqa: PTH123  (as below)
            return file.read(len(ELF)) == ELF


def kind_of(request: dict[str, Any], tree: int, path: str) -> Kind | None:
    """What zygote may serve a call; None for one that is to be executed, as every program is.

    Args:
        request: see `program.py`; its `script` is what the first line of the executable asks for.
        tree: the folder that the executable lies in.
        path: the folders of programs, where interpreters are looked for by their names, and where each must be.
    """
    program, *options = request["script"]
    mount_at, venv = request["mount_at"], ""
    try:
        mode = mode_in(tree, request["argv"][0].removeprefix(mount_at).lstrip("/"))
        if not stat.S_ISREG(mode) or mode & (stat.S_ISUID | stat.S_ISGID):
            return None
        if program.startswith(f"{mount_at}/"):
            venv = os.path.basename(program)  # noqa: PTH119  (pathlib would double this small process)
            program = base_of(program, mount_at, tree)
    except OSError:
        return None
    if "/" in program:
        found = real_path(program)
    else:  # the first one that is there, whatever it is: another one would be another interpreter
        ways = (f"{folder}/{program}" for folder in path.split(":"))
        found = next((real_path(way) for way in ways if os.path.lexists(way)), "")
    folder, _slash, name = found.rpartition("/")
    if not NAME.fullmatch(name) or folder not in real_folders(path):
        return None
    return Kind(found, (program, *options), mount_at, venv)


@functools.lru_cache(maxsize=1)
def real_folders(path: str) -> frozenset[str]:
    """The folders of programs, by paths without links."""
    return frozenset(os.path.realpath(folder) for folder in path.split(":"))


def real_path(path: str) -> str:
    """Where a path leads to without what `/proc` makes up; empty where that is no program that only the host changes.

    All that this process can name this way is the system's: extensions' files and calls' are not mounted here.
    """
    try:
        place = kernel.open_place(path, RESOLVE_NO_MAGICLINKS)
    except OSError:
        return ""
    try:
        found = os.fstat(place)
        may_run = stat.S_ISREG(found.st_mode) and found.st_mode & 0o111 and not found.st_mode & 0o6022
        of_host = found.st_uid == 0 or os.geteuid() != 0  # for whom root's files are nobody's
        return os.readlink(f"/proc/self/fd/{place}") if may_run and of_host else ""  # noqa: PTH115  (pathlib would double this small process)
    finally:
        os.close(place)


def base_of(program: str, mount_at: str, tree: int) -> str:
    """What the interpreter of a virtual environment among the extension's files is a link to.

    Returns:
        A path outside of these files, which may lead anywhere; empty for what is no such link.

    Raises:
        OSError: a part of it is missing, or is not among these files.
    """
    place = program.removeprefix(mount_at).lstrip("/")
    folder = os.path.dirname(os.path.dirname(place))  # noqa: PTH120  (as above)
    mode_in(tree, os.path.join(folder, "pyvenv.cfg"))  # noqa: PTH118  (as above)
    for _count in range(MAX_LINKS):
        target = link_in(tree, place)
        if not target.startswith("/"):
            place = os.path.join(os.path.dirname(place), target)  # noqa: PTH118, PTH120  (as above)
        elif target.startswith(f"{mount_at}/"):
            place = target.removeprefix(mount_at).lstrip("/")
        else:
            return target
    return ""


def mode_in(tree: int, path: str) -> int:
    """The mode of what is at a path of the tree, or of the link there.

    Raises:
        OSError: there is nothing, or the path leads out.
    """
    place = kernel.open_place(path, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, tree, links=False)
    try:
        return os.fstat(place).st_mode
    finally:
        os.close(place)


def link_in(tree: int, path: str) -> str:
    """What a link of the tree says.

    Raises:
        OSError: there is none, or the path leads out.
    """
    place = kernel.open_place(path, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, tree, links=False)
    try:
        return os.readlink("", dir_fd=place)
    finally:
        os.close(place)
