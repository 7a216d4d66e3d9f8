"""Clusters over real gRPC, on both databases, and the links that they hold."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from graft.registry.v1 import cluster_pb2, identity_pb2, registry_pb2
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.clients import RegistryClients
from graft_common.settings import Settings
from links.conftest import needs
from registry_service.store.store import Store
from support.resources import Resources
from tests.registry.conftest import (  # noqa: F401  (fixtures)
    Registry,
    SettableClock,
    StartRegistry,
    clock,
    database_url,
    settings,
    start_registry,
    tuning,
)

Metadata = list[tuple[str, str]]


@dataclass
class Client:
    """Calls of one user."""

    registry: Registry
    metadata: Metadata

    async def __call__(self, name: str, request: Any) -> Any:
        clients = self.registry.clients
        stub = clients.clusters if hasattr(clients.clusters, name) else clients.registry
        return await call(getattr(stub, name), request, timeout=20, metadata=self.metadata)

    async def create(self, name: str, stack: str, *services: str) -> cluster_pb2.Cluster:
        request = cluster_pb2.CreateClusterRequest(name=name)
        request.stack_name, _, request.stack_version = stack.partition("/")
        made: cluster_pb2.Cluster = (await self("CreateCluster", request)).cluster
        return await self.add(name, *services) if services else made

    async def add(self, name: str, *services: str) -> cluster_pb2.Cluster:
        answer = await self("AddServices", cluster_pb2.AddServicesRequest(cluster=name, services=services))
        made: cluster_pb2.Cluster = answer.cluster
        return made

    async def remove(self, name: str, service: str) -> None:
        await self("RemoveService", cluster_pb2.RemoveServiceRequest(cluster=name, service=service))

    async def delete(self, name: str) -> None:
        await self("DeleteCluster", cluster_pb2.DeleteClusterRequest(name=name))

    async def get(self, name: str) -> cluster_pb2.Cluster:
        found: cluster_pb2.Cluster = (await self("GetCluster", cluster_pb2.GetClusterRequest(name=name))).cluster
        return found

    async def all(self) -> dict[str, list[str]]:
        answer = await self("ListClusters", cluster_pb2.ListClustersRequest())
        return {cluster.name: names(cluster) for cluster in answer.clusters}

    async def link(self, extension: str, stack: str) -> int:
        spec = registry_pb2.LinkSpec()
        spec.extension_name, _, spec.extension_version = extension.partition("/")
        spec.stack_name, _, spec.stack_version = stack.partition("/")
        answer = await self("CreateLinks", registry_pb2.CreateLinksRequest(links=[spec]))
        return int(answer.links[0].id)

    async def unlink(self, link: int) -> None:
        await self("DeleteLink", registry_pb2.DeleteLinkRequest(id=link))

    async def switch(self, link: int, version: str) -> None:
        request = registry_pb2.UpdateLinkRequest(id=link, extension_name="EXT", extension_version=version)
        await self("UpdateLink", request)

    async def reload(self) -> None:
        await self("Reload", registry_pb2.ReloadRequest())


Start = Callable[[], Awaitable[Client]]


def names(cluster: cluster_pb2.Cluster) -> list[str]:
    return [service.name for service in cluster.services]


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    resources = Resources(tmp_path / "resources")
    resources.stack("HDP/2.4", HDFS="")
    resources.stack("HDP/2.5", "<extends>2.4</extends>")
    resources.stack("HDP/2.6", "<extends>2.5</extends>")
    resources.stack("HDP/2.10", HDFS="")
    resources.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="")
    resources.extension("EXT/2.0", needs("HDP", "2.4"), OOZIE="", PIG="")
    resources.extension("EXT/3.0", needs("HDP", "2.4"), PIG="")
    return resources


@pytest.fixture
def start(start_registry: StartRegistry, settings: Settings, database_url: str, tree: Resources) -> Start:  # noqa: F811
    """Start a registry; again, or one more, on the same database."""

    async def begin() -> Client:
        given = settings.model_copy(update={"database_url": SecretStr(database_url), "resources_dir": tree.root})
        registry = await start_registry(given)
        return Client(registry, await registry.as_admin())

    return begin


async def told(client: Client, expected: dict[str, list[str]]) -> None:
    """Wait until a replica has heard of what another has changed."""
    async with asyncio.timeout(20):
        while await client.all() != expected:  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def refused(code: str, text: str = "") -> AsyncIterator[None]:
    with pytest.raises(GraftError) as raised:
        yield
    assert raised.value.code == code
    assert text in raised.value.params[0]


async def test_clusters_live_as_long_as_the_database(start: Start) -> None:
    client = await start()
    first = await client.create("c1", "HDP/2.4")
    assert (first.name, first.stack_name, first.stack_version, names(first)) == ("c1", "HDP", "2.4", [])
    assert first.HasField("created")
    second = await client.create("b2", "HDP/2.10", "HDFS")
    assert second.id > first.id > 0
    assert (second.services[0].state, second.services[0].problem) == ("INIT", "")
    await client.link("EXT/2.0", "HDP/2.4")
    assert names(await client.add("c1", "PIG", "HDFS")) == ["HDFS", "PIG"]
    async with refused("CLUSTER_SERVICE_EXISTS", "clusterName=c1 serviceName=PIG"):
        await client.add("c1", "OOZIE", "PIG")
    assert names(await client.get("c1")) == ["HDFS", "PIG"]
    await client.remove("c1", "HDFS")
    async with refused("CLUSTER_SERVICE_NOT_FOUND", "Service not found, clusterName=c1, serviceName=HDFS"):
        await client.remove("c1", "HDFS")
    async with refused("CLUSTER_EXISTS"):
        await client.create("b2", "HDP/2.4")
    await client.registry.stop()

    client = await start()
    assert await client.all() == {"b2": ["HDFS"], "c1": ["PIG"]}
    assert (await client.get("c1")).id == first.id
    await client.delete("b2")
    for request in (client.get("b2"), client.delete("b2")):
        async with refused("CLUSTER_NOT_FOUND", "Cluster not found, clusterName=b2"):
            await request
    assert (await client.create("b2", "HDP/2.4")).id > second.id
    assert await client.all() == {"b2": [], "c1": ["PIG"]}
    log = await call(
        client.registry.clients.identity.ListLoginRecords,
        identity_pb2.ListLoginRecordsRequest(),
        timeout=10,
        metadata=client.metadata,
    )
    written = [(record.action, record.outcome) for record in reversed(log.records) if record.action[:7] == "cluster"]
    assert written[:8] == [
        ("cluster.create", "OK"),
        ("cluster.create", "OK"),
        ("cluster.add_services", "OK"),
        ("cluster.add_services", "OK"),
        ("cluster.add_services", "CLUSTER_SERVICE_EXISTS"),
        ("cluster.remove_service", "OK"),
        ("cluster.remove_service", "CLUSTER_SERVICE_NOT_FOUND"),
        ("cluster.create", "CLUSTER_EXISTS"),
    ]
    assert written[8:] == [
        ("cluster.destroy", "OK"),
        ("cluster.destroy", "CLUSTER_NOT_FOUND"),
        ("cluster.create", "OK"),
    ]


async def test_an_installed_service_keeps_its_link(start: Start) -> None:
    client = await start()
    link, elsewhere = await client.link("EXT/1.0", "HDP/2.4"), await client.link("EXT/1.0", "HDP/2.10")
    await client.create("c1", "HDP/2.6", "OOZIE")
    text = (
        "Extension service is still installed, stackName=HDP, stackVersion=2.4, service=OOZIE, "
        "extensionName=EXT, extensionVersion=1.0"
    )
    async with refused("SERVICE_INSTALLED", text):
        await client.unlink(link)
    async with refused("SERVICE_INSTALLED", text):
        await client.switch(link, "3.0")
    await client.switch(link, "2.0")
    await client.unlink(elsewhere)
    await client.create("c2", "HDP/2.4", "OOZIE", "PIG")
    await client.delete("c1")
    async with refused("SERVICE_INSTALLED", "service=OOZIE"):
        await client.unlink(link)
    await client.remove("c2", "OOZIE")
    async with refused("SERVICE_INSTALLED", "service=PIG"):
        await client.unlink(link)
    await client.switch(link, "3.0")
    await client.remove("c2", "PIG")
    await client.unlink(link)
    async with refused("SERVICE_NOT_IN_STACK"):
        await client.add("c2", "PIG")


async def test_what_has_gone_from_disk_is_shown_and_not_lost(start: Start, tree: Resources) -> None:
    client = await start()
    link = await client.link("EXT/1.0", "HDP/2.10")
    await client.create("c1", "HDP/2.10", "HDFS", "OOZIE")
    shutil.rmtree(tree.root / "extensions/EXT/1.0")
    await client.reload()
    problems = {service.name: service.problem for service in (await client.get("c1")).services}
    assert problems == {"HDFS": "", "OOZIE": "Stack HDP 2.10 has no service OOZIE any more"}
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="")
    (tree.root / "stacks/HDP/2.10").rename(tree.root / "away")
    await client.reload()
    cluster = await client.get("c1")
    assert [cluster.problem, *(service.problem for service in cluster.services)] == [
        "Stack HDP 2.10 is not in the resources directory"
    ] * 3
    async with refused("SERVICE_INSTALLED"):
        await client.unlink(link)
    (tree.root / "away").rename(tree.root / "stacks/HDP/2.10")
    await client.reload()
    cluster = await client.get("c1")
    assert [cluster.problem, *(service.problem for service in cluster.services)] == ["", "", ""]


async def test_who_may_do_what(start: Start) -> None:
    client = await start()
    await client.create("c1", "HDP/2.4")
    for name, role in (("ann", "pool-operator"), ("bob", "read-only")):
        await client.registry.create_user(name, role)
        other = Client(client.registry, await client.registry.as_user(name))
        assert (await other.get("c1")).name == "c1"
        assert list(await other.all()) == ["c1"]
        async with refused("RBAC_PERMISSION_DENIED", "cluster.create"):
            await other.create("c2", "HDP/2.4")
        async with refused("RBAC_PERMISSION_DENIED", "cluster.destroy"):
            await other.delete("c1")
        if role == "pool-operator":
            await other.add("c1", "HDFS")
            await other.remove("c1", "HDFS")
            continue
        async with refused("RBAC_PERMISSION_DENIED", "cluster.add_services"):
            await other.add("c1", "HDFS")
        async with refused("RBAC_PERMISSION_DENIED", "cluster.remove_service"):
            await other.remove("c1", "HDFS")
    nobody = Client(client.registry, [])
    for request in (nobody.all(), nobody.get("c1"), nobody.create("c2", "HDP/2.4"), nobody.delete("c1")):
        async with refused("SESSION_INVALID"):
            await request


async def test_replicas_know_of_each_others_clusters(start: Start) -> None:
    one, other = await start(), await start()
    link = await one.link("EXT/2.0", "HDP/2.4")
    await one.create("c1", "HDP/2.4", "PIG")
    async with refused("SERVICE_INSTALLED"):
        await other.unlink(link)
    assert await other.all() == {"c1": ["PIG"]}
    await other.remove("c1", "PIG")
    assert names(await one.add("c1", "HDFS")) == ["HDFS"]
    results = await asyncio.gather(
        *(client.create("c2", "HDP/2.5") for client in (one, other) for _ in range(3)), return_exceptions=True
    )
    assert sorted(result.code for result in results if isinstance(result, GraftError)) == ["CLUSTER_EXISTS"] * 5
    await other.delete("c1")
    await told(one, {"c2": []})


async def test_a_replica_that_has_missed_much_reads_all_clusters(
    start: Start,
    database_url: str,  # noqa: F811
    clock: SettableClock,  # noqa: F811
) -> None:
    one, other = await start(), await start()
    link = await one.link("EXT/1.0", "HDP/2.4")
    await one.create("c1", "HDP/2.4", "HDFS")
    await told(other, {"c1": ["HDFS"]})
    await one.create("c2", "HDP/2.4", "OOZIE")
    await one.delete("c1")
    store = await Store.open(database_url, clock)
    await store.compact(keep=1, newer_than=clock() + timedelta(days=1), at_most=1)
    await store.close()
    async with refused("SERVICE_INSTALLED"):
        await other.unlink(link)
    assert await other.all() == {"c2": ["OOZIE"]}


async def test_a_service_and_its_link_do_not_race(start: Start) -> None:
    """Of installing a service here and removing its link there exactly one succeeds, whoever comes first."""
    one, other = await start(), await start()
    link = await one.link("EXT/1.0", "HDP/2.4")
    await one.create("c1", "HDP/2.5")
    won = set[str]()
    for number in range(20):
        adder, remover = (one, other) if number % 2 else (other, one)
        race = [adder.add("c1", "OOZIE"), remover.unlink(link)]
        if number % 4 > 1:
            race.reverse()
        results = await asyncio.gather(*race, return_exceptions=True)
        (loser,) = (result.code for result in results if isinstance(result, GraftError))
        won.add(loser)
        if loser == "SERVICE_INSTALLED":
            await adder.remove("c1", "OOZIE")
        else:
            assert loser == "SERVICE_NOT_IN_STACK"
            link = await remover.link("EXT/1.0", "HDP/2.4")
    assert won <= {"SERVICE_INSTALLED", "SERVICE_NOT_IN_STACK"}


async def test_clusters_are_listed_in_pages(
    start_registry: StartRegistry,  # noqa: F811
    settings: Settings,  # noqa: F811
    tree: Resources,
) -> None:
    registry = await start_registry(settings.model_copy(update={"resources_dir": tree.root}))
    client = Client(registry, await registry.as_admin())
    for number in (3, 1, 2):
        await client.create(f"c{number}", "HDP/2.4")
    page = await client("ListClusters", cluster_pb2.ListClustersRequest(page_size=2))
    rest = await client("ListClusters", cluster_pb2.ListClustersRequest(page_token=page.next_page_token))
    assert [[cluster.name for cluster in part.clusters] for part in (page, rest)] == [["c1", "c2"], ["c3"]]
    assert rest.next_page_token == ""
    async with refused("VALUE_NOT_SUPPORTED", "services"):
        await client.add("c1", *map(str, range(1001)))
    local = Client(registry, client.metadata)
    local.registry = Registry(
        registry.app, registry.server, registry.channel, RegistryClients.local(registry.app.services), ""
    )
    assert await local.all() == {"c1": [], "c2": [], "c3": []}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (cluster_pb2.CreateClusterRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        (cluster_pb2.CreateClusterRequest(name="a b", stack_name="HDP"), grpc.StatusCode.INVALID_ARGUMENT),
        (
            cluster_pb2.CreateClusterRequest(name="c2", stack_name="HDP", stack_version="9"),
            grpc.StatusCode.NOT_FOUND,
        ),
        (
            cluster_pb2.CreateClusterRequest(name="c1", stack_name="HDP", stack_version="2.4"),
            grpc.StatusCode.ALREADY_EXISTS,
        ),
        (cluster_pb2.GetClusterRequest(name="c9"), grpc.StatusCode.NOT_FOUND),
        (cluster_pb2.AddServicesRequest(cluster="c9", services=["HDFS"]), grpc.StatusCode.NOT_FOUND),
        (cluster_pb2.AddServicesRequest(cluster="c1", services=["NONE"]), grpc.StatusCode.INVALID_ARGUMENT),
        (cluster_pb2.AddServicesRequest(cluster="c1", services=["HDFS"]), grpc.StatusCode.ALREADY_EXISTS),
        (cluster_pb2.RemoveServiceRequest(cluster="c1", service="NONE"), grpc.StatusCode.NOT_FOUND),
    ],
    ids=str,
)
async def test_statuses_of_refusals(
    start_registry: StartRegistry,  # noqa: F811
    settings: Settings,  # noqa: F811
    tree: Resources,
    request_: Any,
    status: grpc.StatusCode,
) -> None:
    registry = await start_registry(settings.model_copy(update={"resources_dir": tree.root}))
    client = Client(registry, await registry.as_admin())
    await client.create("c1", "HDP/2.4", "HDFS")
    rpc = getattr(registry.clients.clusters, type(request_).__name__.removesuffix("Request"))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await rpc(request_, timeout=10, metadata=client.metadata)
    assert raised.value.code() is status


async def test_followers_are_told_of_clusters(start: Start) -> None:
    client = await start()
    await client.create("c1", "HDP/2.4")
    kinds = [registry_pb2.RESOURCE_KIND_CLUSTER]
    watch = client.registry.clients.registry.Watch(registry_pb2.WatchRequest(kinds=kinds), metadata=client.metadata)

    async def changes() -> AsyncIterator[registry_pb2.Change]:
        async for response in watch:
            for change in response.changes:
                yield change

    told = changes()
    async with asyncio.timeout(20):
        first = await anext(told)
        assert (first.kind, first.key, first.cluster.stack_version) == (kinds[0], "c1", "2.4")
        await client.add("c1", "HDFS")
        assert names((await anext(told)).cluster) == ["HDFS"]
        await client.delete("c1")
        gone = await anext(told)
    assert (gone.type, gone.key) == (registry_pb2.CHANGE_TYPE_DELETE, "c1")
    watch.cancel()
