"""What a file must be like to be run, and what to say of one that is not: asked before the kernel is."""

from __future__ import annotations

import errno
import functools
import os
import platform
import re
import stat
from collections.abc import Iterable
from typing import Literal

from dispatcher_service.engines.launcher.zygote.script import BY_PATH, FIRST_LINE

ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
"""e_machine of the programs that the kernel and the seccomp filter accept."""
ELF_HEADER = 64
UNNAMED_FAILURE = "it could not be executed"
"""What is said where a shell gave no reason why."""
OF_THE_INTERPRETER = (
    *(os.strerror(number) for number in (errno.ENOENT, errno.ENOEXEC, errno.EACCES)),
    UNNAMED_FAILURE,
)
"""What is said when an executable could not be executed, and the interpreter may be why."""
PYTHON = re.compile(r"python3?(\.[0-9]+)?")
PYTHON_OPTIONS = re.compile(r"|-[BEIOPSbqsu]+")
"""Of the interpreter, those that are the same for all of a script's calls and need no further word."""
AT_START = re.compile(r"(_?PYTHON|LD_|LC_|GLIBC_|MALLOC_|OPENSSL_)|(LANG|LANGUAGE|LOCPATH|TZ|HOME|PATH)$")
"""Variables that an interpreter or its libraries look at when they start."""
HEAD = 256
"""Bytes that the kernel looks at (linux/binfmts.h, BINPRM_BUF_SIZE)."""


class CannotRun(Exception):  # noqa: N818  (an answer, not a mistake in the code)
    """A command cannot be run at all; the text says why."""


def read_head(tree_fd: int, executable: str) -> bytes:
    """The first bytes of the file to run, after making sure that it can be a program at all.

    Raises:
        CannotRun: it is missing, no regular file, not executable, or in no format that the kernel runs.
    """
    if executable in ("", ".") or executable.startswith("/") or ".." in executable.split("/") or "\0" in executable:
        raise CannotRun(f"{executable!r} is not a path below the extension's folder")
    try:
        fd = os.open(executable, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=tree_fd)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return b""  # a link is followed inside the walls, or not at all
        raise CannotRun(f"cannot run {executable}: {error.strerror}") from None
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise CannotRun(f"cannot run {executable}: it is not a regular file")
        if not mode & 0o111:
            raise CannotRun(f"cannot run {executable}: Permission denied (no execute bit)")
        head = os.pread(fd, HEAD, 0)
    finally:
        os.close(fd)
    problem = format_problem(head, platform.machine())
    if problem:
        raise CannotRun(f"cannot run {executable}: Exec format error ({problem})")
    return head


@functools.lru_cache(maxsize=256)
def format_problem(head: bytes, machine: str) -> str:
    """Why a file that begins like this is no program for this machine; empty when it may be one.

    Asked before the kernel is, because bubblewrap hands what the kernel refuses to /bin/sh.
    """
    if head.startswith(b"#!"):
        line, ended, _rest = head[2:HEAD].partition(b"\n")
        words = line.split()
        if not words:
            return "a #! line that names no interpreter"
        if not ended and len(head) >= HEAD and len(words) == 1 and not line[-1:].isspace():
            return f"the interpreter's path does not end within the first {HEAD} bytes"
        return ""
    if not head.startswith(b"\x7fELF"):
        return "neither a #! line nor an ELF program"
    order: Literal["big", "little"] = "big" if head[5:6] == b"\x02" else "little"
    wanted = ELF_MACHINES.get(machine)
    if len(head) < ELF_HEADER or (wanted and int.from_bytes(head[18:20], order) != wanted):
        return f"an ELF program, but not for {machine}"
    return ""


def python_script(head: bytes, variables: Iterable[tuple[str, str]]) -> list[str] | None:
    """What a Python script asks for, where any interpreter that is warm already would run it in the same way.

    Args:
        head: the first bytes of the file.
        variables: what is in its environment beside PATH.

    Returns:
        The interpreter, as a path or as a name to be found by PATH, and its options; None for what is to be executed.
    """
    first = FIRST_LINE.match(head)
    if first is None:
        return None
    program, option = map(os.fsdecode, first.groups())
    if program in BY_PATH:
        program, option = option, ""
        if "/" in program:
            return None
    elif not program.startswith("/"):
        return None
    if not PYTHON.fullmatch(program.rpartition("/")[2]) or not PYTHON_OPTIONS.fullmatch(option):
        return None
    if any(AT_START.match(name) for name, _value in variables):
        return None
    return [program, option] if option else [program]


def check_variables(variables: Iterable[tuple[str, str]]) -> None:
    """Make sure that variables are what they are called, in whatever way an engine hands them on.

    Raises:
        CannotRun: one is not; the text tells no value.
    """
    for name, value in variables:
        if not name or "=" in name or "\0" in name:
            raise CannotRun(f"a variable cannot be called {name!r}")
        if "\0" in value:
            raise CannotRun(f"the value of the variable {name} contains a NUL")


def interpreter_hint(head: bytes, problem: str) -> str:
    """What a script's first line asks for, for the message that it could not be run.

    Args:
        head: the first bytes of the file.
        problem: what went wrong; there is a hint only where that can be the interpreter's fault.
    """
    if not head.startswith(b"#!") or problem not in OF_THE_INTERPRETER:
        return ""
    line = head[2:].split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        return " (its first line ends with a carriage return; write the file with line feeds alone)"
    words = line.split()
    return f" (its first line asks for {words[0].decode(errors='replace')})" if words else ""
