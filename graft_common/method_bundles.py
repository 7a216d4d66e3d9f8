"""Bundles of methods: what a linked extension version brings, as one tar that is the same wherever it is made.

    declarations.xml        one `<methods>` document
    files/<path>            executables and what they read, by their paths below `methods/`

The tar is neither compressed nor dated, and names no owners: equal contents have equal digests.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Protocol

DECLARATIONS = "declarations.xml"
FILES = "files"
CHUNK = 256 * 1024
"""Bytes of a piece in which bundles are kept and sent."""
MAX_FILES = 512
MAX_BYTES = 64 * 1024 * 1024
"""Of all files of a bundle together."""
MAX_DECLARATIONS = 4 * 1024 * 1024
"""Bytes of all declarations of a bundle, as they are written there; no larger document is read."""
MAX_SIZE = MAX_BYTES + MAX_DECLARATIONS + MAX_FILES * 8192
"""Bytes of a tar: contents, heads and padding, with room for long names."""
MAX_DEPTH = 32
"""Parts of a path."""
_MAX_NAME = 1024
_MODES = {True: 0o755, False: 0o644}


class BundleError(ValueError):
    """Bytes or a folder that are no bundle, or not the one that was expected; the message says why."""


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> object: ...


def write_bundle(sink: Sink, declarations: bytes, files: Iterable[tuple[str, bool, bytes]]) -> None:
    """Write a bundle.

    Args:
        sink: takes the tar, piece by piece.
        declarations: one `<methods>` document.
        files: path, whether it may be executed, and content of each file, by path.
    """
    # In this mode nothing is asked of the sink but to take bytes, in blocks that are all of one size.
    with tarfile.open(fileobj=_Writing(sink), mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as tar:  # type: ignore[call-overload]  # it only writes
        _add(tar, DECLARATIONS, declarations, executable=False)
        for path, executable, content in files:
            _add(tar, f"{FILES}/{path}", content, executable=executable)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a bundle into a folder that is empty, and see that it is on the disk.

    Nothing in the tar leads out of the folder, or is anything but a plain file: links, devices and the like are
    refused. Every user may read what was unpacked, since a call is another user.

    Raises:
        BundleError: it is no bundle; some of it may be unpacked.
        OSError: it cannot be written.
    """
    (folder / FILES).mkdir()
    made = {folder, folder / FILES}
    try:
        with tarfile.open(archive, "r:", errorlevel=2) as tar:
            names = set()
            for member in _members(tar):
                names.add(member.name)
                _write(tar, member, folder, made)
    except (tarfile.TarError, EOFError, FileExistsError, NotADirectoryError, IsADirectoryError, ValueError) as error:
        raise error if isinstance(error, BundleError) else BundleError(f"it is no bundle: {error}") from error
    if DECLARATIONS not in names:
        raise BundleError(f"it is no bundle: there is no {DECLARATIONS} in it")
    for path in made:
        path.chmod(0o755)
        _settle(path)


def digest_of_folder(folder: Path) -> str:
    """Return the digest of the bundle that was unpacked into a folder.

    Raises:
        OSError, BundleError: it is not there, not whole, or not as it was.
    """
    digest = hashlib.sha256()
    if {path.name for path in folder.iterdir()} != {DECLARATIONS, FILES}:
        raise BundleError("other files are in it")
    write_bundle(_Hashing(digest), _read(folder / DECLARATIONS)[1], _files_below(folder / FILES))
    return digest.hexdigest()


def executables_of(folder: Path) -> frozenset[str]:
    """Name the files that may be run as methods: those of an unpacked bundle's top folder that may be executed.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder / FILES) as entries:
        return frozenset(
            entry.name for entry in entries if entry.is_file(follow_symlinks=False) and entry.stat().st_mode & 0o100
        )


class _Writing:
    """What a tar is written into."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(data)
        return len(data)


class _Hashing:
    """Takes bytes for their digest alone."""

    def __init__(self, digest: hashlib._Hash) -> None:
        self._digest = digest

    def write(self, data: bytes, /) -> None:
        self._digest.update(data)


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, executable: bool) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = _MODES[executable]
    tar.addfile(info, BytesIO(content))


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Go through what the tar holds, and make sure of each before it is given out."""
    total = 0
    for number, member in enumerate(tar):
        total += member.size
        if number > MAX_FILES or total > MAX_BYTES + MAX_DECLARATIONS:
            raise BundleError(f"it has more than {MAX_FILES} files, or more than {MAX_BYTES} bytes")
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.sparse is not None:
            raise BundleError(f"{member.name[:_MAX_NAME]!r} is no plain file")
        parts = member.name.split("/")
        within = member.name == DECLARATIONS or (parts[0] == FILES and len(parts) > 1)
        if not within or len(parts) > MAX_DEPTH or {"", ".", ".."} & set(parts) or "\0" in member.name:
            raise BundleError(f"{member.name[:_MAX_NAME]!r} is no path of a bundle")
        yield member


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, made: set[Path]) -> None:
    place = folder / member.name
    missing = [path for path in place.parents if path.is_relative_to(folder) and path not in made]
    for path in reversed(missing):
        path.mkdir()
        made.add(path)
    content = tar.extractfile(member)
    if content is None:
        raise BundleError(f"{member.name!r} has no content")
    with place.open("xb") as file:
        while piece := content.read(CHUNK):
            file.write(piece)
        file.flush()
        os.fchmod(file.fileno(), _MODES[bool(member.mode & 0o100)])
        os.fsync(file.fileno())
        if file.tell() != member.size:
            raise BundleError(f"{member.name!r} is not whole")


def _settle(folder: Path) -> None:
    """See that a folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files_below(top: Path) -> Iterator[tuple[str, bool, bytes]]:
    paths: list[str] = []
    for folder, _, names in os.walk(top, onerror=_raise):
        paths += [str((Path(folder) / name).relative_to(top)) for name in names]
        if len(paths) > MAX_FILES:
            raise BundleError("other files are in it")
    for path in sorted(paths):
        executable, content = _read(top / path)
        yield path, executable, content


def _read(path: Path) -> tuple[bool, bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            raise BundleError(f"{path.name!r} is no plain file of a bundle")
        return bool(found.st_mode & 0o100), file.read(MAX_BYTES + 1)


def _raise(error: OSError) -> None:
    raise error
