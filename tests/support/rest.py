"""A registry, a gateway before it, and a client of Ambari's REST interface: real sockets all the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import httpx

from fakes import FakePlatform
from gateway.app import GatewayApp
from gateway.server import HttpServer
from graft.registry.v1 import cluster_pb2, identity_pb2, registry_pb2
from graft_common.rpc.client import call, open_channel
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.rpc.server import RpcServer
from graft_common.settings import Settings
from registry_service.app import RegistryApp
from support.stores import QUICK, with_tables

ADMIN = ("admin", "correct horse battery staple")
READER = ("rita", "password of rita")
CSRF = {"X-Requested-By": "ambari"}
TUNING = replace(QUICK, poll_every=0.1)


@dataclass
class Rest:
    """What a test needs: a client with an administrator's credentials, and what stands behind it."""

    http: httpx.AsyncClient
    gateway: GatewayApp
    registry: RegistryApp
    registry_server: RpcServer
    clients: RegistryClients
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(f"{self.url}/{path}", **more)

    async def json(self, path: str) -> Any:
        response = await self.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self._write("POST", path, body, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self._write("PUT", path, body, **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        return await self._write("DELETE", path, None, **more)

    async def _write(self, method: str, path: str, body: Any, **more: Any) -> httpx.Response:
        content = {} if body is None else {"content" if isinstance(body, bytes | str) else "json": body}
        headers = {**CSRF, "content-type": "application/x-www-form-urlencoded", **more.pop("headers", {})}
        return await self.http.request(method, f"{self.url}/{path}", headers=headers, **content, **more)

    async def link(self, text: str) -> int:
        """Make a link, `EXT/1.0 HDP/2.4`, and return its id."""
        response = await self.post("links", link(text))
        assert response.status_code == 201, response.text
        return int(response.headers["location"].rpartition("/")[2])

    async def links(self) -> list[str]:
        found = (await self.json("links"))["items"]
        return [
            "{extension_name}/{extension_version} {stack_name}/{stack_version}".format(**item["ExtensionLink"])
            for item in found
        ]

    async def as_admin(self) -> Any:
        request = identity_pb2.LoginRequest(user=ADMIN[0], password=ADMIN[1])
        return call_metadata((await call(self.clients.identity.Login, request, timeout=20)).session_ref)

    async def add_user(self, user: tuple[str, str], role: str) -> None:
        request = identity_pb2.CreateUserRequest(name=user[0], password=user[1], roles=[role])
        await call(self.clients.identity.CreateUser, request, timeout=20, metadata=await self.as_admin())

    async def install(self, stack: str, *services: str) -> None:
        """Make a cluster on a stack version, with services in it."""
        name, _, version = stack.partition("/")
        metadata = await self.as_admin()
        cluster = cluster_pb2.CreateClusterRequest(name="c1", stack_name=name, stack_version=version)
        await call(self.clients.clusters.CreateCluster, cluster, timeout=20, metadata=metadata)
        added = cluster_pb2.AddServicesRequest(cluster="c1", services=services)
        await call(self.clients.clusters.AddServices, added, timeout=20, metadata=metadata)


def link(text: str) -> dict[str, Any]:
    extension, stack = (part.partition("/") for part in text.split(" "))
    return {
        "ExtensionLink": {
            "stack_name": stack[0],
            "stack_version": stack[2],
            "extension_name": extension[0],
            "extension_version": extension[2],
        }
    }


def message(response: httpx.Response) -> str:
    """Return the text of an error, after a look at its form."""
    body = response.json()
    assert list(body) == ["status", "message"]
    assert body["status"] == response.status_code
    return str(body["message"])


@asynccontextmanager
async def running_registry(
    data: Path, resources: Path
) -> AsyncIterator[tuple[RegistryApp, RpcServer, grpc.aio.Channel]]:
    """Serve a registry over gRPC."""
    with_tables(data, "registry")
    settings = Settings(data_dir=data, resources_dir=resources, admin_user=ADMIN[0], admin_password=ADMIN[1])
    app = await RegistryApp.open(settings, TUNING)
    server = RpcServer(app.services)
    channel = open_channel(f"127.0.0.1:{await server.start('127.0.0.1:0')}")
    try:
        yield app, server, channel
    finally:
        await channel.close()
        await app.drain(1)
        await server.stop(1)
        await app.close()


@asynccontextmanager
async def running_rest(data: Path, resources: Path, **settings: Any) -> AsyncIterator[Rest]:
    """Serve Ambari's REST interface of a tree."""
    async with running_registry(data, resources) as (registry, registry_server, channel):
        clients = RegistryClients.remote(channel)
        gateway = await GatewayApp.open(Settings(data_dir=data, **settings), clients, FakePlatform().clients()[1])
        server = HttpServer(gateway.asgi)
        port = await server.start("127.0.0.1:0")
        try:
            # To load certificates takes longer than to start all of this, and plain HTTP has none.
            async with httpx.AsyncClient(auth=ADMIN, timeout=30, trust_env=False, verify=False) as http:
                rest = Rest(http, gateway, registry, registry_server, clients, port)
                # Lists are of what is published, and before the directory was read that is nothing; this waits for it.
                stacks = registry_pb2.ListStacksRequest()
                await call(clients.registry.ListStacks, stacks, timeout=20, metadata=await rest.as_admin())
                yield rest
        finally:
            await server.stop(0)
            await gateway.close()
