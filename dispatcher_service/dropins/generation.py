"""Copies of the extensions directory: each whole, never changed once made, so that a call sees one state of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from dispatcher_service.dropins.tree import Stamp, Tree
from dispatcher_service.dropins.writers import BeingWritten, held_still

_FOLDER_MODE = 0o555
_EXECUTABLE_MODE = 0o555
_FILE_MODE = 0o444


@dataclass(slots=True)
class Generation:
    """One copy of the directory and what of it is in use."""

    root: Path
    files: dict[str, Stamp] = field(default_factory=dict)
    """What was copied, by its path below the root; a stamp is the original's."""
    unsettled: frozenset[str] = frozenset()
    """What was being written when it was to be copied; if it is in `files` it is the version before."""
    directories: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    holders: int = 0
    """Running calls that use it."""
    retired: bool = False
    """Whether a newer one has taken its place."""

    def shows(self, tree: Tree) -> bool:
        """Tell whether this is a whole copy of what was seen."""
        return (
            not self.unsettled
            and self.files == tree.files
            and self.links == tree.links
            and self.directories == tuple(tree.directories)
        )

    def same_as(self, other: Generation) -> bool:
        """Tell whether both hold the same, so that the newer is not needed."""
        return (self.files, self.unsettled, self.directories, self.links) == (
            other.files,
            other.unsettled,
            other.directories,
            other.links,
        )


class Cache:
    """A folder of this process alone, in which generations are made; what dead processes have left is removed."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._lock = -1
        self._count = 0
        self._root = parent

    def __enter__(self) -> Self:
        self._parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        parent = os.open(self._parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(parent, fcntl.LOCK_EX)
            for entry in self._parent.iterdir():
                _remove_abandoned(entry)
            self._root = self._parent / secrets.token_hex(8)
            self._root.mkdir(mode=0o700)
            self._lock = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            os.close(parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        remove(self._root)
        os.close(self._lock)

    def make(self, directory: Path, tree: Tree, previous: Generation) -> Generation:
        """Copy what was seen of a directory; files that have not changed are shared with the previous generation.

        A file that is being written, or has changed since it was seen, keeps its previous version if it had one.

        Raises:
            OSError: the disk is full, a file cannot be read, or the like; nothing is left behind.
        """
        self._count += 1
        root = self._root / str(self._count)
        root.mkdir(mode=0o755)
        try:
            return _copy(directory, tree, previous, root)
        except BaseException:
            remove(root)
            raise


def _copy(directory: Path, tree: Tree, previous: Generation, root: Path) -> Generation:
    for folder in tree.directories:
        (root / folder).mkdir(mode=0o755)
    for link, target in tree.links.items():
        (root / link).symlink_to(target)
    files: dict[str, Stamp] = {}
    unsettled = set()
    for path, stamp in tree.files.items():
        kept = previous.files.get(path)
        if kept != stamp:
            try:
                _copy_file(directory / path, root / path, stamp)
            except (BeingWritten, FileNotFoundError, PermissionError):
                unsettled.add(path)
            else:
                files[path] = stamp
                continue
        if kept is not None:
            os.link(previous.root / path, root / path)
            files[path] = kept
    for folder in reversed(tree.directories):
        (root / folder).chmod(_FOLDER_MODE)
    root.chmod(_FOLDER_MODE)
    return Generation(root, files, frozenset(unsettled), tuple(tree.directories), tree.links)


def _copy_file(source: Path, target: Path, stamp: Stamp) -> None:
    """Copy a file as it is while nobody writes to it; its time goes along, which Python's byte code caches check."""
    # Should a pipe have taken the file's place, opening it must not wait for a writer.
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as reader, held_still(descriptor):
        if Stamp.of(os.fstat(descriptor)) != stamp:
            raise BeingWritten
        with target.open("xb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            os.fchmod(writer.fileno(), _EXECUTABLE_MODE if stamp.mode & 0o111 else _FILE_MODE)
        os.utime(target, ns=(stamp.modified, stamp.modified))
        if Stamp.of(os.fstat(descriptor)) != stamp:
            target.unlink()
            raise BeingWritten


def remove(tree: Path) -> None:
    """Delete a folder that may hold read-only folders; what cannot be deleted stays for the next start."""
    for folder, _, _ in os.walk(tree):
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(tree, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        remove(folder)
    finally:
        os.close(descriptor)
