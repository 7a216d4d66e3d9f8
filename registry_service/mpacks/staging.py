"""The folders in which operations prepare what they do, and the lock that lets only one be under way."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry_service.catalog.catalog import MPACKS
from registry_service.mpacks.errors import busy
from registry_service.mpacks.manifests import MANIFESTS

STAGING = ".staging"
_LOCK = ".lock"


class Staging:
    """What is prepared for a resources directory, on the same file system."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / MPACKS / STAGING

    def make(self) -> Path:
        """Make a folder for an operation."""
        self._root.mkdir(parents=True, exist_ok=True)
        for folder in (self._root / MPACKS, self._root / MPACKS / MANIFESTS):
            folder.mkdir(0o755, exist_ok=True)
        self._path.mkdir(0o700, exist_ok=True)
        own = self._path / secrets.token_hex(8)
        own.mkdir(0o700)
        return own

    def leftovers(self) -> list[Path]:
        """Return the folders of operations that have not been swept up."""
        try:
            return sorted(self._path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other operation out, also those of other processes.

        Raises:
            GraftError: MPACK_BUSY.
        """
        (self._root / MPACKS).mkdir(0o755, parents=True, exist_ok=True)
        descriptor = os.open(self._root / MPACKS / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy() from None
            yield
        finally:
            os.close(descriptor)
