"""Archives on their way in: files of the data directory, each gone as soon as it has been dealt with."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Self

from graft_common.errors import GraftError, server_busy
from graft_common.rpc.chunks import Stalled, TooLarge, save
from graft_common.units import format_size

AT_ONCE = 4
"""Archives that are received or dealt with at the same time."""
_TELL_EVERY = 4 << 20
"""Bytes between two words on how many there are."""


class Uploads:
    """The archives that this process holds. What one that was killed has left is removed at the start.

    Args:
        folder: this process's own, empty.
        lock: a descriptor of it, which is locked: so others know that it is in use.
        limit: the largest archive, in bytes.
    """

    def __init__(self, folder: Path, lock: int, limit: int) -> None:
        self._folder = folder
        self._lock = lock
        self._limit = limit
        self._held = 0

    @classmethod
    def open(cls, place: Path, limit: int) -> Self:
        """Make a folder, and remove those that nobody uses.

        Raises:
            OSError: that cannot be done.
        """
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for other in place.iterdir():
            with suppress(OSError):
                descriptor = _locked(other)
                shutil.rmtree(other, ignore_errors=True)
                os.close(descriptor)
        folder = place / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        return cls(folder, _locked(folder), limit)

    def begin(self, size: int) -> Upload:
        """Make room for an archive of so many bytes; 0 where that is not known. `Upload.remove` is to be called.

        Raises:
            GraftError: MPACK_TOO_LARGE; SERVER_BUSY when there are too many.
        """
        if size > self._limit:
            raise self.too_large()
        if self._held >= AT_ONCE:
            raise server_busy(f"{AT_ONCE} archives of management packs are being dealt with")
        self._held += 1
        return Upload(self, self._folder / secrets.token_hex(8), self._limit)

    def too_large(self) -> GraftError:
        """Tell how large an archive may be."""
        text = f"The archive of a management pack has at most {format_size(self._limit)} (GRAFT_MPACK_MAX_ARCHIVE)"
        return GraftError("MPACK_TOO_LARGE", text)

    def done(self) -> None:
        """Count one archive less."""
        self._held -= 1

    def close(self) -> None:
        """Remove the folder with all that is in it; more than once is fine."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(lock)


class Upload:
    """One archive: the file at `path`, which is there once `fill` has begun."""

    def __init__(self, uploads: Uploads, path: Path, limit: int) -> None:
        self.path = path
        self._uploads = uploads
        self._limit = limit
        self._removed = False

    async def fill(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[int, None]:
        """Write the archive; tell now and then how many bytes there are.

        Raises:
            GraftError: MPACK_TOO_LARGE; MPACK_NOT_READABLE when nothing more comes; MPACK_FAILED when it cannot be
                written; what `chunks` raises.
        """
        told = 0
        try:
            async with aclosing(save(chunks, self.path, self._limit)) as saving:
                async for written in saving:
                    if written - told >= _TELL_EVERY:
                        told = written
                        yield written
        except TooLarge:
            raise self._uploads.too_large() from None
        except Stalled as error:
            raise GraftError("MPACK_NOT_READABLE", f"Management pack could not be downloaded! {error}") from None
        except OSError as error:
            raise GraftError("MPACK_FAILED", f"The archive cannot be kept: {error.strerror}") from error

    async def remove(self) -> None:
        """Remove the file; more than once is fine."""
        if not self._removed:
            self._removed = True
            self._uploads.done()
            await asyncio.to_thread(self.path.unlink, missing_ok=True)


def _locked(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
