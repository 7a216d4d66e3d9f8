"""A hub of events on a real store; the registry is what a test says of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dispatcher_service.events.answers import Answer
from dispatcher_service.events.hub import EventHub
from dispatcher_service.events.kinds import RegistryKind, StoredKind
from dispatcher_service.events.subscriptions import Subscriptions
from dispatcher_service.events.tokens import Token
from dispatcher_service.sessions.applying import ObjectChange, Operation, RegistryObject
from dispatcher_service.sessions.objects import User
from dispatcher_service.sessions.session import Session
from dispatcher_service.store.changes import Changed
from dispatcher_service.store.store import DispatcherStore
from graft_common.roles import POOL_OPERATOR
from graft_common.values import Value
from support.dispatcher_hosts import ANNA


@dataclass
class StandIn:
    """Says how far the registry is known."""

    revision: int = 0

    async def wait_for(self, revision: int, _seconds: float) -> bool:
        return self.revision >= revision


@dataclass
class Watched:
    """One dispatcher's hub, and what it reads."""

    store: DispatcherStore
    hub: EventHub
    registry: StandIn
    loads: list[Sequence[str]] = field(default_factory=list)

    async def change(self, *changes: Changed) -> None:
        await self.store.changes.note(*changes)

    async def tasks(self, *names: str, owner: str = "anna") -> None:
        """Note tasks, whose references are their names."""
        await self.change(*(Changed("task", name, owner=owner) for name in names))

    def follow(self, revision: int, *changes: ObjectChange) -> None:
        self.registry.revision = revision
        self.hub.registry_moved(revision, changes)

    async def next(self, token: str = "", *classes: str, session: Session = ANNA, seconds: float = 20.0) -> Answer:
        wanted = Subscriptions.parse(classes or ("*",))
        return await self.hub.next(session, wanted, Token.parse(token), seconds)

    async def seated_are(self, number: int) -> None:
        """Return once so many wait."""
        async with asyncio.timeout(20):
            while self.seated != number:  # noqa: ASYNC110  (it tells nobody)
                await asyncio.sleep(0.001)

    async def waiting(self, token: str, *classes: str, session: Session = ANNA) -> asyncio.Task[Answer]:
        """Return once the answer is waited for."""
        before = self.seated
        task = asyncio.create_task(self.next(token, *classes, session=session))
        async with asyncio.timeout(20):
            while self.seated == before and not task.done():  # noqa: ASYNC110  (it tells nobody)
                await asyncio.sleep(0.001)
        return task

    @property
    def seated(self) -> int:
        return sum(map(len, self.hub._room.wishes.values()))


def user(name: str, *, revision: int = 0) -> User:
    return User(name, f"uuid-{name}", ("read-only",), float(revision))


def came(found: RegistryObject) -> ObjectChange:
    return ObjectChange(Operation.ADD, found)


def changed(found: RegistryObject) -> ObjectChange:
    return ObjectChange(Operation.MOD, found)


def went(found: RegistryObject) -> ObjectChange:
    return ObjectChange(Operation.DEL, found)


@asynccontextmanager
async def watched(url: str, *, size: int = 10) -> AsyncIterator[Watched]:
    """Open a hub that has tasks, which belong to users, and pools; and users of the registry. A record has a text of `size`."""
    store = await DispatcherStore.open(url)
    registry = StandIn()
    loads: list[Sequence[str]] = []

    async def load(refs: Sequence[str]) -> dict[str, Value]:
        loads.append(refs)
        return {ref: {"name_label": ref, "text": "x" * size} for ref in refs if ref != "vanished"}

    hub = EventHub(
        store.changes,
        registry,
        [
            StoredKind("task", load, lambda session: session.may(POOL_OPERATOR)),
            StoredKind("pool", load),
            RegistryKind("user", lambda found: {"name_label": found.name}),
        ],
    )
    store.access.on_noted = hub.noted
    hub.start()
    try:
        yield Watched(store, hub, registry, loads)
    finally:
        await hub.close()
        await store.close()


def told(answer: Answer) -> list[tuple[str, str, str]]:
    return [(event.kind, event.operation.value, event.ref) for event in answer.events]
