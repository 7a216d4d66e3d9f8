"""Unpacks a folder that came as a tar: only below its own place, and only what a script can need."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from graft_common.errors import GraftError, value_not_supported

MAX_ENTRIES = 100_000
MAX_DEPTH = 64
MAX_BYTES = 4 << 30
"""Of all files together; also of the tar itself."""
_SHOWN = 200


def unpack(archive: Path, folder: Path) -> None:
    """Unpack regular files, folders and symbolic links into an empty folder.

    Owners are not taken over, and every user may read what was unpacked, since a call is another user. Links are made
    when all else is written, so that nothing is written through one; they are followed behind the walls only.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if the tar is damaged, or holds what is not allowed; some of it may be unpacked.
        OSError: it cannot be written.
    """
    links: list[tuple[Path, str]] = []
    try:
        with tarfile.open(archive, "r:", errorlevel=2) as tar:
            for member, place in _members(tar, folder):
                if member.isdir():
                    _make_folder(place, folder)
                elif member.isreg():
                    _make_folder(place.parent, folder)
                    _write(tar, member, place)
                else:
                    _make_folder(place.parent, folder)
                    links.append((place, member.linkname))
        for place, target in links:
            place.symlink_to(target)
    except (tarfile.TarError, EOFError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _refused(str(error)) from None
    except ValueError as error:
        # A name with a NUL, or one that is no UTF-8.
        raise _refused(str(error)) from None


def _members(tar: tarfile.TarFile, folder: Path) -> Iterator[tuple[tarfile.TarInfo, Path]]:
    """Go through what the tar holds, and make sure of each before it is given out."""
    total = 0
    for number, member in enumerate(tar):
        if number >= MAX_ENTRIES:
            raise _refused(f"it has more than {MAX_ENTRIES} entries")
        total += member.size
        if total > MAX_BYTES:
            raise _refused(f"its files have more than {MAX_BYTES} bytes")
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or len(path.parts) > MAX_DEPTH:
            raise _refused(f"{member.name[:_SHOWN]!r} is no path below it, or one of more than {MAX_DEPTH} parts")
        if not (member.isdir() or member.isreg() or member.issym()):
            raise _refused(f"{member.name[:_SHOWN]!r} is no file, folder or symbolic link")
        if path.parts:
            yield member, folder / path


def _make_folder(place: Path, top: Path) -> None:
    """Make a folder and those above it; none of them can be a link, for there are none yet."""
    for path in (*reversed(place.relative_to(top).parents[:-1]), place.relative_to(top)):
        made = top / path
        if not made.is_dir():
            made.mkdir()
            made.chmod(0o755)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    content = tar.extractfile(member)
    if content is None:
        raise _refused(f"{member.name[:_SHOWN]!r} has no content")
    with content, place.open("xb") as file:
        shutil.copyfileobj(content, file)
    place.chmod(0o755 if member.mode & 0o111 else 0o644)


def _refused(reason: str) -> GraftError:
    return value_not_supported("chunk", "", f"the folder cannot be unpacked: {reason}")
