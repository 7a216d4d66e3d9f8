"""Reading archives as data: what members a tar or zip file has, within bounds. Nothing is written here."""

from __future__ import annotations

import bz2
import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Protocol

from graft_common.errors import GraftError
from registry_service.mpacks.errors import malformed
from registry_service.mpacks.names import MAX_PATH, shown

SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar", ".zip")
CHUNK = 256 * 1024
_MAX_HEADER = 1024 * 1024
"""The largest header of a tar member: more than that is asked for in one piece only by hostile ones."""
_MAX_DIRECTORY = 8 * 1024 * 1024
"""The largest directory of a zip file."""
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_ENCRYPTED = 0x1
_DECODING = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    OverflowError,
    LookupError,
    AttributeError,
    TypeError,
)
"""What tarfile, zipfile and the decompressors raise for what is no archive (RecursionError is a RuntimeError)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a pack may be."""

    archive: int = 512 * 1024 * 1024
    """Bytes of the file."""
    unpacked: int = 2 * 1024 * 1024 * 1024
    """Bytes of all its members."""
    ratio: int = 200
    """How many times larger than the file its members may be, beyond `unsuspicious`."""
    unsuspicious: int = 64 * 1024 * 1024
    members: int = 50_000

    def limit(self, size: int) -> int:
        """Tell how many bytes a file of this size may hold."""
        return min(self.unpacked, max(self.unsuspicious, size * self.ratio))


class Kind(Enum):
    """What a member is."""

    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    HARD_LINK = "hard link"


@dataclass(frozen=True, slots=True)
class Member:
    """One member: `target` of links, `size` and `chunks` of files. Chunks are read before the next member is."""

    name: str
    kind: Kind
    size: int = 0
    executable: bool = False
    target: str = ""
    chunks: Callable[[], Iterator[bytes]] = lambda: iter(())


class _Reads(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Forward(io.RawIOBase):
    """What is decompressed, read forwards only and up to a limit, and never much at once."""

    def __init__(self, source: _Reads, limit: int) -> None:
        self._source = source
        self._left = limit
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER:
            raise malformed("A header in the archive is too large")
        found = self._source.read(size)
        self._at += len(found)
        self._left -= len(found)
        if self._left < 0:
            raise malformed("It unpacks to more than is allowed for a file of its size")
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._at:
            raise malformed("Its members overlap")
        while self._at < offset and self.read(min(CHUNK, offset - self._at)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at


class _Capped(io.BufferedReader):
    """A file of which not too much is read at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_DIRECTORY:
            raise malformed("The directory of the archive is too large")
        return super().read(size)


def members(archive: Path, bounds: Bounds) -> Iterator[Member]:
    """Yield the members of a tar (plain, gzip, bzip2) or zip file, whatever it is called.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    limit = bounds.limit(archive.stat().st_size)
    with archive.open("rb") as file:
        start = file.read(4)
    found = _zip_members(archive) if start[:2] == b"PK" else _tar_members(archive, start, limit)
    for count, member in enumerate(found, 1):
        if count > bounds.members:
            raise malformed(f"It has more than {bounds.members} members")
        yield member


def _tar_members(archive: Path, start: bytes, limit: int) -> Iterator[Member]:
    with ExitStack() as stack:
        source: IO[bytes] | gzip.GzipFile | bz2.BZ2File
        if start[:2] == b"\x1f\x8b":
            source = stack.enter_context(gzip.open(archive))
        elif start[:3] == b"BZh":
            source = stack.enter_context(bz2.open(archive))
        else:
            source = stack.enter_context(archive.open("rb"))
        with _decoding():
            tar = tarfile.TarFile(fileobj=_Forward(source, limit), encoding="utf-8")
        while True:
            with _decoding():
                info = tar.next()
            if info is None:
                return
            # The list of all members, which is not needed, would grow with every one of them.
            tar.members.clear()  # type: ignore[attr-defined]  # typeshed leaves the list out
            yield _tar_member(tar, info)


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if info.isdir():
        return Member(info.name, Kind.FOLDER)
    if info.issym():
        return Member(info.name, Kind.LINK, target=info.linkname)
    if info.islnk():
        return Member(info.name, Kind.HARD_LINK, target=info.linkname)
    if not info.isreg() or info.size < 0:
        raise malformed(f"{shown(info.name)} is neither a file nor a folder nor a link")

    def chunks() -> Iterator[bytes]:
        with _decoding():
            content = tar.extractfile(info)
        if content is not None:
            yield from _read_in_chunks(content)

    return Member(info.name, Kind.FILE, info.size, bool(info.mode & stat.S_IXUSR), chunks=chunks)


def _zip_members(archive: Path) -> Iterator[Member]:
    with ExitStack() as stack:
        with _decoding():
            file = stack.enter_context(_Capped(io.FileIO(archive)))
            listing = stack.enter_context(zipfile.ZipFile(file))
        for info in listing.infolist():
            yield _zip_member(listing, info)


def _zip_member(listing: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    def chunks() -> Iterator[bytes]:
        with _decoding():
            content = listing.open(info)
        with content:
            yield from _read_in_chunks(content)

    name = info.orig_filename
    if info.flag_bits & _ENCRYPTED:
        raise malformed(f"{shown(name)} is encrypted")
    if info.compress_type not in _ZIP_METHODS:
        raise malformed(f"{shown(name)} is compressed in an unusual way; deflate is understood")
    mode = info.external_attr >> 16
    if name.endswith("/"):
        return Member(name, Kind.FOLDER)
    if stat.S_ISLNK(mode):
        return Member(name, Kind.LINK, target=_link_target(name, info.file_size, chunks))
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise malformed(f"{shown(name)} is neither a file nor a folder nor a link")
    return Member(name, Kind.FILE, info.file_size, bool(mode & stat.S_IXUSR), chunks=chunks)


def _link_target(name: str, size: int, chunks: Callable[[], Iterator[bytes]]) -> str:
    content = b""
    for chunk in chunks() if size <= MAX_PATH else ():
        content += chunk[: MAX_PATH + 1]
    try:
        return content[: MAX_PATH + 1].decode()
    except UnicodeDecodeError:
        raise malformed(f"The link {shown(name)} leads to what is no valid UTF-8") from None


def _read_in_chunks(content: IO[bytes]) -> Iterator[bytes]:
    while True:
        with _decoding():
            chunk = content.read(CHUNK)
        if not chunk:
            return
        yield chunk


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except GraftError:
        raise
    except _DECODING as error:
        raise malformed("Failed to expand management pack! It is no whole tar, tar.gz, tar.bz2 or zip file") from error
