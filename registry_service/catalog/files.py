"""What lies in one version's directory, and reading it, within bounds.

A directory is walked once. Its fingerprint, made of names, sizes, times and inodes, tells whether anything has changed
since; only then are files read, each at most once. To compare it, no folder has to be listed: what is added to one or
taken from it changes the folder's own times.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

IGNORED = frozenset({".svn", ".git"})
MAX_FILES = 20_000
MAX_LEVELS = 32
MAX_READ = 4 * 1024 * 1024
_LINKED_LEVELS = 3
"""How deep links to directories are followed: `services`, a service, and the folders in it, as packs link them."""
_CHUNK = 1024 * 1024
_RACY_NS = 50_000_000
"""A file that changed less than this before it was read may change again within one tick of its file system."""
_Stamp = tuple[int, int, int, int, int]
"""Size, times of change in ns, inode, mode; of what a link leads to, or of the link where it leads to no file."""


def _go_on() -> None:
    """Let a reading go on."""


class FileError(OSError):
    """A file that is not read; the message says why, without its path."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its size in bytes, and whether it may be executed; a link that leads nowhere has its target instead."""

    size: int
    executable: bool
    target: str | None = None


@dataclass(slots=True)
class Directory:
    """A directory with all that lies below it; paths in it are relative and use `/`.

    Contents are kept as they are read, so an instance should live no longer than the reading of its directory.
    """

    path: str
    """Absolute."""
    name: str
    """Relative to the resources directory."""
    files: dict[str, Entry] = field(default_factory=dict)
    folders: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    """The names of the files and folders in each folder; the directory itself is the empty path."""
    fingerprint: bytes = b""
    """Empty where it must not be relied on."""
    stamped: str = ""
    """The paths of the files and folders that the fingerprint is made of, with NULs between: one string is a tenth of
    the size of a list."""
    problems: list[str] = field(default_factory=list)
    """Why not everything is here."""
    oddities: list[str] = field(default_factory=list)
    """What is here and cannot be used."""
    go_on: Callable[[], None] = _go_on
    """Is called before each file is read; what it raises ends the reading."""
    _contents: dict[str, bytes] = field(default_factory=dict)
    _digests: dict[str, bytes] = field(default_factory=dict)

    def below(self, folder: str) -> Iterator[str]:
        """Yield the files below a folder; the order depends on their names alone."""
        files, folders = self.folders.get(folder, ((), ()))
        for name in sorted(files):
            yield f"{folder}/{name}"
        for name in sorted(folders):
            yield from self.below(f"{folder}/{name}")

    def folders_in(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder, in order."""
        return sorted(self.folders[folder][1]) if folder in self.folders else []

    def files_in(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, in order."""
        return sorted(self.folders[folder][0]) if folder in self.folders else []

    def read(self, path: str) -> bytes:
        """Return what is in a file.

        Raises:
            FileError: it is gone, is no regular file, is too large, or may not be read.
        """
        content = self._contents.get(path)
        if content is None:
            content = self._contents[path] = _read(f"{self.path}/{path}")
        return content

    def digest(self, path: str) -> bytes:
        """Return the SHA-256 of a file, whatever its size; of one that cannot be read, that of the reason.

        Small files are kept for `read`.
        """
        digest = self._digests.get(path)
        if digest is None:
            self.go_on()
            digest = self._digests[path] = self._hash(path, self.files[path])
        return digest

    def digest_all(self, paths: Iterator[str] | list[str]) -> bytes:
        """Return one SHA-256 of the names, contents and executable bits of files."""
        combined = hashlib.sha256()
        for path in paths:
            mark = b"x" if self.files[path].executable else b"-"
            combined.update(mark + os.fsencode(path) + b"\0" + self.digest(path))
        return combined.digest()

    def _hash(self, path: str, entry: Entry) -> bytes:
        if entry.target is not None:
            return hashlib.sha256(b"link\0" + os.fsencode(entry.target)).digest()
        try:
            if entry.size <= MAX_READ:
                return hashlib.sha256(self.read(path)).digest()
            descriptor = _open(f"{self.path}/{path}")
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                digest = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    self.go_on()
                    digest.update(chunk)
                return digest.digest()
        except OSError as error:
            return hashlib.sha256(b"unreadable\0" + str(error.strerror or error).encode()).digest()


def walk(path: str, name: str, now_ns: int, go_on: Callable[[], None] = _go_on) -> Directory | None:
    """Find out what lies below a directory, or return None where there is none.

    Links to files are followed, links to directories only near the top; `.svn` and `.git` are passed over, as are
    names that are no text. `now_ns` is the time of the reading (`time.time_ns`); `go_on` is called again and again, and
    ends the reading by what it raises.
    """
    found = Directory(path, name, go_on=go_on)
    stamps: dict[str, _Stamp] = {}
    waiting = [""]
    while waiting:
        go_on()
        folder = waiting.pop()
        children = _children(found, folder, stamps)
        if children is None:
            return None
        waiting += _sort_children(found, folder, children, stamps)
        if len(found.files) + len(found.folders) > MAX_FILES:
            found.problems.append(f"there are more than {MAX_FILES} files and folders; at most that many are read")
            break
    newest = max((max(stamp[1:3]) for stamp in stamps.values()), default=0)
    if newest < now_ns - _RACY_NS and not found.problems:
        paths = sorted(stamps)
        found.stamped = "\0".join(paths)
        found.fingerprint = _fingerprint(found.stamped, [stamps[path] for path in paths])
    return found


def looks_unchanged(path: str, stamped: str, fingerprint: bytes) -> bool:
    """Tell whether a directory would still have this fingerprint, made of these paths; costs a third of a walk.

    Where links lead nowhere, it never does.
    """
    if not fingerprint:
        return False
    try:
        stamps = [_stamp(os.stat(f"{path}/{relative}")) for relative in stamped.split("\0")]  # noqa: PTH116  (speed)
    except OSError:
        return False
    return _fingerprint(stamped, stamps) == fingerprint


def _fingerprint(stamped: str, stamps: list[_Stamp]) -> bytes:
    return hashlib.blake2b(f"{stamped}\0{stamps}".encode(), digest_size=16).digest()


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode


def _children(found: Directory, folder: str, stamps: dict[str, _Stamp]) -> list[os.DirEntry[str]] | None:
    """List a folder, and note its stamp; one that has just gone is empty, but None stands for the directory itself."""
    path = f"{found.path}/{folder}"
    try:
        # First the stamp: what comes into the folder afterwards is newer than it.
        stamps[folder] = _stamp(os.stat(path))  # noqa: PTH116  (speed)
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return [] if folder else None
    except OSError as error:
        found.problems.append(f"{folder or 'the directory'} cannot be read: {error.strerror}")
        return []


def _sort_children(
    found: Directory, folder: str, children: list[os.DirEntry[str]], stamps: dict[str, _Stamp]
) -> list[str]:
    """Note what is in a folder; return the folders in it that are to be walked."""
    level = folder.count("/") + 1 if folder else 0
    files, folders = found.folders[folder] = ([], [])
    for child in children:
        name = child.name
        if name in IGNORED or not is_text(name):
            continue
        path = f"{folder}/{name}" if folder else name
        is_link = child.is_symlink()
        if is_folder(child, follow=level < _LINKED_LEVELS):
            folders.append(name)
        elif (stamp := _add_file(found, child, path, is_link=is_link)) is not None:
            files.append(name)
            stamps[path] = stamp
    if level >= MAX_LEVELS:
        return []
    return [f"{folder}/{name}" if folder else name for name in folders]


def is_folder(entry: os.DirEntry[str], *, follow: bool = True) -> bool:
    """Tell whether something is a folder, or, where links are followed, a link to one; a link in a circle is none."""
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:
        return False


def is_text(name: str) -> bool:
    """Tell whether a name is text, as all but accidents are."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _add_file(found: Directory, child: os.DirEntry[str], relative: str, *, is_link: bool) -> _Stamp | None:
    """Note a file; return its stamp, or None for what is no file."""
    target = None
    try:
        status = child.stat()
    except OSError:
        status = None
    if status is None or not stat.S_ISREG(status.st_mode):
        if not is_link:
            found.oddities.append(relative)
            return None
        try:
            target = str(Path(child.path).readlink())
            status = child.stat(follow_symlinks=False)
        except OSError:
            return None
    found.files[relative] = Entry(status.st_size, bool(status.st_mode & stat.S_IXUSR), target)
    return _stamp(status)


def _open(path: str) -> int:
    """Open a regular file, without waiting where it has become something else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileError("it is no regular file")
    return descriptor


def _read(path: str) -> bytes:
    try:
        descriptor = _open(path)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            # Room for the bound itself would be made, and given back, for every file.
            size = min(os.fstat(descriptor).st_size, MAX_READ)
            content = file.read(size + 1)
            if content is not None and len(content) > size:
                content += file.read(MAX_READ - size) or b""
    except FileError:
        raise
    except OSError as error:
        raise FileError(error.strerror or "it cannot be read") from error
    if content is None or len(content) > MAX_READ:
        raise FileError(f"it has more than {MAX_READ} bytes; at most that many are read")
    return content
