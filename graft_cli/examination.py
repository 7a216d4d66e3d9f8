"""What `graft doctor` looks at beside engines."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from dispatcher_service.builtins.names import builtin_names
from dispatcher_service.declarations.declarations import Declarations
from dispatcher_service.declarations.files import Seen, SeenFile
from dispatcher_service.declarations.files import look as look_at_declarations
from dispatcher_service.dropins.tree import TreeTooLarge, look
from graft_cli.found import Found
from graft_common.declarations.platform import platform_document
from graft_common.declarations.reader import DeclarationError, Form
from graft_common.declarations.reader import Finding as DeclarationFinding
from graft_common.declarations.settling import settle

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
_SHOWN = 5
"""Findings of one file of declarations."""


def examine_declarations(directory: Path) -> tuple[list[Found], frozenset[str]]:
    """Tell of each file of declarations whether it counts, and name the executables that those which count name.

    Of files that were good before the dispatcher may still go by the earlier version.
    """
    try:
        seen = look_at_declarations(directory, Seen())
    except OSError as error:
        seen = Seen(fault=f"it cannot be read ({error.strerror}); let the dispatcher's user do so")
    if seen.fault:
        why, _, fix = seen.fault.partition("; ")
        return [Found("declarations", str(directory), False, False, why, fix)], frozenset()
    forms = {name: _form(name, file) for name, file in seen.files.items()}
    platform = Declarations(platform_document(), lambda: (frozenset(), frozenset()))
    settled = settle(forms, {}, platform.refused)
    found: list[Found] = []
    for name in forms:
        found += _findings(name, [noted.finding for noted in settled.notes if noted.finding.file == name])
        if name in settled.files:
            count = len(settled.files[name].document.methods)
            found.append(Found("declarations", name, True, False, f"it counts, with {count} methods"))
    executables = (method.file_name for file in settled.files.values() for method in file.document.methods)
    return found, frozenset(executables)


def _form(name: str, file: SeenFile) -> Form | DeclarationError:
    if file.fault:
        return DeclarationError((DeclarationFinding(name, 0, "", file.fault),))
    try:
        return Form(name, file.data)
    except DeclarationError as error:
        return error


def _findings(name: str, findings: Sequence[DeclarationFinding]) -> Iterator[Found]:
    for finding in findings[:_SHOWN]:
        where = f"{name}:{finding.line}" if finding.line else name
        why, _, fix = finding.reason.partition("; ")
        yield Found("declarations", where, False, False, why, fix)
    if len(findings) > _SHOWN:
        more = f"{len(findings) - _SHOWN} further findings"
        yield Found("declarations", name, False, False, more, "graft validate tells them all")


def examine_drop_ins(directory: Path, declared: Collection[str] = ()) -> list[Found]:
    """Tell of each file in the extensions directory whether it is a method, or why not.

    Args:
        directory: the directory.
        declared: files that declarations name, which need not be called like methods.
    """
    try:
        tree = look(directory)
    except TreeTooLarge as error:
        # The dispatcher goes on with what it has read before; no later change is seen until this is mended.
        why, _, fix = str(error).partition("; ")
        return [Found("extensions", str(directory), False, True, f"{why}: no change in it is seen", fix)]
    except OSError as error:
        why = f"it cannot be read ({error.strerror})"
        return [Found("extensions", str(directory), False, False, why, "let the dispatcher's user do so")]
    found = []
    own = builtin_names()
    for verdict in tree.verdicts:
        name = str(directory) if verdict.path == "." else verdict.path
        why, _, fix = verdict.reason.partition("; ")
        ok = verdict.ok
        if name in declared and name in tree.files and tree.files[name].mode & _EXECUTABLE:
            ok, why, fix = True, "declared methods go to it", ""
        if ok and name in own:
            ok, why, fix = False, "Graft has a method of that name itself, which is called in its place", "rename it"
        found.append(Found("extensions", name, ok, False, why or "can be called", fix))
    return found or [Found("extensions", str(directory), True, False, "there are no files in it yet")]


def examine_data_dir(directory: Path) -> list[Found]:
    """Tell whether the data directory can be used, and by nobody else."""
    if not directory.exists():
        parent = next(folder for folder in directory.absolute().parents if folder.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return [Found("data", str(directory), True, True, "it is not there yet, and can be made")]
        fix = f"mkdir -p {directory}, as a user who may, and chown it to the one who runs Graft"
        return [Found("data", str(directory), False, True, f"it is not there, and {parent} is not writable", fix)]
    found = []
    if not directory.is_dir():
        return [Found("data", str(directory), False, True, "it is no directory", "choose another with GRAFT_DATA_DIR")]
    writable = os.access(directory, os.R_OK | os.W_OK | os.X_OK)
    fix = "" if writable else f"chown -R {os.geteuid()} {directory}"
    detail = "it can be read and written" if writable else f"user {os.geteuid()} may not read and write it"
    found.append(Found("data", str(directory), writable, True, detail, fix))
    for path in (directory, directory / "keys"):
        if path.exists() and path.stat().st_mode & _OTHERS:
            mode = f"its mode is {stat.S_IMODE(path.stat().st_mode):04o}: others may look into it"
            found.append(Found("data", str(path), False, True, mode, f"chmod 0700 {path}"))
    return found
