"""The bundles of linked extension versions that are in force here: followed as the registry tells of them."""

from __future__ import annotations

import asyncio
import operator
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from prometheus_client import Gauge

from dispatcher_service.bundles.loading import Content, Loader, LoadError
from dispatcher_service.bundles.marks import BundleMark
from dispatcher_service.declarations.in_force import Noted
from dispatcher_service.declarations.sources import Holds, LinkedBundle
from graft_common.declarations.reader import Finding

_log = structlog.get_logger("graft.bundles")

BUNDLES = Gauge("graft_method_bundles", "Linked extension versions whose methods are in force.")

MOUNT_AT = "/opt/graft/methods"
"""Where executables find themselves: `<MOUNT_AT>/<extension>/<version>`. Below /usr nothing can be mounted but where
the host has a folder, for /usr is the host's own."""
MAX_LOADS = 4
"""Bundles that are loaded at once."""
SWITCH_WAIT = 2.0
"""Seconds that a version stays in force which is linked no more, while another of its extension is being loaded."""
ARRIVAL_WAIT = 1.0
"""Seconds that a call of a method which nothing brings waits for bundles that are being loaded."""
_FIRST_DELAY = 0.2
_LAST_DELAY = 30.0


class Taker(Protocol):
    """Takes over what is in force."""

    def __call__(self, bundles: Sequence[LinkedBundle], notes: Sequence[Noted] = ()) -> None: ...


@dataclass(frozen=True, slots=True)
class _Loaded:
    digest: str
    bundle: LinkedBundle


@dataclass(slots=True)
class _State:
    """What is known of one extension version."""

    wanted: BundleMark | None = None
    loaded: _Loaded | None = None
    trouble: str = ""
    """Why what is wanted could not be had."""
    is_given_up: bool = False
    """Whether trying once more would find the same."""
    leaves_at: float = 0.0
    """When it goes at last, on the loop's clock, where it is not wanted."""

    def want(self, mark: BundleMark) -> None:
        """Take note of what it is to be."""
        if self.wanted is None or self.wanted.digest != mark.digest:
            self.trouble, self.is_given_up = "", False
        self.wanted = mark
        if self.loaded is not None and self.loaded.bundle.link_id != mark.link_id:
            self.loaded = replace(self.loaded, bundle=replace(self.loaded.bundle, link_id=mark.link_id))

    @property
    def missing(self) -> str:
        """The digest of what is wanted and not there; empty where nothing is missing."""
        if self.wanted is None or (self.loaded is not None and self.loaded.digest == self.wanted.digest):
            return ""
        return self.wanted.digest

    @property
    def is_awaited(self) -> bool:
        """Whether what is missing has not been tried yet."""
        return bool(self.missing) and not self.trouble


class Bundles:
    """Keeps what is in force equal to what is linked, as far as it can be had.

    What was in force stays until what follows it is there: another state of the same version, or, for a moment,
    another version of the same extension. While the registry is away everything stays as it is.
    """

    def __init__(self, loader: Loader, holds: Holds, take: Taker) -> None:
        self._loader = loader
        self._holds = holds
        self._take = take
        self._states: dict[str, _State] = {}
        self._loads: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(MAX_LOADS)
        self._on_disk: set[str] = set()
        self._in_force: tuple[LinkedBundle, ...] = ()
        self._notes: tuple[Noted, ...] = ()
        self._has_heard = False
        self._settled = asyncio.Event()
        self._calm = asyncio.Event()
        self._calm.set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        holds.on_release = lambda _tree: self._clean()

    async def open(self) -> None:
        """Look at what is on disk.

        Raises:
            OSError: the cache cannot be written.
        """
        self._on_disk = set(await self._loader.open())

    async def close(self) -> None:
        """Stop loading; what is on disk stays for the next start."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        loads = list(self._loads.values())
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)
        self._loader.close()
        BUNDLES.set(0)

    @property
    def settled(self) -> bool:
        """Whether all that was linked when the registry was first heard is there, or has been tried."""
        return self._settled.is_set()

    async def wait_settled(self) -> None:
        """Wait for that."""
        await self._settled.wait()

    async def arrived(self) -> None:
        """Wait a moment for what is on its way here; whoever has made a link can call its methods then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ARRIVAL_WAIT):
                await self._calm.wait()

    def follow(self, marks: Mapping[str, BundleMark]) -> None:
        """Take note of all bundles that are linked now, by place."""
        leaves_at = asyncio.get_running_loop().time() + SWITCH_WAIT
        for place, state in self._states.items():
            if place not in marks and state.wanted is not None:
                state.wanted, state.trouble, state.leaves_at = None, "", leaves_at
        for place, mark in marks.items():
            self._states.setdefault(place, _State()).want(mark)
        self._has_heard = True
        self._go_on()

    def _go_on(self) -> None:
        """Load what is missing, hand on what is in force, and remove what nobody needs."""
        if self._is_closed:
            return
        missing = {state.missing for state in self._states.values() if not state.is_given_up} - {""}
        for digest in missing - self._loads.keys():
            self._loads[digest] = asyncio.create_task(self._load(digest), name="load a bundle of methods")
        for digest in self._loads.keys() - missing:
            # It may be wanted again before the task has ended, which then comes here.
            if not self._loads[digest].cancelling():
                self._loads[digest].cancel()
        if any(state.is_awaited for state in self._states.values()):
            self._calm.clear()
        else:
            self._calm.set()
            if self._has_heard:
                self._settled.set()
        self._drop_unlinked()
        self._hand_on()
        self._clean()

    def _drop_unlinked(self) -> None:
        """Let go of what is linked no more, unless another version of its extension is about to come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        awaited = {state.wanted.name for state in self._states.values() if state.wanted and state.is_awaited}
        for place, state in list(self._states.items()):
            if state.wanted is not None:
                continue
            if state.loaded is None or state.loaded.bundle.name not in awaited or state.leaves_at <= loop.time():
                del self._states[place]
            elif self._timer is None or state.leaves_at < self._timer.when():
                self._timer = loop.call_at(state.leaves_at, self._go_on)

    def _hand_on(self) -> None:
        places = sorted(self._states)
        in_force = tuple(loaded.bundle for place in places if (loaded := self._states[place].loaded) is not None)
        notes = tuple(
            Noted(Finding(place, 0, "", state.trouble), last_good=state.loaded is not None)
            for place in places
            if (state := self._states[place]).trouble
        )
        is_same = len(in_force) == len(self._in_force) and all(map(operator.is_, in_force, self._in_force))
        if is_same and notes == self._notes:
            return
        _log_changes(self._in_force, in_force)
        self._in_force, self._notes = in_force, notes
        BUNDLES.set(len(in_force))
        self._take(in_force, notes)

    def _clean(self) -> None:
        """Remove from the disk what is neither linked nor in force, and which no call uses."""
        if not self._has_heard or self._is_closed:
            return
        needed = {state.wanted.digest for state in self._states.values() if state.wanted is not None}
        needed |= {state.loaded.digest for state in self._states.values() if state.loaded is not None}
        for digest in self._on_disk - needed - self._loads.keys():
            if not self._holds.held(self._loader.tree(digest)):
                self._on_disk.discard(digest)
                self._loader.remove(digest)

    async def _load(self, digest: str) -> None:
        """Load a bundle; try until it is there, or there is no use in it. Cancelled when nobody wants it any more."""
        delay = _FIRST_DELAY
        try:
            while wanting := [
                state.wanted for state in self._states.values() if state.missing == digest and state.wanted
            ]:
                try:
                    async with self._places:
                        content = await self._loader.load(wanting[0])
                except LoadError as error:
                    self._note(digest, error)
                    if error.is_lasting:
                        return
                else:
                    self._put(digest, content)
                    return
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  (spreads attempts, no secret)
                delay = min(delay * 2, _LAST_DELAY)
        except Exception:  # noqa: BLE001  (what is in force stays, and others are still loaded)
            _log.exception("bundle.load_crashed", digest=digest)
            self._note(digest, LoadError("loading it has failed; see the dispatcher's log", is_lasting=True))
        finally:
            del self._loads[digest]
            # Perhaps not whole: it is looked at before it is used.
            self._on_disk.add(digest)
            self._go_on()

    def _put(self, digest: str, content: Content) -> None:
        for state in self._states.values():
            mark = state.wanted
            if mark is not None and mark.digest == digest:
                mount_at = f"{MOUNT_AT}/{mark.name}/{mark.version}"
                bundle = LinkedBundle(
                    mark.name, mark.version, mark.link_id, content.document, content.executables, content.tree, mount_at
                )
                state.loaded, state.trouble = _Loaded(digest, bundle), ""

    def _note(self, digest: str, error: LoadError) -> None:
        for place, state in self._states.items():
            if state.missing == digest:
                if state.trouble != str(error):
                    _log.warning(
                        "bundle.not_loaded",
                        extension_version=place,
                        digest=digest,
                        reason=str(error),
                        last_good_in_force=state.loaded is not None,
                    )
                state.trouble, state.is_given_up = str(error), error.is_lasting
        if not error.is_lasting:
            self._go_on()


def _log_changes(before: Sequence[LinkedBundle], now: Sequence[LinkedBundle]) -> None:
    trees = {bundle.place: bundle.tree for bundle in before}
    for bundle in now:
        if trees.pop(bundle.place, None) != bundle.tree:
            _log.info("bundle.in_force", extension_version=bundle.place, methods=len(bundle.document.methods))
    for place in trees:
        _log.info("bundle.gone", extension_version=place)
