"""Secrets: one file each in a folder of the host that nobody but the dispatcher's user reads."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dispatcher_service.grants.faults import AccessError
from graft_common.declarations.access import secret_fault

MAX_SIZE = 64 << 10
"""Bytes of one secret."""
_OTHERS = 0o077


class SecretFolder:
    """Reads secrets, each anew for each call; what it finds out about the very file that it has opened counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, names: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
        """Return secrets with their names.

        Raises:
            AccessError: one is missing, is no plain file, is too large, or others may read it or the folder.
        """
        if not names:
            return ()
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            folder = os.open(self._folder, flags)
        except OSError as error:
            raise AccessError(f"the secret {names[0]} cannot be given: {self._missing(error)}") from None
        try:
            fault = _fault(os.fstat(folder))
            if fault:
                raise AccessError(f"the secret {names[0]} cannot be given: the folder of secrets {fault}")
            return tuple((name, _read(name, folder)) for name in names)
        finally:
            os.close(folder)

    def _missing(self, error: OSError) -> str:
        if isinstance(error, FileNotFoundError):
            return "this host has no folder of secrets (GRAFT_SECRETS_DIR)"
        return f"the folder of secrets (GRAFT_SECRETS_DIR) cannot be opened: {error.strerror}"


def _read(name: str, folder: int) -> bytes:
    refused = f"the secret {name} cannot be given"
    if reason := secret_fault(name):
        raise AccessError(f"{refused}: {reason}")
    try:
        # Should it be a pipe, opening it must not wait for a writer.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise AccessError(f"{refused}: this host has none of that name (GRAFT_SECRETS_DIR)") from None
    except OSError as error:
        raise AccessError(f"{refused}: its file cannot be opened: {error.strerror}") from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise AccessError(f"{refused}: it is no regular file")
        if fault := _fault(found):
            raise AccessError(f"{refused}: its file {fault}")
        content = bytearray()
        while len(content) <= MAX_SIZE and (piece := os.read(file, MAX_SIZE + 1 - len(content))):
            content += piece
        if len(content) > MAX_SIZE:
            raise AccessError(f"{refused}: it has more than {MAX_SIZE >> 10} KiB")
        return bytes(content)
    except OSError as error:
        raise AccessError(f"{refused}: its file cannot be read: {error.strerror}") from None
    finally:
        os.close(file)


def _fault(found: os.stat_result) -> str:
    if found.st_uid not in (0, os.geteuid()):
        return f"belongs to the user {found.st_uid}; let it belong to root or to the dispatcher's user"
    if found.st_mode & _OTHERS:
        right = "700" if stat.S_ISDIR(found.st_mode) else "600"
        return f"is open to others (mode {stat.S_IMODE(found.st_mode):o}); chmod {right}"
    return ""
