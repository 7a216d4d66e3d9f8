from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from graft.registry.v1 import identity_pb2
from graft_common.rpc.client import call
from graft_common.rpc.clients import RegistryClients
from graft_common.settings import Settings
from registry_service.identity.values import Account, User
from registry_service.store.store import Store
from tests.registry.conftest import ADMIN, PASSWORD, SettableClock, StartRegistry


async def cancel_after(turns: int, work: Coroutine[Any, Any, Any]) -> None:
    """Cancel work after so many turns of the loop, each a millisecond at most."""
    task = asyncio.create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0.0005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_changes_that_are_cancelled_leave_no_lock(store: Store, clock: SettableClock) -> None:
    async def add(name: str) -> None:
        async with store.change() as change:
            await change.users()
            await change.add_account(Account(User(name, name, ("read-only",), clock()), "hash"))

    for number in range(60):
        await cancel_after(number % 20, add(f"cancelled {number}"))
        await asyncio.wait_for(add(f"whole {number}"), 5)
    async with store.read() as view:
        names = {user.name for user in await view.users()}
    assert {f"whole {number}" for number in range(60)} <= names


async def test_clients_that_go_away_do_no_harm(
    start_registry: StartRegistry, settings: Settings, database_url: str
) -> None:
    secret = type(settings.admin_password)
    registry = await start_registry(settings.model_copy(update={"database_url": secret(database_url)}))
    request = identity_pb2.LoginRequest(user=ADMIN, password=PASSWORD)
    for clients in (registry.clients, RegistryClients.local(registry.app.services)):
        for _ in range(5):
            logins = [call(clients.identity.Login, request, timeout=20) for _ in range(12)]
            await asyncio.gather(*(cancel_after(turns * 2, login) for turns, login in enumerate(logins)))
            await asyncio.wait_for(registry.login(), 5)
