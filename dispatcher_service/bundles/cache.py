"""Unpacked bundles on disk, by their digests: a bundle that was here before needs no fetch."""

from __future__ import annotations

import shutil
from pathlib import Path

from graft_common.method_bundles import FILES, BundleError, digest_of_folder, unpack

_UNFINISHED = "."
"""What the names of folders and files begin with that are being made."""


class BundleCache:
    """The folder of all bundles; one thread at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self) -> frozenset[str]:
        """Make the folder, remove what was left unfinished, and name the digests that are here.

        Raises:
            OSError: it cannot be written.
        """
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._root.iterdir():
            if path.name.startswith(_UNFINISHED):
                _remove(path)
        return frozenset(path.name for path in self._root.iterdir())

    def tree(self, digest: str) -> Path:
        """Return the folder that the executables of a bundle have."""
        return self._root / digest / FILES

    def find(self, digest: str) -> Path | None:
        """Return the folder of a bundle if it is here and as it was; one that is not is removed."""
        folder = self._root / digest
        try:
            if digest_of_folder(folder) == digest:
                return folder
        except FileNotFoundError:
            pass
        except (OSError, BundleError):
            # It is fetched anew, and if that cannot be written either, the reason is told then.
            pass
        self.remove(digest)
        return None

    def archive(self, digest: str) -> Path:
        """Return the file into which a bundle is to be fetched."""
        return self._root / f"{_UNFINISHED}{digest}.tar"

    def finish(self, digest: str) -> Path:
        """Unpack what was fetched, and return the folder; the file is gone then, whatever happens.

        Raises:
            BundleError: it is no bundle.
            OSError: it cannot be written.
        """
        archive, making = self.archive(digest), self._root / f"{_UNFINISHED}{digest}"
        try:
            _remove(making)
            making.mkdir()
            unpack(archive, making)
            return making.rename(self._root / digest)
        finally:
            archive.unlink(missing_ok=True)
            _remove(making)

    def discard(self, digest: str) -> None:
        """Remove what was fetched and will not be unpacked."""
        self.archive(digest).unlink(missing_ok=True)

    def remove(self, digest: str) -> None:
        """Remove a bundle, if it is here."""
        folder, leaving = self._root / digest, self._root / f"{_UNFINISHED}{digest}.gone"
        _remove(leaving)
        try:
            folder.rename(leaving)
        except OSError:
            return
        _remove(leaving)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
