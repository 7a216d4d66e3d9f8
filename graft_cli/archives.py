"""Archives of management packs as commands are given them: files, or URLs from which they are fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from graft_cli.exits import CliError
from graft_common.rpc.uploads import CHUNK

_NOT_THERE = "Management pack could not be downloaded!"


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive."""

    file_name: str
    size: int
    """In bytes; 0 where that is not known."""
    chunks: Callable[[], AsyncGenerator[bytes, None]]
    """Reads it once, in pieces of at most `CHUNK` bytes; raises CliError where that fails."""


def open_archive(given: str, limit: int) -> Archive:
    """Find an archive.

    Args:
        given: a path, or a URL of http or https.
        limit: how many bytes are fetched from a URL at most.

    Raises:
        CliError: there is none.
    """
    if "://" in given:
        return _at_url(given, limit)
    path = Path(given).expanduser()
    try:
        if not path.is_file():
            reason = "it is no regular file" if path.exists() else "there is no such file"
            raise CliError(f"{_NOT_THERE} {given}: {reason}")
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise CliError(f"{_NOT_THERE} {given}: {getattr(error, 'strerror', None) or 'it is no path'}") from None
    return Archive(path.name, size, lambda: _read(path))


def _at_url(url: str, limit: int) -> Archive:
    from graft_common.downloads import NotDownloaded, check_url, file_name

    try:
        check_url(url)
    except NotDownloaded as error:
        raise CliError(f"{_NOT_THERE} {error}") from None
    return Archive(file_name(url), 0, lambda: _fetch(url, limit))


async def _read(path: Path) -> AsyncGenerator[bytes, None]:
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, CHUNK):
                yield piece
    except OSError as error:
        raise CliError(f"{_NOT_THERE} {path}: {error.strerror}") from None


async def _fetch(url: str, limit: int) -> AsyncGenerator[bytes, None]:
    from graft_common.downloads import Bounds, NotDownloaded, download

    try:
        async with aclosing(download(url, Bounds(limit), CHUNK)) as pieces:
            async for piece in pieces:
                yield piece
    except NotDownloaded as error:
        raise CliError(f"{_NOT_THERE} {url}: {error}") from None
