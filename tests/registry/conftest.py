from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from graft.registry.v1 import identity_pb2
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.rpc.server import RpcServer
from graft_common.settings import Settings
from registry_service.app import RegistryApp
from registry_service.store.store import Store
from registry_service.tuning import PasswordCost, Tuning
from support.stores import with_tables

ADMIN = "root"
PASSWORD = "correct horse battery staple"
TOKEN = "the services' own token"


@dataclass
class SettableClock:
    """A clock that tests set."""

    time: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class Registry:
    """A registry behind a real gRPC server, and clients of it."""

    app: RegistryApp
    server: RpcServer
    channel: grpc.aio.Channel
    clients: RegistryClients
    address: str

    async def login(
        self, user: str = ADMIN, password: str = PASSWORD, originator: str = ""
    ) -> identity_pb2.LoginResponse:
        request = identity_pb2.LoginRequest(user=user, password=password, originator=originator)
        return await call(self.clients.identity.Login, request, timeout=20)

    async def as_admin(self) -> list[tuple[str, str]]:
        return list(call_metadata((await self.login()).session_ref))

    async def create_user(self, name: str, *roles: str, password: str = "password of the user") -> None:
        request = identity_pb2.CreateUserRequest(name=name, password=password, roles=roles)
        await call(self.clients.identity.CreateUser, request, timeout=20, metadata=await self.as_admin())

    async def as_user(self, name: str, password: str = "password of the user") -> list[tuple[str, str]]:
        return list(call_metadata((await self.login(name, password)).session_ref))

    async def stop(self) -> None:
        await self.channel.close()
        await self.app.drain(1)
        await self.server.stop(1)
        await self.app.close()


AS_SERVICE = call_metadata(TOKEN)

StartRegistry = Callable[..., Awaitable[Registry]]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def tuning(clock: SettableClock) -> Tuning:
    return Tuning(
        password_cost=PasswordCost(1, 8, 1), poll_every=0.1, bookmark_every=0.3, failed_login_delay=0, now=clock
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{with_tables(tmp_path, 'registry') / 'registry.db'}"
    return str(request.getfixturevalue("prepared_postgres")("registry"))


@pytest.fixture
async def store(database_url: str, clock: SettableClock) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, clock)
    yield opened
    await opened.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    data = with_tables(tmp_path / "data", "registry")
    return Settings(data_dir=data, admin_user=ADMIN, admin_password=PASSWORD, service_token=TOKEN)


@pytest.fixture
async def start_registry(settings: Settings, tuning: Tuning) -> AsyncIterator[StartRegistry]:
    started: list[Registry] = []

    async def start(given: Settings | None = None, **changed: object) -> Registry:
        app = await RegistryApp.open(given or settings, replace(tuning, **changed))
        server = RpcServer(app.services)
        address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
        channel = open_channel(address)
        started.append(Registry(app, server, channel, RegistryClients.remote(channel), address))
        return started[-1]

    yield start
    for registry in started:
        await registry.stop()


@pytest.fixture
async def registry(start_registry: StartRegistry) -> Registry:
    return await start_registry()
