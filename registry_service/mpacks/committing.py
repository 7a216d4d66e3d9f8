"""Carrying a plan out together with what it means for links: files, database and journal as one transaction.

The journal is written, the files are moved, and the links are settled in one transaction of the database. From then on
the operation counts; before it, everything is taken back. Whether that transaction was committed when a process was
killed is seen in the database: only then can one more link lead to an extension version that was not there before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from registry_service.catalog.catalog import VersionKey
from registry_service.library.library import Library
from registry_service.links.ground import Ground
from registry_service.links.links import Settle
from registry_service.mpacks import journal
from registry_service.mpacks.plan import Plan
from registry_service.mpacks.running import Run
from registry_service.mpacks.staging import Staging
from registry_service.mpacks.values import Phase
from registry_service.resources import Link
from registry_service.store.store import Store
from registry_service.watch.values import Kind

_log = structlog.get_logger("graft.registry")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is about to be done, and what will tell that it was."""

    action: str
    pack: str
    plan: Plan
    brings: Collection[VersionKey] = ()
    """The extension versions that are there only afterwards."""
    linked: Collection[int] = ()
    """Links that lead to them already, because they were there once."""


class Committer:
    """Carries plans out on a resources directory, and finishes or undoes what was interrupted."""

    def __init__(self, root: Path, store: Store, library: Library) -> None:
        self._root = root
        self._store = store
        self._library = library
        self._staging = Staging(root)

    async def commit(
        self,
        run: Run,
        beginning: Beginning,
        settle: Settle,
        after: Callable[[], Awaitable[None]],
    ) -> int:
        """Carry a plan out; return the revision at which followers know.

        Args:
            run: the operation.
            beginning: what is to be done.
            settle: what is done with links in the same transaction.
            after: is done once the files are in their places; what it raises takes everything back.

        Raises:
            GraftError: MPACK_FAILED, SERVICE_UNAVAILABLE, and whatever `settle` and `after` raise.
        """
        moves = await run.thread(journal.prepare, run.own, beginning.plan)
        await run.thread(journal.check_device, self._root, run.own, moves)
        run.go_on()
        begun = journal.Journal(
            beginning.action, beginning.pack, moves, sorted(beginning.brings), sorted(beginning.linked)
        )
        async with self._library.held() as held:
            await run.thread(journal.write_journal, run.own, begun)
            settled = _Settled(settle)
            try:
                step = run.meter(Phase.CHANGE, len(moves))
                await run.thread(journal.carry_out, self._root, run.own, moves, step)
                await after()
                run.tell(Phase.READ)
                revision = await held.adopt(settled)
            except BaseException as error:
                if not (settled.agreed and await self._is_committed(begun)):
                    await asyncio.shield(run.thread(self._take_back, run.own, begun))
                    raise
                _log.warning("mpack.commit_found", pack=begun.pack, error=type(error).__name__)
                revision = await held.adopt()
            await run.thread(journal.end, run.own)
            return revision

    async def recover(self) -> None:
        """Finish or undo what was interrupted, and sweep up. Only with the lock.

        Raises:
            GraftError: SERVICE_UNAVAILABLE when the database does not answer; MPACK_FAILED.
            OSError: the file system refused.
        """
        for own in await asyncio.to_thread(self._staging.leftovers):
            begun = await asyncio.to_thread(journal.read_journal, own)
            if begun is not None:
                committed = await self._is_committed(begun)
                if committed:
                    await asyncio.to_thread(journal.end, own)
                else:
                    await asyncio.to_thread(self._take_back, own, begun)
                _log.warning(
                    "mpack.recovered",
                    action=begun.action,
                    pack=begun.pack,
                    result="finished" if committed else "undone",
                )
            await asyncio.to_thread(journal.sweep, own)

    def _take_back(self, own: Path, begun: journal.Journal) -> None:
        journal.undo(self._root, own, begun.moves)
        journal.end(own)

    async def _is_committed(self, begun: journal.Journal) -> bool:
        if not begun.brings:
            return False
        brings, linked = set(begun.brings), set(begun.linked)
        async with self._store.read() as view:
            links = await view.every_resource(Kind.LINK)
        return any(
            (link.extension_name, link.extension_version) in brings and link.id not in linked
            for link in links
            if isinstance(link, Link)
        )


class _Settled:
    """Settles, and remembers whether it came to an end: only after that can anything have been committed."""

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self.agreed = False

    def __call__(self, before: Ground, after: Ground) -> Sequence[Link]:
        links = list(self._settle(before, after))
        self.agreed = True
        return links
