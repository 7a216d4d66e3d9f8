"""Who this host is: a UUID in the data dir, held by one process at a time."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path
from typing import Self

from graft_common.errors import StartupError


class HostIdentity:
    """The UUID, and the lock that keeps a second dispatcher from taking it."""

    def __init__(self, host_uuid: str, descriptor: int) -> None:
        self.uuid = host_uuid
        self._descriptor = descriptor

    @classmethod
    def hold(cls, data_dir: Path) -> Self:
        """Read the UUID from `<data_dir>/host-uuid`, or make one there, and hold it until `release` or death.

        Raises:
            StartupError: another process holds it, or the file cannot be used.
        """
        path = data_dir / "host-uuid"
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StartupError(
                f"{path} cannot be opened: {error.strerror}. GRAFT_DATA_DIR must be a folder that this user may write."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(_read_or_make(path, descriptor), descriptor)
        except BlockingIOError:
            os.close(descriptor)
            raise StartupError(
                f"another dispatcher runs with the data dir {data_dir}. "
                "Stop it, or give each dispatcher a GRAFT_DATA_DIR of its own."
            ) from None
        except BaseException:
            os.close(descriptor)
            raise

    def release(self) -> None:
        """Let another process take the UUID."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _read_or_make(path: Path, descriptor: int) -> str:
    text = os.pread(descriptor, 128, 0).decode("ascii", "replace").strip()
    if not text:
        # Nothing, or the rest of a process that died before its first line was written.
        text = str(uuid.uuid4())
        os.pwrite(descriptor, f"{text}\n".encode(), 0)
        os.fsync(descriptor)
        return text
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise StartupError(
            f"{path} holds {text!r}, which is no UUID. Restore it, or delete it to register as a new host."
        ) from None
