"""Follows the registry's `Watch`, so that calls are checked without asking it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress

import structlog
from prometheus_client import Gauge

from dispatcher_service.bundles.marks import BundleMark
from dispatcher_service.sessions.applying import ObjectChange, apply_changes, differences
from dispatcher_service.sessions.view import RegistryView
from graft.registry.v1 import registry_pb2
from graft_common.errors import GraftError
from graft_common.rpc.client import stream
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata

_log = structlog.get_logger("graft.registry_follower")

CONNECTED = Gauge("graft_registry_connected", "Whether the dispatcher hears from the registry: 1 or 0.")
SESSIONS = Gauge("graft_sessions_known", "Sessions that the dispatcher knows of.")

SILENCE = 75.0
"""Seconds without a response, bookmarks included, after which the stream counts as dead; bookmarks come every 30."""
_FIRST_DELAY = 0.1
_LAST_DELAY = 2.0
"""Seconds between the beginnings of two attempts at most; a registry that is back is waited for in between."""
_KINDS = (
    registry_pb2.RESOURCE_KIND_SESSION,
    registry_pb2.RESOURCE_KIND_METHOD_BUNDLE,
    registry_pb2.RESOURCE_KIND_GRANT,
    registry_pb2.RESOURCE_KIND_ROLE,
    registry_pb2.RESOURCE_KIND_USER,
    registry_pb2.RESOURCE_KIND_EXTENSION_VERSION,
    registry_pb2.RESOURCE_KIND_LINK,
)
_FIXES = {
    "SERVICE_TOKEN_INVALID": "set the same GRAFT_SERVICE_TOKEN for the registry and the dispatcher",
    "SESSION_INVALID": "set the same GRAFT_SERVICE_TOKEN for the registry and the dispatcher",
}


class RegistryFollower:
    """Holds the newest view; keeps the last one while the registry is away."""

    def __init__(self, registry: RegistryClients, token: str) -> None:
        self.view = RegistryView()
        self.connected = False
        """Whether the present stream has brought anything yet."""
        self.on_bundles: Callable[[Mapping[str, BundleMark]], None] = _nothing
        """Is told all bundles of methods that are linked, by place, when they may have changed."""
        self.on_objects: Callable[[int, Sequence[ObjectChange]], None] = _no_objects
        """Is told each revision that the view has reached, and what has become of sessions, roles, users, extension
        versions and links since the one before; between two steps of the event loop, when the view is there already.
        """
        self._registry = registry
        self._metadata = call_metadata(token)
        self._synced = asyncio.Event()
        self._moved = asyncio.Event()
        self._resume_at = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def synced(self) -> bool:
        """Whether a whole snapshot has ever arrived."""
        return self._synced.is_set()

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._follow_for_ever(), name="follow the registry")

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def wait_synced(self, seconds: float) -> bool:
        """Wait until a whole snapshot has arrived; tell whether it has."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._synced.wait()
        return self.synced

    async def wait_for(self, revision: int, seconds: float) -> bool:
        """Wait until the view is at a revision, as long as the stream lives; tell whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.connected and self.view.revision < revision:
                    await self._moved.wait()
        return self.view.revision >= revision

    async def _follow_for_ever(self) -> None:
        delay, told = _FIRST_DELAY, ""
        while True:
            began = time.monotonic()
            try:
                async for _ in self._responses():
                    if not self.connected:
                        self._set_connected(connected=True)
                        delay, told = _FIRST_DELAY, ""
                reason = "the stream has ended"
            except GraftError as error:
                reason = str(error)
                if error.code == "REVISION_COMPACTED":
                    # The view stays in use until the snapshot that is asked for now is complete.
                    self._resume_at = 0
                if reason != told:
                    _log.warning("registry.lost", reason=reason, fix=_FIXES.get(error.code, ""))
                    told = reason
            except TimeoutError:
                _log.warning("registry.lost", reason=f"nothing heard for {SILENCE:g} s", fix="")
            except Exception:  # noqa: BLE001  (calls of known sessions go on whatever the registry sends)
                _log.exception("registry.misunderstood")
            waited = 0.0 if self.connected else time.monotonic() - began
            self._set_connected(connected=False)
            pause = delay * random.uniform(0.5, 1.0) - waited  # noqa: S311  (spreads reconnections, no secret)
            await asyncio.sleep(max(pause, 0.0))
            delay = min(delay * 2, _LAST_DELAY)

    async def _responses(self) -> AsyncIterator[None]:
        """Apply responses, and yield after each."""
        request = registry_pb2.WatchRequest(start_revision=self._resume_at, kinds=_KINDS)
        snapshot = RegistryView()
        watch = self._registry.registry.Watch
        async with aclosing(stream(watch, request, metadata=self._metadata, service="registry")) as responses:
            while True:
                try:
                    async with asyncio.timeout(SILENCE):
                        response = await anext(responses)
                except StopAsyncIteration:
                    return
                match response.phase:
                    case registry_pb2.WATCH_PHASE_SNAPSHOT:
                        apply_changes(snapshot, response.changes)
                    case registry_pb2.WATCH_PHASE_SNAPSHOT_COMPLETE:
                        apply_changes(snapshot, response.changes)
                        self._advance(snapshot, response.revision, differences(self.view, snapshot))
                        self.on_bundles(snapshot.bundles)
                        _log.info("registry.synced", revision=response.revision, sessions=len(snapshot.sessions))
                        self._synced.set()
                    case registry_pb2.WATCH_PHASE_CHANGES:
                        changed = apply_changes(self.view, response.changes)
                        self._advance(self.view, response.revision, changed)
                        if any(change.kind == registry_pb2.RESOURCE_KIND_METHOD_BUNDLE for change in response.changes):
                            self.on_bundles(self.view.bundles)
                    case _:
                        self._advance(self.view, response.revision)
                yield

    def _advance(self, view: RegistryView, revision: int, changed: Sequence[ObjectChange] = ()) -> None:
        view.revision = revision
        self.view = view
        self._resume_at = revision
        SESSIONS.set(len(view.sessions))
        self.on_objects(revision, changed)
        self._wake()

    def _set_connected(self, *, connected: bool) -> None:
        self.connected = connected
        CONNECTED.set(int(connected))
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def _nothing(_bundles: Mapping[str, BundleMark]) -> None:
    return


def _no_objects(_revision: int, _changed: Sequence[ObjectChange]) -> None:
    return
