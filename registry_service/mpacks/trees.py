"""Looking at folders, one name after the other, for those who decide what is to be done there."""

from __future__ import annotations

import errno
import os
import stat
from enum import Enum
from pathlib import Path
from typing import Protocol

from registry_service.catalog.files import IGNORED


class What(Enum):
    """What a path is."""

    MISSING = "missing"
    FOLDER = "a folder"
    FILE = "a file"
    LINK = "a link"


class Tree(Protocol):
    """A folder and what is below it; paths in it are relative and use `/`."""

    def what(self, path: str) -> What:
        """Tell what a path is."""
        ...

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, in order; none where there is no folder."""
        ...

    def target(self, path: str) -> str:
        """Return what a link says; empty where there is none."""
        ...


class FolderTree:
    """A folder on disk: one of ours, in which links are links, or one of an author's, in which they are followed."""

    def __init__(self, root: Path, *, follow: bool = False) -> None:
        self._root = root
        self._follow = follow

    def what(self, path: str) -> What:
        """Tell what a path is."""
        try:
            mode = (self._root / path).stat(follow_symlinks=self._follow).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return What.MISSING
        except OSError as error:
            if error.errno == errno.ELOOP:
                return What.MISSING
            raise
        if stat.S_ISLNK(mode):
            return What.LINK
        return What.FOLDER if stat.S_ISDIR(mode) else What.FILE

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, in order; none where there is no folder."""
        try:
            with os.scandir(self._root / path) as entries:
                return sorted(entry.name for entry in entries if entry.name not in IGNORED)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def target(self, path: str) -> str:
        """Return what a link says; empty where there is none."""
        try:
            return str((self._root / path).readlink())
        except OSError:
            return ""
