"""A folder as a tar, made while it is sent."""

from __future__ import annotations

import asyncio
import os
import stat
import tarfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

_BLOCK = 512
_END = b"\0" * (2 * _BLOCK)


async def as_tar(folder: Path, size: int) -> AsyncGenerator[bytes, None]:
    """Return a folder's files, folders and symbolic links as an uncompressed tar, in pieces of `size` bytes.

    Owners and times are left out; of the modes only whether a file may be executed is kept. Nothing follows a link.

    Raises:
        OSError: the folder cannot be read, or a file was cut short meanwhile.
    """
    gathered = bytearray()
    async with aclosing(_parts(folder, size)) as parts:
        async for part in parts:
            gathered += part
            while len(gathered) >= size:
                yield bytes(gathered[:size])
                del gathered[:size]
    if gathered:
        yield bytes(gathered)


async def _parts(folder: Path, size: int) -> AsyncGenerator[bytes, None]:
    for path in await asyncio.to_thread(lambda: sorted(_below(folder))):
        name = path.relative_to(folder).as_posix()
        status = await asyncio.to_thread(path.lstat)
        if stat.S_ISREG(status.st_mode):
            async with aclosing(_file(path, name, size)) as pieces:
                async for piece in pieces:
                    yield piece
        elif stat.S_ISDIR(status.st_mode):
            yield _header(name, tarfile.DIRTYPE, 0o755)
        elif stat.S_ISLNK(status.st_mode):
            yield _header(name, tarfile.SYMTYPE, 0o777, target=str(await asyncio.to_thread(path.readlink)))
    yield _END


def _below(folder: Path) -> Iterator[Path]:
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(top, name)


async def _file(path: Path, name: str, size: int) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:  # not in a thread: see graft_common.rpc.chunks
        status = os.fstat(file.fileno())
        left = status.st_size
        yield _header(name, tarfile.REGTYPE, 0o755 if status.st_mode & 0o111 else 0o644, left)
        while left:
            piece = await asyncio.to_thread(file.read, min(size, left))
            if not piece:
                raise OSError(f"{name} has become shorter while it was read")
            left -= len(piece)
            yield piece
    yield b"\0" * (-status.st_size % _BLOCK)


def _header(name: str, kind: bytes, mode: int, size: int = 0, target: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.linkname = kind, mode, size, target
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
