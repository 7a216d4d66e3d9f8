"""What lies in the declarations directory: one look at it, within bounds. Only files that others cannot write count."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from dispatcher_service.dropins.rules import directory_fault, file_fault
from dispatcher_service.dropins.tree import Stamp
from dispatcher_service.dropins.writers import BeingWritten, held_still
from graft_common.xml_documents import MAX_BYTES as MAX_FILE

MAX_FILES = 4096
MAX_BYTES = 128 << 20
"""Of all files together."""
MAX_ENTRIES = 65536
"""Of the directory, whatever they are called."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One file as it was read, or why it was not."""

    stamp: Stamp | None
    """None: it is to be looked at again."""
    data: bytes = field(default=b"", repr=False)
    digest: str = ""
    """SHA-256 of the data in lower-case hex; empty where nothing was read."""
    fault: str = ""


Mark: TypeAlias = tuple[int, int, int, int]
"""Tells whether files may have come, gone or been replaced in a directory; changes within files do not show."""


def mark_of(directory: Path | str) -> Mark | None:
    """Look at the directory itself; None where it cannot be reached."""
    try:
        found = os.stat(directory)  # noqa: PTH116  (on every call; a Path costs more)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mode, found.st_mtime_ns


@dataclass(frozen=True)
class Seen:
    """One look at the directory."""

    files: Mapping[str, SeenFile] = field(default_factory=dict)
    """By name, in order; hidden ones, and those whose name does not end with `.xml`, are left out."""
    fault: str = ""
    """Why nothing in it counts."""
    unsettled: bool = False
    """Whether something is being written, so that it is to be looked at again soon."""
    mark: Mark | None = None
    """Of the directory as it was before the look; None where there was none."""

    @property
    def digests(self) -> dict[str, str]:
        """Tell one state of the directory from others."""
        return {name: file.digest or file.fault for name, file in self.files.items()}


def look(directory: Path, before: Seen) -> Seen:
    """Look at a directory; files that have not changed since the look before are not read again.

    Raises:
        OSError: it cannot be read, for another reason than that it is missing or closed to this user.
    """
    mark = mark_of(directory)
    try:
        top = directory.stat()
    except FileNotFoundError:
        return Seen(mark=mark)
    except PermissionError as error:
        return Seen(fault=f"it cannot be reached ({error.strerror}); let the dispatcher's user do so", mark=mark)
    if fault := directory_fault(top):
        return Seen(fault=fault, mark=mark)
    try:
        names = _names(directory)
    except PermissionError as error:
        return Seen(fault=f"it cannot be read ({error.strerror}); let the dispatcher's user do so", mark=mark)
    files: dict[str, SeenFile] = {}
    total = 0
    unsettled = False
    for number, name in enumerate(names):
        if not name.isprintable():
            files[_shown(name)] = SeenFile(None, fault="its name has characters that cannot be shown; rename it")
            continue
        found, arriving = _look_at(directory / name, top, before.files.get(name))
        unsettled |= arriving
        if found is None:
            continue
        if number >= MAX_FILES:
            found = SeenFile(None, fault=_too_many())
        elif total + len(found.data) > MAX_BYTES:
            found = SeenFile(None, fault=f"with it the files would have more than {MAX_BYTES >> 20} MiB together")
        total += len(found.data)
        files[name] = found
    return Seen(files, unsettled=unsettled, mark=mark)


def _look_at(path: Path, top: os.stat_result, old: SeenFile | None) -> tuple[SeenFile | None, bool]:
    """Return what a file is, if it is there at all, and whether it is being written; then it is what it was."""
    try:
        return _read(path, top, old), False
    except FileNotFoundError:
        return None, False
    except OSError as error:
        fault = f"it cannot be read ({error.strerror}); let the dispatcher's user read it"
        return SeenFile(None, fault=fault), False
    except BeingWritten:
        return old and SeenFile(None, old.data, old.digest, old.fault), True


def _too_many() -> str:
    return f"there are more than {MAX_FILES} files of declarations; at most that many are read"


def _shown(name: str) -> str:
    """Write a name as text, whatever bytes it has."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def _names(directory: Path) -> list[str]:
    names: list[str] = []
    with os.scandir(directory) as entries:
        for number, entry in enumerate(entries):
            if number >= MAX_ENTRIES:
                break
            if entry.name.endswith(".xml") and not entry.name.startswith("."):
                names.append(entry.name)
    return sorted(names)


def _read(path: Path, top: os.stat_result, old: SeenFile | None) -> SeenFile:
    """Read a file while nobody writes to it, having made sure of the very file that was opened."""
    if old is not None and old.stamp is not None and Stamp.of(path.stat()) == old.stamp:
        return old
    # Should it be a pipe, opening it must not wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return SeenFile(Stamp.of(found), fault="it is no regular file; put the declarations themselves here")
        if fault := file_fault(f"/proc/self/fd/{descriptor}", found, top):
            return SeenFile(Stamp.of(found), fault=fault)
        if found.st_size > MAX_FILE:
            return SeenFile(Stamp.of(found), fault=f"the file has more than {MAX_FILE} bytes; at most that is read")
        with held_still(descriptor):
            data = _content(descriptor)
            if Stamp.of(os.fstat(descriptor)) != Stamp.of(found):
                raise BeingWritten
        return SeenFile(Stamp.of(found), data, hashlib.sha256(data).hexdigest())
    finally:
        os.close(descriptor)


def _content(descriptor: int) -> bytes:
    """Read a file of the size that is allowed, or a little more, which its reader refuses."""
    data = bytearray()
    while len(data) <= MAX_FILE and (piece := os.read(descriptor, 1 << 20)):
        data += piece
    return bytes(data)
