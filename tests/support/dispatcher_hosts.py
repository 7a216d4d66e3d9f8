"""Dispatchers without calls: hosts with tasks that share one store, each with connections of its own."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dispatcher_service.builtins.base import CallerContext
from dispatcher_service.calls.result import CallResult, Execution
from dispatcher_service.hosts.host import HostFacts
from dispatcher_service.hosts.membership import LeaseTimes, Membership
from dispatcher_service.sessions.session import Session
from dispatcher_service.store.store import DispatcherStore
from dispatcher_service.tasks.channel import Channels
from dispatcher_service.tasks.manager import TaskManager
from dispatcher_service.tasks.reading import TaskTimes
from dispatcher_service.tasks.task import Task
from graft_common.values import Value

QUICK = TaskTimes(kill_grace=1.0, watch=0.02, collect=0.05, save_wait=5.0, elsewhere=0.02)
PATIENT = LeaseTimes(lease=60.0, heartbeat=30.0)


def make_session(user: str = "anna", *roles: str) -> Session:
    fields: dict[str, Any] = {
        "digest": user.encode().hex().ljust(64, "0"),
        "uuid": str(uuid.uuid4()),
        "user": user,
        "user_uuid": str(uuid.uuid4()),
        "roles": roles or ("read-only",),
        "created": 0.0,
        "last_active": 0.0,
        "expires": 1e12,
    }
    return Session(**fields)


ANNA = make_session("anna")
BERT = make_session("bert")
OPERATOR = make_session("olga", "pool-operator")


def caller(session: Session = ANNA) -> CallerContext:
    return CallerContext(session=session, session_ref="OpaqueRef:secret")


async def until(what: str, probe: Callable[[], Awaitable[Any]], within: float = 40.0) -> Any:
    """Return what the probe returns as soon as it is true."""
    deadline = time.monotonic() + within
    while True:
        result = await probe()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what} has not come about within {within:g} s"
        await asyncio.sleep(0.01)


def gives(value: Value = "done") -> Execution:
    async def execution(_ref: str) -> CallResult:
        return CallResult(value)

    return execution


def raises(error: Exception) -> Execution:
    async def execution(_ref: str) -> CallResult:
        raise error

    return execution


@dataclass
class Gate:
    """An execution that runs until it is let go or killed."""

    value: Value = "done"
    open: asyncio.Event = field(default_factory=asyncio.Event)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    runs: int = 0

    async def __call__(self, _ref: str) -> CallResult:
        self.runs += 1
        self.running.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.killed.set()
            raise
        return CallResult(self.value)


@dataclass
class TestHost:
    """One dispatcher's state."""

    __test__ = False
    store: DispatcherStore
    hosts: Membership
    tasks: TaskManager

    async def ended(self, ref: str, session: Session = OPERATOR) -> Task:
        async def probe() -> Task | None:
            task = await self.tasks.get(session, ref)
            return None if task.pending else task

        ended: Task = await until(f"the end of {ref}", probe)
        return ended

    async def stored_end(self, ref: str) -> Task:
        """Wait until the store, too, knows the end."""

        async def probe() -> Task | None:
            task = await self.store.tasks.get(ref)
            assert task is not None
            return None if task.pending else task

        ended: Task = await until(f"the stored end of {ref}", probe)
        return ended

    async def gone(self, ref: str) -> None:
        async def probe() -> bool:
            return await self.store.tasks.get(ref) is None

        await until(f"{ref} to be forgotten", probe)


class Hosts:
    """Makes hosts on one store, and closes them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: list[TestHost] = []
        self._folders: list[tempfile.TemporaryDirectory[str]] = []

    async def add(
        self,
        host_uuid: str = "",
        *,
        lease: LeaseTimes = PATIENT,
        times: TaskTimes = QUICK,
        max_pending: int = 2000,
    ) -> TestHost:
        store = await DispatcherStore.open(self.url)
        facts = HostFacts(host_uuid or str(uuid.uuid4()), "machine", "127.0.0.1:50052", "0.1.0", "none")
        hosts = await Membership.join(store, facts, lease)
        folder = tempfile.TemporaryDirectory(prefix="graft-tasks-")
        self._folders.append(folder)
        channels = Channels(Path(folder.name))
        tasks = TaskManager(store, hosts, channels, max_pending=max_pending, times=times)
        hosts.on_lost = tasks.abandon
        host = TestHost(store, hosts, tasks)
        self._made.append(host)
        return host

    async def close(self) -> None:
        for host in self._made:
            await host.tasks.close()
            await host.hosts.stop()
            await host.store.close()
        for folder in self._folders:
            folder.cleanup()
