"""Keeps what the registry knows of the resources directory up to date, while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog

from graft_common import roles
from graft_common.errors import GraftError
from registry_service.identity.access import require_role
from registry_service.identity.audit import Action
from registry_service.identity.values import Request, Session
from registry_service.library.tree import Tree
from registry_service.library.watching import changes
from registry_service.links.links import Links, Settle, no_settling
from registry_service.store.store import Store
from registry_service.tuning import Tuning

RELOAD = "resources.reload"
SWEEP_EVERY = 10.0
"""Seconds between looks at everything: what lies behind links is not watched."""
_SWEEP_SHARE = 50
"""A look at everything takes no more than this part of the time."""
_RETRY = 5.0

_log = structlog.get_logger("graft.registry")


class Library:
    """Reads the tree at the start and after each change, and hands every state on as a whole."""

    def __init__(self, tree: Tree, links: Links, store: Store, tuning: Tuning) -> None:
        self._tree = tree
        self._links = links
        self._store = store
        self._now = tuning.now
        self._reading = asyncio.Lock()
        self._tasks: set[asyncio.Task[int]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._draining = False

    def start(self) -> None:
        """Begin; calls that need the catalog wait until it has been read."""
        self._watching = asyncio.create_task(self._watch())

    def drain(self) -> None:
        """End a reading that runs, and the waiting for the first one: calls in progress must not wait for them."""
        self._draining = True
        self._tree.stop()
        self._links.stop()

    async def stop(self) -> None:
        """End, and keep what was read for the next start."""
        self.drain()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tree.save()

    async def reload(self, caller: Session, request: Request) -> int:
        """Look at everything; return the revision at which followers know. Needs pool-admin, and is recorded.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; SERVICE_UNAVAILABLE when the database does not answer or the registry
                shuts down.
        """
        action = Action(RELOAD, request, self._now)
        try:
            require_role(caller, RELOAD, roles.POOL_ADMIN)
            revision = await self._read(None)
        except GraftError as error:
            await self._store.record(action.record(caller, error.code))
            raise
        await self._store.record(action.record(caller, "OK"))
        return revision

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Library]:
        """Keep the directory from being read while its files are changed; it is read once more at the end.

        Only `adopt` of what is yielded reads it meanwhile.
        """
        async with self._reading:
            try:
                yield self
            finally:
                try:
                    await self.adopt()
                except GraftError as error:
                    # The watch comes to it once more.
                    _log.warning("resources.not_read", reason=str(error))

    async def adopt(self, settle: Settle = no_settling) -> int:
        """Look at everything while the directory is held; `settle` is as in `Links.adopt`.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the database does not answer; what `settle` raises.
        """
        return await self._links.adopt(await self._tree.read(), settle)

    async def _read(self, changed: Iterable[str] | None) -> int:
        # A caller who goes away must not leave a state read and not handed on.
        task = asyncio.create_task(self._read_and_adopt(changed))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[int]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits is told; when nobody does any more, nobody has to be

    async def _read_and_adopt(self, changed: Iterable[str] | None) -> int:
        async with self._reading:
            started = time.monotonic()
            before = self._tree.catalog
            catalog = await self._tree.read(changed)
            revision = await self._links.adopt(catalog)
            if before is None or catalog.reading != before.reading:
                _log.info(
                    "resources.read",
                    directory=str(self._tree.root),
                    extensions=sum(len(versions) for versions in catalog.extensions.values()),
                    stacks=len(catalog.stacks),
                    seconds=round(time.monotonic() - started, 3),
                )
            return revision

    async def _watch(self) -> None:
        while True:
            try:
                await self._read(None)
                await self._follow()
            except GraftError as error:
                if self._draining:
                    return
                _log.warning("resources.not_read", reason=str(error))
            except Exception:  # noqa: BLE001  (logged; one bad round must not end all later ones)
                _log.exception("resources.crashed")
            await asyncio.sleep(_RETRY)

    async def _follow(self) -> None:
        swept = time.monotonic()
        async for changed in changes(self._tree.root):
            due = time.monotonic() - swept > max(SWEEP_EVERY, self._tree.seconds * _SWEEP_SHARE)
            if changed is None or due:
                await self._read(None)
                swept = time.monotonic()
            elif changed:
                await self._read(changed)
            else:
                await self._tree.save()
