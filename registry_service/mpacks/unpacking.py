"""Writing what an archive holds into a folder of one's own, and nowhere else."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from registry_service.mpacks.archives import CHUNK, Bounds, Kind, Member, members
from registry_service.mpacks.errors import malformed, not_readable
from registry_service.mpacks.names import Parts, check_link, member_path, shown

FOLDER_MODE = 0o755
FILE_MODE = 0o644
PROGRAM_MODE = 0o755

Step = Callable[[int], None]
"""Is told how many bytes were done; raises what is to end the work."""


def copy_archive(source: Path, target: Path, bounds: Bounds, step: Step) -> str:
    """Copy an archive; return its SHA-256 in hexadecimal digits.

    Raises:
        GraftError: MPACK_NOT_READABLE, MPACK_MALFORMED.
    """
    try:
        # Opening must not wait for the other end of a pipe.
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise not_readable(getattr(error, "strerror", None) or "its name is no path") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise not_readable("It is no regular file")
    with os.fdopen(descriptor, "rb", buffering=0) as file, target.open("xb") as copy:
        digest, done = hashlib.sha256(), 0
        while chunk := file.read(CHUNK):
            done += len(chunk)
            if done > bounds.archive:
                raise malformed(f"The archive has more than {bounds.archive} bytes")
            digest.update(chunk)
            copy.write(chunk)
            step(done)
        copy.flush()
        os.fsync(copy.fileno())
    target.chmod(FILE_MODE)
    return digest.hexdigest()


def unpack(archive: Path, into: Path, bounds: Bounds, step: Step) -> Path:
    """Unpack an archive into an empty folder; return the one folder in which all its members lie.

    Modes become 755 or 644; owners, times and everything else are not taken over.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    writer = _Writer(into, bounds.limit(archive.stat().st_size), step)
    for member in members(archive, bounds):
        writer.add(member)
    return writer.finish()


class _Writer:
    """Writes members below a folder. Symbolic links are made last, so that nothing is ever written through one."""

    def __init__(self, into: Path, limit: int, step: Step) -> None:
        self._into = into
        self._left = limit
        self._limit = limit
        self._step = step
        self._kinds: dict[Parts, Kind] = {}
        self._links: dict[Parts, str] = {}

    def add(self, member: Member) -> None:
        path = member_path(member.name)
        if not path:
            if member.kind is not Kind.FOLDER:
                raise malformed(f"The name {shown(member.name)} is none of a file")
            return
        known = self._kinds.get(path)
        if known is not None and not (known is member.kind is Kind.FOLDER):
            raise malformed(f"{shown('/'.join(path))} is in the archive twice")
        self._make_folders(path[:-1])
        if member.kind is Kind.FOLDER:
            self._make_folders(path)
        elif member.kind is Kind.LINK:
            self._links[path] = member.target
        elif member.kind is Kind.HARD_LINK:
            self._add_hard_link(path, member.target)
        else:
            self._add_file(path, member)
        self._kinds[path] = Kind.FILE if member.kind is Kind.HARD_LINK else member.kind

    def finish(self) -> Path:
        roots = {path[0] for path in self._kinds}
        if len(roots) != 1:
            raise malformed("Root directory missing!")
        root = roots.pop()
        if self._kinds[root,] is not Kind.FOLDER:
            raise malformed("Failed to expand management pack! Its root is no folder")
        for path, target in self._links.items():
            check_link(path, target, self._links)
        for path, target in self._links.items():
            self._place(path).symlink_to(target)
        return self._into / root

    def _make_folders(self, path: Parts) -> None:
        for depth in range(1, len(path) + 1):
            folder = path[:depth]
            kind = self._kinds.get(folder)
            if kind is None:
                self._place(folder).mkdir(FOLDER_MODE)
                self._place(folder).chmod(FOLDER_MODE)
                self._kinds[folder] = Kind.FOLDER
            elif kind is not Kind.FOLDER:
                raise malformed(f"{shown('/'.join(path))} lies below {shown('/'.join(folder))}, which is no folder")

    def _add_hard_link(self, path: Parts, target: str) -> None:
        source = member_path(target)
        if self._kinds.get(source) is not Kind.FILE:
            raise malformed(
                f"The hard link {shown('/'.join(path))} is to {shown(target)}, no file before it in the pack"
            )
        os.link(self._place(source), self._place(path), follow_symlinks=False)

    def _add_file(self, path: Parts, member: Member) -> None:
        if member.size > self._left:
            raise self._too_large()
        with self._place(path).open("xb") as file:
            for chunk in member.chunks():
                self._left -= len(chunk)
                if self._left < 0:
                    raise self._too_large()
                file.write(chunk)
                self._step(self._limit - self._left)
        self._step(self._limit - self._left)
        self._place(path).chmod(PROGRAM_MODE if member.executable else FILE_MODE)

    def _too_large(self) -> Exception:
        return malformed("It unpacks to more than is allowed for a file of its size")

    def _place(self, path: Parts) -> Path:
        return self._into.joinpath(*path)
