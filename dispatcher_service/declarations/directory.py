"""Follows the directory of declarations of drop-ins: each file counts as it was when it was last good."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import structlog
from prometheus_client import Gauge

from dispatcher_service.declarations.cache import Kept, load, save
from dispatcher_service.declarations.files import Seen, look, mark_of
from dispatcher_service.dropins.watch import changes
from graft_common.collecting import no_collection
from graft_common.declarations.reader import DeclarationError, Finding, Form
from graft_common.declarations.settling import GoodFile, Noted, Refused, Settled, settle

_log = structlog.get_logger("graft.declarations")

T = TypeVar("T")

FINDINGS = Gauge("graft_declaration_findings", "Things that are wrong with the declarations of drop-ins.")
_NOTICE = 1.0
"""Seconds that a call waits for a look at the directory."""
_SETTLE = 0.1
"""Seconds until a file that was being written is looked at again."""


def _nothing() -> None:
    return


@dataclass(frozen=True)
class _State:
    seen: Seen = field(default_factory=Seen)
    forms: dict[str, tuple[str, Form | DeclarationError]] = field(default_factory=dict)
    """By name: what was read of a content, which the digest tells. Of what the cache told nothing was read."""
    settled: Settled = field(default_factory=Settled)
    files: dict[str, GoodFile] = field(default_factory=dict)
    """As in `settled`; while the directory cannot be trusted, so that nothing of it counts, what would count again."""


class DeclarationFiles:
    """Holds what is in force of the directory, and follows it, by the kernel's notices and a look every ten seconds."""

    def __init__(self, directory: Path, cache: Path, refused: Refused) -> None:
        """Begin with nothing.

        Args:
            directory: the declarations; it may be missing, and appear.
            cache: a file that keeps what is in force for the next start.
            refused: tells which methods cannot be declared here, and why.
        """
        self.on_change: Callable[[], None] = _nothing
        """Called on the event loop when something else is in force."""
        self._directory = Path(os.path.realpath(directory))
        self._place = str(self._directory)
        self._cache = cache
        self._refused = refused
        self._state = _State()
        self._thread = ThreadPoolExecutor(1, "declarations")
        self._turn = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._again: asyncio.Task[None] | None = None
        self._noticing: asyncio.Task[None] | None = None
        self._trouble = ""

    @property
    def settled(self) -> Settled:
        """What is in force, and what is wrong."""
        return self._state.settled

    async def open(self) -> None:
        """Look at the directory for the first time, with what was good at the last stop, and begin to follow it."""
        kept = await self._in_thread(self._load)
        if kept is not None:
            self._state = _State(files=kept.files)
        await self._rescan(kept)
        self._watch = asyncio.create_task(self._follow(), name="follow declarations")

    async def close(self) -> None:
        """Stop following."""
        tasks = [task for task in (self._watch, self._again, self._noticing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False)
        FINDINGS.set(0)

    async def rescan(self) -> None:
        """Look at the directory, and return when what it holds is in force."""
        await self._rescan(None)

    async def notice(self) -> None:
        """Look at the directory if files have come, gone or been replaced; that takes at most a second."""
        if not self._is_changed():
            return
        # Of many calls that come at once, the first one looks for all; a look that takes longer goes on without them.
        if self._noticing is None or self._noticing.done():
            self._noticing = asyncio.create_task(self._rescan_if_changed(), name="look at changed declarations")
        done, _ = await asyncio.wait({self._noticing}, timeout=_NOTICE)
        if not done:
            _log.info("declarations.not_seen_yet", waited=_NOTICE)

    async def _rescan_if_changed(self) -> None:
        async with self._turn:
            if self._is_changed():
                await self._scan(None)

    def _is_changed(self) -> bool:
        return mark_of(self._place) != self._state.seen.mark

    async def _rescan(self, kept: Kept | None) -> None:
        async with self._turn:
            await self._scan(kept)

    async def _scan(self, kept: Kept | None) -> None:
        try:
            state = await self._in_thread(lambda: self._look(self._state, kept))
        except Exception as error:  # noqa: BLE001  (what is in force stays so, whatever lies in the directory)
            if str(error) != self._trouble:
                self._trouble = str(error)
                unforeseen = not isinstance(error, OSError)
                reason = str(error) or type(error).__name__
                _log.error(
                    "declarations.scan_failed", directory=str(self._directory), reason=reason, exc_info=unforeseen
                )
            # Calls do not try again what the look every ten seconds will.
            self._state = replace(self._state, seen=replace(self._state.seen, mark=mark_of(self._directory)))
        else:
            self._trouble = ""
            self._take(state)

    @no_collection()
    def _load(self) -> Kept | None:
        return load(self._cache)

    @no_collection()
    def _look(self, before: _State, kept: Kept | None) -> _State:
        seen = look(self._directory, before.seen)
        if kept is not None and not seen.fault and seen.digests == kept.digests:
            return _State(seen, {}, kept.settled, kept.files)
        if kept is None and (seen.digests, seen.fault) == (before.seen.digests, before.seen.fault):
            return _State(seen, before.forms, before.settled, before.files)
        if seen.fault:
            finding = Finding(str(self._directory), 0, "", seen.fault)
            return _State(seen, {}, Settled(notes=(Noted(finding),)), before.files)
        forms = _read(seen, before)
        settled = settle({name: form for name, (_, form) in forms.items()}, before.files, self._refused)
        save(Kept(seen.digests, dict(settled.files), settled.notes), self._cache)
        return _State(seen, forms, settled, dict(settled.files))

    def _take(self, state: _State) -> None:
        before, self._state = self._state.settled, state
        told = frozenset(before.notes)
        for noted in state.settled.notes:
            if noted not in told:
                _log.warning("declaration.refused", finding=str(noted.finding), last_good_in_force=noted.last_good)
        if before is not state.settled:
            FINDINGS.set(len(state.settled.notes))
            _log.info("declarations.in_force", files=len(state.settled.files), findings=len(state.settled.notes))
            self.on_change()
        if state.seen.unsettled and (self._again is None or self._again.done()):
            self._again = asyncio.create_task(self._look_again(), name="look at declarations again")

    async def _look_again(self) -> None:
        while self._state.seen.unsettled:
            await asyncio.sleep(_SETTLE)
            await self.rescan()

    async def _follow(self) -> None:
        async for _ in changes(self._directory):
            await self.rescan()

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)


def _read(seen: Seen, before: _State) -> dict[str, tuple[str, Form | DeclarationError]]:
    """Read the files whose content is not the one that was read before."""
    forms: dict[str, tuple[str, Form | DeclarationError]] = {}
    for name, file in seen.files.items():
        if file.fault:
            forms[name] = "", DeclarationError((Finding(name, 0, "", file.fault),))
            continue
        known = before.forms.get(name)
        if known is not None and known[0] == file.digest:
            forms[name] = known
            continue
        try:
            forms[name] = file.digest, Form(name, file.data)
        except DeclarationError as error:
            forms[name] = file.digest, error
    return forms
