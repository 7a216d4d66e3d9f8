"""A registry that tests steer: what it streams, what it answers, and when it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from types import SimpleNamespace
from typing import Any

from graft.registry.v1 import identity_pb2, registry_pb2
from graft_common.errors import GraftError, service_unavailable, session_invalid
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import digest

PUT = registry_pb2.CHANGE_TYPE_PUT
DELETE = registry_pb2.CHANGE_TYPE_DELETE


class RegistryStandIn:
    """Holds sessions and a log of changes, and speaks as the registry does."""

    def __init__(self) -> None:
        self.away = False
        self.silent = False
        """Whether changes are kept back from the stream."""
        self.revision = 10
        self.oldest = 0
        self.sessions: dict[str, identity_pb2.Session] = {}
        self.log: list[registry_pb2.WatchResponse] = []
        self.lookups: list[str] = []
        self.touches: list[identity_pb2.SessionTouch] = []
        self.watches: list[int] = []
        self.lookup_gate: asyncio.Event | None = None
        self.refusal: GraftError | None = None
        """What lookups fail with."""
        self._news = asyncio.Condition()

    def clients(self) -> RegistryClients:
        identity: Any = SimpleNamespace(LookupSession=self._lookup, TouchSessions=self._touch)
        registry: Any = SimpleNamespace(Watch=self._watch)
        nothing: Any = SimpleNamespace()
        return RegistryClients(
            identity, registry, clusters=nothing, mpacks=nothing, grants=nothing, roles=nothing, groups=nothing
        )

    async def login(
        self,
        ref: str,
        roles: Sequence[str] = ("pool-admin",),
        idle: float = 1000.0,
        age: float = 0,
        ends: float | None = None,
    ) -> int:
        now = time.time() - age
        session = identity_pb2.Session(digest=digest(ref), uuid="u", user="alice", roles=roles, originator="tests")
        session.created.FromMicroseconds(int(now * 1e6))
        session.last_active.FromMicroseconds(int(now * 1e6))
        session.expires.FromMicroseconds(int((now + idle) * 1e6))
        if ends is not None:
            session.ends.FromMicroseconds(int((now + ends) * 1e6))
        self.sessions[session.digest] = session
        kind = registry_pb2.RESOURCE_KIND_SESSION
        return await self.tell(registry_pb2.Change(type=PUT, kind=kind, key=session.digest, session=session))

    async def logout(self, ref: str) -> int:
        self.sessions.pop(digest(ref), None)
        kind = registry_pb2.RESOURCE_KIND_SESSION
        return await self.tell(registry_pb2.Change(type=DELETE, kind=kind, key=digest(ref)))

    async def tell(self, change: registry_pb2.Change) -> int:
        self.revision += 1
        phase = registry_pb2.WATCH_PHASE_CHANGES
        self.log.append(registry_pb2.WatchResponse(revision=self.revision, phase=phase, changes=[change]))
        await self.wake()
        return self.revision

    async def wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def go_away(self) -> None:
        self.away = True
        await self.wake()

    async def _watch(
        self, request: registry_pb2.WatchRequest, *, metadata: Sequence[tuple[str, str]] = ()
    ) -> AsyncGenerator[registry_pb2.WatchResponse, None]:
        self._check_away()
        assert dict(metadata)["authorization"] == "Bearer token"
        self.watches.append(request.start_revision)
        position = request.start_revision
        if position and position < self.oldest:
            raise GraftError("REVISION_COMPACTED", str(position), str(self.oldest))
        if not position:
            position = self.revision
            for phase, changes in [
                (registry_pb2.WATCH_PHASE_SNAPSHOT, self._snapshot()),
                (registry_pb2.WATCH_PHASE_SNAPSHOT_COMPLETE, []),
            ]:
                yield registry_pb2.WatchResponse(revision=position, phase=phase, changes=changes)
        while True:
            self._check_away()
            if not self.silent:
                for response in self.log:
                    if response.revision > position:
                        position = response.revision
                        yield response
            async with self._news:
                await self._news.wait()

    def _snapshot(self) -> list[registry_pb2.Change]:
        kind = registry_pb2.RESOURCE_KIND_SESSION
        return [registry_pb2.Change(type=PUT, kind=kind, key=key, session=s) for key, s in self.sessions.items()]

    async def _lookup(
        self, request: identity_pb2.LookupSessionRequest, **_: object
    ) -> identity_pb2.LookupSessionResponse:
        self._check_away()
        key = digest(request.token) if request.token else request.digest
        self.lookups.append(request.token or key)
        if self.lookup_gate is not None:
            await self.lookup_gate.wait()
        if self.refusal is not None:
            raise self.refusal
        if key not in self.sessions:
            raise session_invalid(key)
        return identity_pb2.LookupSessionResponse(session=self.sessions[key], revision=self.revision)

    async def _touch(
        self, request: identity_pb2.TouchSessionsRequest, **_: object
    ) -> identity_pb2.TouchSessionsResponse:
        self._check_away()
        self.touches.extend(request.touches)
        return identity_pb2.TouchSessionsResponse()

    def _check_away(self) -> None:
        if self.away:
            raise service_unavailable("registry", "away")
