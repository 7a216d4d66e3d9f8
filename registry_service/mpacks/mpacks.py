"""Management packs, as they are installed, upgraded, removed, listed and checked."""

from __future__ import annotations

from pathlib import Path

from registry_service.identity.values import Request, Session
from registry_service.library.library import Library
from registry_service.links.links import Links
from registry_service.mpacks.values import (
    Done,
    HookRunner,
    InstallOptions,
    Operation,
    Pack,
    Report,
    Verification,
    no_report,
)
from registry_service.store.store import Store
from registry_service.tuning import Tuning

INSTALL = "mpack.install"
UPGRADE = "mpack.upgrade"
UNINSTALL = "mpack.uninstall"
LIST = "mpack.get_all"
VERIFY = "mpack.verify"


class Mpacks:
    """The management packs of a resources directory. One operation that changes something at a time.

    Every operation is a transaction over the directory and the links: it is done as a whole or not at all, also when
    the process is killed.
    """

    def __init__(
        self,
        root: Path,
        ambari_version: str,
        store: Store,
        links: Links,
        library: Library,
        hooks: HookRunner | None,
        tuning: Tuning,
    ) -> None:
        """Take part in a registry.

        Args:
            root: the resources directory.
            ambari_version: what prerequisites of packs are compared with.
            store: where records go.
            links: which packs must not break.
            library: what reads the directory.
            hooks: runs hooks; without it packs that have hooks are refused.
            tuning: the clock.
        """
        raise NotImplementedError

    async def recover(self) -> None:
        """Finish or undo what a process that was killed has begun, and sweep up; before the directory is first read.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the database does not answer; MPACK_FAILED.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Wait for the operation that is under way."""
        raise NotImplementedError

    async def install(
        self,
        caller: Session,
        archive: Path,
        options: InstallOptions,
        request: Request,
        report: Report = no_report,
        file_name: str = "",
    ) -> Done:
        """Install the pack that an archive holds. Needs pool-admin.

        Args:
            caller: who wants it.
            archive: a file, which is copied.
            options: how.
            request: where the call comes from.
            report: is told the progress.
            file_name: what the archive was called where it came from; the name of `archive` if empty.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, MPACK_BUSY, MPACK_NOT_SPECIFIED, MPACK_NOT_READABLE, MPACK_MALFORMED,
                MPACK_PREREQUISITES, MPACK_INSTALLED, MPACK_COLLISION, MPACK_IN_USE, MPACK_PURGE_REFUSED,
                MPACK_HOOK_FAILED, MPACK_FAILED, VALUE_NOT_SUPPORTED, SERVICE_UNAVAILABLE.
        """
        raise NotImplementedError

    async def upgrade(
        self,
        caller: Session,
        archive: Path,
        request: Request,
        report: Report = no_report,
        file_name: str = "",
        *,
        verbose: bool = False,
    ) -> Done:
        """Install a pack in the place of its older versions, and switch their links. Needs pool-admin.

        Raises:
            GraftError: as `install`, and MPACK_NOT_FOUND where no older version is installed.
        """
        raise NotImplementedError

    async def uninstall(
        self, caller: Session, name: str, request: Request, report: Report = no_report, *, version: str = ""
    ) -> Done:
        """Remove all versions of a pack, or one. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, MPACK_BUSY, MPACK_NOT_SPECIFIED, MPACK_NOT_FOUND, MPACK_IN_USE,
                MPACK_FAILED, SERVICE_UNAVAILABLE.
        """
        raise NotImplementedError

    async def packs(self, caller: Session) -> list[Pack]:
        """List the installed packs, by name, the newest version first. Needs read-only.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, MPACK_FAILED.
        """
        raise NotImplementedError

    async def operations(self, caller: Session) -> list[Operation]:
        """List what the replay log holds, the oldest first. Needs read-only.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; MPACK_REPLAY_LOG_INVALID.
        """
        raise NotImplementedError

    async def verify(
        self, caller: Session, archive: Path, report: Report = no_report, file_name: str = ""
    ) -> Verification:
        """Say what is to be said of an archive, and change nothing. Needs pool-admin, as unpacking costs something.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, MPACK_NOT_SPECIFIED, MPACK_NOT_READABLE, MPACK_MALFORMED, MPACK_BUSY,
                MPACK_FAILED.
        """
        raise NotImplementedError
