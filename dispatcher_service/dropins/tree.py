"""What lies in the extensions directory: one look at all of it, within bounds."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dispatcher_service.dropins.rules import (
    Verdict,
    directory_fault,
    examine_entry,
    file_fault,
)

MAX_ENTRIES = 4096
MAX_BYTES = 256 << 20
MAX_DEPTH = 16


class TreeTooLarge(Exception):  # noqa: N818  (what the directory is, not a mistake in the code)
    """The extensions directory holds more than the dispatcher copies; the message says what and how to mend it."""


class Stamp(NamedTuple):
    """Tells whether a file is still the one that was read: it is when all of this is the same."""

    device: int
    inode: int
    mode: int
    size: int
    modified: int
    """Nanoseconds; so is `changed`."""
    changed: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """Make the stamp of what `stat` has found."""
        return cls(found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(slots=True)
class Tree:
    """One look at the extensions directory. Paths are below it."""

    directories: list[str] = field(default_factory=list)
    """Parents before their children."""
    files: dict[str, Stamp] = field(default_factory=dict)
    """What methods may use: trusted regular files, symbolic links followed."""
    links: dict[str, str] = field(default_factory=dict)
    """Symbolic links to anything but files, by what they name; they are resolved inside the walls only."""
    methods: set[str] = field(default_factory=set)
    seen: dict[str, Stamp] = field(default_factory=dict)
    """Every file in the directory itself, ignored ones included."""
    verdicts: list[Verdict] = field(default_factory=list)
    total: int = 0
    """Bytes of all files."""


def look(directory: Path) -> Tree:
    """Look at the extensions directory; one that is missing or that everybody may write to is empty.

    Raises:
        TreeTooLarge: it holds more entries or levels than are copied. Files that are too large are left out.
        OSError: it cannot be read for a reason that is none of the above.
    """
    try:
        top = directory.stat()
    except FileNotFoundError:
        return _nothing(f"there is no {directory}; create it to add methods")
    except PermissionError as error:
        return _nothing(f"{directory} cannot be reached ({error.strerror}); let the dispatcher's user do so")
    if fault := directory_fault(top):
        return _nothing(fault)
    tree = Tree()
    _Walk(directory, top, tree).enter("", MAX_DEPTH)
    return tree


def _nothing(reason: str) -> Tree:
    return Tree(verdicts=[Verdict(".", ok=False, reason=reason)])


@dataclass(frozen=True, slots=True)
class _Walk:
    directory: Path
    top: os.stat_result
    tree: Tree

    def enter(self, below: str, depth: int) -> None:
        """Look at each entry of one folder, `below` being its path with a slash at the end."""
        if depth == 0:
            raise TreeTooLarge(f"{self.directory / below} lies more than {MAX_DEPTH} levels deep; move it elsewhere")
        try:
            with os.scandir(self.directory / below) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    self._look_at(below + entry.name, entry, depth)
        except FileNotFoundError:
            return
        except PermissionError as error:
            reason = f"it cannot be read ({error.strerror}); let the dispatcher's user do so"
            self._ignore(below.removesuffix("/") or ".", reason)

    def _look_at(self, path: str, entry: os.DirEntry[str], depth: int) -> None:
        tree = self.tree
        if len(tree.files) + len(tree.directories) + len(tree.links) >= MAX_ENTRIES:
            raise TreeTooLarge(
                f"{self.directory} holds more than {MAX_ENTRIES} entries; move elsewhere what is no extension"
            )
        if "/" not in path and (verdict := examine_entry(entry, self.top)) is not None:
            tree.verdicts.append(verdict)
            if verdict.ok:
                tree.methods.add(path)
        try:
            found = entry.stat()
        except OSError:
            return
        if stat.S_ISDIR(found.st_mode):
            self._look_at_folder(path, entry, found, depth)
        else:
            self._look_at_file(path, entry.path, found)

    def _look_at_folder(self, path: str, entry: os.DirEntry[str], found: os.stat_result, depth: int) -> None:
        if entry.is_symlink():
            with contextlib.suppress(OSError):
                self.tree.links[path] = str((self.directory / path).readlink())
        elif fault := directory_fault(found):
            self._ignore(path, fault)
        else:
            self.tree.directories.append(path)
            self.enter(path + "/", depth - 1)

    def _look_at_file(self, path: str, where: str, found: os.stat_result) -> None:
        tree = self.tree
        if "/" not in path:
            tree.seen[path] = Stamp.of(found)
        if fault := file_fault(where, found, self.top):
            self._ignore(path, fault)
            return
        if tree.total + found.st_size > MAX_BYTES:
            self._ignore(path, f"with it the directory would hold more than {MAX_BYTES >> 20} MiB; move it elsewhere")
            return
        tree.files[path] = Stamp.of(found)
        tree.total += found.st_size

    def _ignore(self, path: str, reason: str) -> None:
        """Leave an entry out; a reason that it has already stays."""
        tree = self.tree
        tree.methods.discard(path)
        known = next((number for number, verdict in enumerate(tree.verdicts) if verdict.path == path), None)
        if known is None:
            tree.verdicts.append(Verdict(path, ok=False, reason=reason))
        elif tree.verdicts[known].ok:
            tree.verdicts[known] = Verdict(path, ok=False, reason=reason)
