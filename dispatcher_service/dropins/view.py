"""The drop-ins that can be called now: followed as they appear, change and disappear."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from prometheus_client import Gauge

from dispatcher_service.dropins.generation import Cache, Generation, remove
from dispatcher_service.dropins.rules import MAX_NAME, Verdict, name_fault
from dispatcher_service.dropins.tree import Stamp, TreeTooLarge, look
from dispatcher_service.dropins.watch import changes

_log = structlog.get_logger("graft.dropins")
T = TypeVar("T")

DROPINS = Gauge("graft_dropins", "Methods that drop-in files make.")

SCAN_WAIT = 1.0
"""Seconds that a call waits for a new look at the directory, and for its file to be written."""
_SETTLE_FIRST = 0.05
_SETTLE_LAST = 0.5


@dataclass(frozen=True, slots=True)
class DropIn:
    """An executable as a call runs it."""

    tree: Path
    """The copy of the extensions directory that it lies in."""
    name: str
    mount_at: str
    """The extensions directory itself, as an absolute path."""
    hold: Callable[[], AbstractContextManager[None]] = field(compare=False)
    """Keeps the copy for longer than the call; to be asked while that holds it."""


@dataclass(frozen=True, slots=True)
class _View:
    generation: Generation
    methods: frozenset[str] = frozenset()
    executables: frozenset[str] = frozenset()
    """The files in the directory itself that may be run, whatever they are called; a declaration can name them."""
    seen: dict[str, Stamp] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    arriving: frozenset[str] = frozenset()
    """Those to be: they are being written and have no version before."""


class DropIns:
    """Holds the newest whole copy of the extensions directory, and follows the directory.

    Three things keep it current: the kernel's notices, a look at the named file with every call, and a look at all of
    the directory every few seconds for file systems that send no notices.
    """

    def __init__(self, directory: Path, cache: Path) -> None:
        self._directory = Path(os.path.realpath(directory))
        self._mount_at = str(self._directory)
        self._cache = Cache(cache)
        self._view = _View(Generation(cache / "none"))
        # One thread, so that generations are made and removed one after the other.
        self._thread = ThreadPoolExecutor(1, "dropins")
        self._scan: asyncio.Task[None] | None = None
        self._next_scan: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._settle: asyncio.TimerHandle | None = None
        self._settle_after = _SETTLE_FIRST
        self._trouble = ""
        self._closed = False
        self.on_change: Callable[[], None] = _nothing
        """Called when files that may be run have come or gone."""
        self.declared: Callable[[], Collection[str]] = frozenset
        """Names the files that declarations name, which need not be called like methods."""

    async def open(self) -> None:
        """Look at the directory for the first time and begin to follow it.

        Raises:
            OSError: the cache cannot be written.
        """
        await self._in_thread(self._cache.__enter__)
        await self.rescan()
        self._watch = asyncio.create_task(self._follow(), name="follow drop-ins")

    async def close(self) -> None:
        """Stop following, and remove every copy."""
        self._closed = True
        if self._settle is not None:
            self._settle.cancel()
        tasks = [task for task in (self._watch, self._next_scan, self._scan) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._in_thread(self._cache.__exit__, None, None, None)
        self._thread.shutdown(wait=False)
        DROPINS.set(0)

    @property
    def tree(self) -> Path:
        """The newest copy of the directory; it is held by `hold` alone."""
        return self._view.generation.root

    def names(self) -> list[str]:
        """Name the methods, sorted."""
        return sorted(self._view.methods)

    def executables(self) -> frozenset[str]:
        """Name the files that may be run, methods or not."""
        return self._view.executables

    def verdicts(self) -> tuple[Verdict, ...]:
        """Tell of each entry of the directory whether it is a method, or why not."""
        return self._view.verdicts

    async def has(self, name: str) -> bool:
        """Tell whether there is a method of that name at this moment, looking at its file."""
        return not name_fault(name) and await self.has_executable(name) and name in self._view.methods

    async def has_executable(self, name: str) -> bool:
        """Tell whether there is a file of that name that may be run at this moment, looking at it."""
        if name.startswith(".") or "/" in name or "\0" in name or not 0 < len(name) <= MAX_NAME:
            return False
        try:
            stamp = Stamp.of(os.stat(f"{self._mount_at}/{name}"))  # noqa: PTH116  (on every call; a Path costs more)
        except OSError:
            stamp = None
        view = self._view
        if stamp != view.seen.get(name) or name in view.generation.unsettled:
            await self._see(name)
        return stamp is not None and name in self._view.executables

    async def _see(self, name: str) -> None:
        """Look at the directory; wait a little for a file that is being written and has no version before."""
        try:
            async with asyncio.timeout(SCAN_WAIT):
                await self.rescan()
                while name in self._view.arriving:
                    await asyncio.sleep(_SETTLE_FIRST)
                    await self.rescan()
        except TimeoutError:
            _log.info("dropin.not_seen_yet", method=name, waited=SCAN_WAIT)

    @contextmanager
    def hold(self, name: str) -> Iterator[DropIn | None]:
        """Keep the copy that a call runs from until the block ends; None when there is no such file any more."""
        view = self._view
        if name not in view.executables:
            yield None
            return
        generation = view.generation
        generation.holders += 1
        try:
            yield DropIn(generation.root, name, self._mount_at, partial(self._hold, generation))
        finally:
            generation.holders -= 1
            self._discard(generation)

    @contextmanager
    def _hold(self, generation: Generation) -> Iterator[None]:
        generation.holders += 1
        try:
            yield
        finally:
            generation.holders -= 1
            self._discard(generation)

    async def rescan(self) -> None:
        """Look at the directory; return when a look that has begun after this call is done.

        However many wait, no more than one look is under way and one to come.
        """
        await asyncio.shield(self._begin_scan())

    async def _scan_after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._scan, self._next_scan = self._next_scan, None
        try:
            view = await self._in_thread(self._look, self._view)
        except (OSError, TreeTooLarge) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.error("dropin.scan_failed", directory=str(self._directory), reason=str(error))
        else:
            self._trouble = ""
            self._take(view)
        self._look_again_if_unsettled()

    def _look(self, view: _View) -> _View:
        tree = look(self._directory)
        generation = view.generation
        if not generation.shows(tree):
            made = self._cache.make(self._directory, tree, generation)
            if made.same_as(generation):
                remove(made.root)
            else:
                generation = made
        methods = frozenset(tree.methods & generation.files.keys())
        executables = _executables(generation.files)
        arriving = _executables({name: tree.files[name] for name in generation.unsettled if name in tree.files})
        return _View(generation, methods, executables, tree.seen, tuple(tree.verdicts), arriving - executables)

    def _take(self, view: _View) -> None:
        before, self._view = self._view, view
        if before.generation is not view.generation:
            before.generation.retired = True
            self._discard(before.generation)
            self._settle_after = _SETTLE_FIRST
        _log_changes(before, view, self.declared())
        DROPINS.set(len(view.methods))
        if (before.methods, before.executables) != (view.methods, view.executables):
            self.on_change()

    def _look_again_if_unsettled(self) -> None:
        if self._settle is not None:
            self._settle.cancel()
            self._settle = None
        if self._view.generation.unsettled:
            loop = asyncio.get_running_loop()
            self._settle = loop.call_later(self._settle_after, self._begin_scan)
            self._settle_after = min(self._settle_after * 2, _SETTLE_LAST)

    def _begin_scan(self) -> asyncio.Task[None]:
        if self._next_scan is None:
            self._next_scan = asyncio.create_task(self._scan_after(self._scan), name="scan drop-ins")
        return self._next_scan

    def _discard(self, generation: Generation) -> None:
        if generation.retired and not generation.holders and not self._closed:
            self._thread.submit(remove, generation.root)

    async def _follow(self) -> None:
        async for _ in changes(self._directory):
            await self.rescan()

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)


def _nothing() -> None:
    return


def _executables(files: Mapping[str, Stamp]) -> frozenset[str]:
    return frozenset(name for name, stamp in files.items() if "/" not in name and name[0] != "." and stamp.mode & 0o111)


def _log_changes(before: _View, now: _View, declared: Collection[str]) -> None:
    for verdict in now.verdicts:
        if verdict.path in declared and verdict.path in now.executables:
            continue
        if not verdict.ok and verdict not in before.verdicts:
            _log.warning("dropin.ignored", path=verdict.path, reason=verdict.reason)
    for name in sorted(now.methods - before.methods):
        _log.info("dropin.added", method=name)
    for name in sorted(before.methods - now.methods):
        _log.info("dropin.removed", method=name)
    for name in sorted(now.methods & before.methods):
        if now.generation.files[name] != before.generation.files[name]:
            _log.info("dropin.changed", method=name)
