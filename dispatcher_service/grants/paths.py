"""Files and folders of the host that calls are given: looked at before each call, by opening them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from dispatcher_service.bundles.bundles import MOUNT_AT
from dispatcher_service.grants.faults import AccessError
from graft_common.declarations.access import is_below
from graft_common.settings import ENV_PREFIX, Settings, config_file

_NAMES_A_SECRET = re.compile(f"{ENV_PREFIX}[A-Z_]+_FILE")
_DEVICES = (stat.S_ISBLK, stat.S_ISCHR)


class OffLimits:
    """Graft's own folders and files, which no call is given, be it by another name."""

    def __init__(self, folders: Sequence[tuple[Path, str]]) -> None:
        """Keep them, each with what it is; one that does not exist counts by its name."""
        self._folders = tuple(folders)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Name what is Graft's own, as it is set, and the files that settings are read from."""
        folders = [
            (settings.data_dir, "the data folder"),
            (settings.secrets_path, "the folder of secrets"),
            (settings.extensions_path, "the folder of extensions"),
            (settings.declarations_path, "the folder of declarations"),
            (settings.resources_path, "the folder of resources"),
            (Path(MOUNT_AT), "the folder of methods"),
        ]
        files = [Path(value).absolute() for name, value in os.environ.items() if _NAMES_A_SECRET.fullmatch(name)]
        if config_file().is_file():
            files.append(config_file().absolute())
        return cls([*folders, *((file, "a file of the settings") for file in files)])

    def check(self, path: str) -> None:
        """Open a path, and make sure that a call may have it.

        Links in it are not followed: where one leads may have changed since an administrator has seen it.

        Raises:
            AccessError: it does not exist, holds a link, is a device, or is, lies in or holds a folder of Graft.
        """
        names = {os.path.realpath(folder): what for folder, what in self._folders}
        for name, what in names.items():
            if is_below(path, name):
                raise AccessError(f"{path} cannot be given: it is in {what} of Graft")
            if is_below(name, path):
                raise AccessError(f"{path} cannot be given: {what} of Graft is in it")
        places = {(found.st_dev, found.st_ino): what for name, what in names.items() if (found := _look(name))}

        def is_free(part: str, found: os.stat_result) -> None:
            if what := places.get((found.st_dev, found.st_ino)):
                raise AccessError(f"{path} cannot be given: {part} is {what} of Graft under another name")

        walk(path, is_free)


def walk(path: str, visit: Callable[[str, os.stat_result], None]) -> None:
    """Open each part of a plain absolute path, without following links, and look at it.

    Raises:
        AccessError: one is missing, is a link, or cannot be reached; the last one is a device; what `visit` raises.
    """
    at = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        part = ""
        for name in path.split("/")[1:]:
            part = f"{part}/{name}"
            try:
                inner = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            except OSError as error:
                why = (
                    "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be reached: {error.strerror}"
                )
                raise AccessError(f"{path} cannot be given: {part} {why}") from None
            os.close(at)
            at = inner
            found = os.fstat(at)
            if stat.S_ISLNK(found.st_mode):
                raise AccessError(
                    f"{path} cannot be given: {part} is a symbolic link; the declaration has to name what it leads to"
                )
            visit(part, found)
        if any(is_device(found.st_mode) for is_device in _DEVICES):
            raise AccessError(f"{path} cannot be given: it is a device")
    finally:
        os.close(at)


def _look(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116  (names as texts all the way)
    except OSError:
        return None
