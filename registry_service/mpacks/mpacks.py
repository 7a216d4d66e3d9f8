"""Management packs, as they are installed, upgraded, removed, listed and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

import structlog

from graft_common import roles
from graft_common.errors import GraftError
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.values import Request, Session
from registry_service.library.library import Library
from registry_service.links.links import Links
from registry_service.mpacks import replay
from registry_service.mpacks.archives import Bounds
from registry_service.mpacks.committing import Committer
from registry_service.mpacks.errors import busy, failed, not_specified
from registry_service.mpacks.holdings import LOG_PATH
from registry_service.mpacks.installation import Installation
from registry_service.mpacks.journal import read_journal, sweep
from registry_service.mpacks.loading import Loaded, load
from registry_service.mpacks.manifests import describe, installed_packs
from registry_service.mpacks.removal import Removal
from registry_service.mpacks.running import Run, StoppedError
from registry_service.mpacks.staging import Staging
from registry_service.mpacks.values import (
    Done,
    HookRunner,
    InstallOptions,
    Operation,
    Pack,
    Phase,
    Report,
    Verification,
    no_report,
)
from registry_service.mpacks.verification import verify
from registry_service.store.store import Store
from registry_service.tuning import Tuning

INSTALL = "mpack.install"
UPGRADE = "mpack.upgrade"
UNINSTALL = "mpack.uninstall"
LIST = "mpack.get_all"
VERIFY = "mpack.verify"

T = TypeVar("T")

_log = structlog.get_logger("graft.registry")


class Mpacks:
    """The management packs of a resources directory. One operation at a time.

    Every operation is a transaction over the directory and the links: it is done as a whole or not at all, also when
    the process is killed. An operation whose caller goes away ends before it has changed anything, or is done.
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
        bounds: Bounds | None = None,
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
            bounds: how large a pack may be.
        """
        self._root = root
        self._store = store
        self._tuning = tuning
        self._bounds = bounds or Bounds()
        self._staging = Staging(root)
        self._committer = Committer(root, store, library)
        self._installation = Installation(root, ambari_version, links, self._committer, hooks, tuning.now)
        self._removal = Removal(root, links, self._committer)
        self._links = links
        self._ambari_version = ambari_version
        self._busy = False
        self._tasks: set[asyncio.Task[object]] = set()

    async def recover(self) -> None:
        """Finish or undo what a process that was killed has begun, and sweep up; before the directory is first read.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the database does not answer; MPACK_FAILED.
        """
        try:
            # Where nothing was begun nothing is written, not even a lock: the directory may be read-only.
            if not await asyncio.to_thread(self._staging.leftovers):
                return
            with self._staging.locked():
                await self._committer.recover()
        except OSError as error:
            raise failed("An interrupted operation on management packs cannot be undone", error) from error

    async def close(self) -> None:
        """Wait for the operation that is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

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

        async def act(run: Run) -> Done:
            loaded = await self._load(run, archive, file_name)
            return await self._installation.install(run, loaded, options)

        return await self._write(INSTALL, caller, request, report, act)

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

        async def act(run: Run) -> Done:
            loaded = await self._load(run, archive, file_name)
            return await self._installation.upgrade(run, loaded, verbose=verbose)

        return await self._write(UPGRADE, caller, request, report, act)

    async def uninstall(
        self, caller: Session, name: str, request: Request, report: Report = no_report, *, version: str = ""
    ) -> Done:
        """Remove all versions of a pack, or one. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, MPACK_BUSY, MPACK_NOT_SPECIFIED, MPACK_NOT_FOUND, MPACK_IN_USE,
                MPACK_FAILED, SERVICE_UNAVAILABLE.
        """

        async def act(run: Run) -> Done:
            return await self._removal.uninstall(run, name, version)

        return await self._write(UNINSTALL, caller, request, report, act)

    async def packs(self, caller: Session) -> list[Pack]:
        """List the installed packs, by name, the newest version first. Needs read-only.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, MPACK_FAILED.
        """
        require_role(caller, LIST, roles.READ_ONLY)

        def read() -> list[Pack]:
            return [describe(self._root, one) for one in installed_packs(self._root)]

        return await self._reading(read)

    async def operations(self, caller: Session) -> list[Operation]:
        """List what the replay log holds, the oldest first. Needs read-only.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; MPACK_REPLAY_LOG_INVALID.
        """
        require_role(caller, LIST, roles.READ_ONLY)

        def read() -> list[Operation]:
            return replay.parse(replay.read(self._root / LOG_PATH), LOG_PATH)

        return await self._reading(read)

    async def verify(
        self, caller: Session, archive: Path, report: Report = no_report, file_name: str = ""
    ) -> Verification:
        """Say what is to be said of an archive, and change nothing. Needs pool-admin, as unpacking costs something.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED, MPACK_NOT_SPECIFIED, MPACK_NOT_READABLE, MPACK_MALFORMED, MPACK_BUSY,
                MPACK_FAILED.
        """

        async def act(run: Run) -> Verification:
            loaded = await self._load(run, archive, file_name)
            run.tell(Phase.CHECK)
            return await run.thread(verify, self._root, run.own, loaded, self._ambari_version)

        require_role(caller, VERIFY, roles.POOL_ADMIN)
        return await self._alone(report, act, _not_recorded)

    async def _load(self, run: Run, archive: Path, file_name: str) -> Loaded:
        if not archive.name:
            raise not_specified()
        copying = run.meter(Phase.COPY, await asyncio.to_thread(_size, archive), can_stop=True)
        unpacking = run.meter(Phase.UNPACK, can_stop=True)
        return await run.thread(load, run.own, archive, file_name or archive.name, self._bounds, copying, unpacking)

    async def _reading(self, read: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(read)
        except OSError as error:
            raise failed("The management packs cannot be read", error) from error

    async def _write(
        self, name: str, caller: Session, request: Request, report: Report, act: Callable[[Run], Awaitable[Done]]
    ) -> Done:
        """Do something that is recorded, whatever comes of it, also when the caller does not wait for it."""
        action = Action(name, request, self._tuning.now)

        async def act_and_record(run: Run) -> Done:
            done = await act(run)
            await self._store.record(action.record(caller, "OK"))
            packs = [pack.folder for pack in done.packs]
            _log.info(name, packs=packs, by=caller.user, track_id=caller.track_id, moved=len(done.moved))
            return done

        async def record_failure(error: GraftError) -> None:
            await self._store.record(action.record(caller, error.code))

        try:
            require_role(caller, name, roles.POOL_ADMIN)
        except GraftError as error:
            await record_failure(error)
            raise
        return await self._alone(report, act_and_record, record_failure)

    async def _alone(
        self, report: Report, act: Callable[[Run], Awaitable[T]], on_failure: Callable[[GraftError], Awaitable[None]]
    ) -> T:
        """Act while no other operation does. It goes on, if it must, when the caller does not wait any more."""
        if self._busy:
            error = busy()
            await on_failure(error)
            raise error
        self._busy = True
        stopped = Event()
        task: asyncio.Task[T] = asyncio.create_task(self._locked(report, stopped, act, on_failure))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            stopped.set()
            raise

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        self._busy = False
        if not task.cancelled() and isinstance(task.exception(), StoppedError):
            _log.info("mpack.stopped")

    async def _locked(
        self,
        report: Report,
        stopped: Event,
        act: Callable[[Run], Awaitable[T]],
        on_failure: Callable[[GraftError], Awaitable[None]],
    ) -> T:
        try:
            return await self._act(report, stopped, act)
        except GraftError as error:
            await on_failure(error)
            raise

    async def _act(self, report: Report, stopped: Event, act: Callable[[Run], Awaitable[T]]) -> T:
        try:
            with self._staging.locked():
                await self._committer.recover()
                own = await asyncio.to_thread(self._staging.make)
                try:
                    return await act(Run(own, report, stopped))
                finally:
                    await asyncio.shield(asyncio.to_thread(_discard, own))
        except OSError as error:
            raise failed("The resources directory cannot be changed", error) from error


async def _not_recorded(_error: GraftError) -> None:
    """Do nothing: what changes nothing is not recorded."""


def _size(archive: Path) -> int:
    try:
        return archive.stat().st_size
    except (OSError, ValueError):
        return 0


def _discard(own: Path) -> None:
    """Remove the folder of an operation; one that is neither done nor undone is left to the next."""
    if read_journal(own) is None:
        sweep(own)
