"""Which files of the extensions directory become methods, and why others do not."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

MAX_NAME = 128

_METHOD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
_LEFTOVERS = (".rpmsave", ".rpmnew", ".rpmorig", ".bak", ".orig", ".swp", ".tmp")
_BESIDE = (".py", ".sh", ".md", ".txt", ".json", ".xml")
"""What modules, notes and declarations that lie beside methods end with."""
_ASYNC_CLASSES = ("Async", "InternalAsync")
_OWN_CLASSES = ("session", "system")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one entry of the extensions directory; `graft doctor` and the log show it."""

    path: str
    """The entry's path below the directory; `.` for the directory itself."""
    ok: bool
    reason: str = ""
    """Why it is ignored and how to mend that, in one sentence; empty when it is not."""


def name_fault(name: str) -> str:
    """Tell why a file name is no method name; empty when it is one.

    A method name is one plain path component `Class.method` of ASCII identifiers. Names that package managers and
    editors leave behind are none (xapi runs those, which is a flaw), nor is what `Async.` would make of another method.
    Sessions are the registry's, and `system.*` is called without one, which no executable can be.
    """
    if len(name) > MAX_NAME:
        return f"its name is longer than {MAX_NAME} characters; shorten it"
    if not _METHOD_NAME.fullmatch(name):
        return "its name is no method name; rename it to Class.method, made of ASCII letters, digits and _"
    own_class = name.split(".", 1)[0]
    if own_class in _OWN_CLASSES:
        return f"{own_class}.* are methods of the platform itself; rename it to another class"
    if own_class in _ASYNC_CLASSES:
        return "its class is reserved for asynchronous calls; rename it, every method can be called with Async."
    for leftover in _LEFTOVERS:
        if name.lower().endswith(leftover):
            return f"{leftover} marks what a package manager or an editor has left behind; remove or rename it"
    return ""


def directory_fault(found: os.stat_result) -> str:
    """Tell why nothing in a directory counts; empty when it may."""
    if not stat.S_ISDIR(found.st_mode):
        return "it is no directory; make it one"
    if found.st_mode & stat.S_IWOTH:
        return "everybody may write to it, so nothing in it counts; run chmod o-w on it"
    return ""


def file_fault(path: str, found: os.stat_result, directory: os.stat_result) -> str:
    """Tell why a file must not be run or read as a part of an extension; empty when it may.

    Args:
        path: where it is.
        found: what `stat` says of it, its symbolic link followed.
        directory: the extensions directory.
    """
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file; put the executable itself here"
    if found.st_mode & stat.S_IWOTH:
        return "everybody may write to it; run chmod o-w on it"
    trusted = {0, os.geteuid(), directory.st_uid}
    if found.st_uid not in trusted:
        return (
            f"its owner is uid {found.st_uid}; chown it to root, to the dispatcher's user or to the directory's owner"
        )
    if not os.access(path, os.R_OK, effective_ids=True):
        return "the dispatcher's user may not read it; run chmod +r on it"
    return ""


def is_executable(found: os.stat_result) -> bool:
    """Tell whether anybody at all may execute a file."""
    return bool(found.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))


def _method_fault(entry: os.DirEntry[str], found: os.stat_result, directory: os.stat_result) -> str:
    if stat.S_ISDIR(found.st_mode):
        return "it is a directory; methods are files that lie in the extensions directory itself"
    fault = name_fault(entry.name) or file_fault(entry.path, found, directory)
    if fault:
        return fault
    return "" if is_executable(found) else "it is not executable; run chmod +x on it"


def examine_entry(entry: os.DirEntry[str], directory: os.stat_result) -> Verdict | None:
    """Judge one entry of the directory; None for a library or data that nobody would take for a method."""
    try:
        found = entry.stat()
    except OSError as error:
        return Verdict(entry.name, ok=False, reason=f"it cannot be looked at ({error.strerror}); mend or remove it")
    is_directory = stat.S_ISDIR(found.st_mode)
    if name_fault(entry.name) and (is_directory or ("." not in entry.name and not is_executable(found))):
        return None
    if stat.S_ISREG(found.st_mode) and entry.name.endswith(_BESIDE) and not is_executable(found):
        return None
    fault = _method_fault(entry, found, directory)
    return Verdict(entry.name, ok=not fault, reason=fault)
