"""Links and the catalog over real gRPC, on both databases."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from graft.registry.v1 import identity_pb2
from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.settings import Settings
from links.conftest import links_itself, needs
from support.resources import Resources
from tests.registry.conftest import (  # noqa: F401  (fixtures)
    ADMIN,
    Registry,
    StartRegistry,
    clock,
    database_url,
    settings,
    start_registry,
    tuning,
)

CONFORMANCE = Path(__file__).parents[2].parent / "shared" / "conformance" / "ambari"
Metadata = list[tuple[str, str]]


@dataclass
class Client:
    """Calls of one user."""

    registry: Registry
    metadata: Metadata

    async def __call__(self, name: str, request: Any) -> Any:
        return await call(getattr(self.registry.clients.registry, name), request, timeout=20, metadata=self.metadata)

    async def create(self, *texts: str) -> list[int]:
        answer = await self("CreateLinks", pb.CreateLinksRequest(links=[spec(text) for text in texts]))
        return [link.id for link in answer.links]

    async def links(self) -> dict[str, pb.Link]:
        answer = await self("ListLinks", pb.ListLinksRequest(page_size=1000))
        return {
            f"{link.extension_name}/{link.extension_version} {link.stack_name}/{link.stack_version}": link
            for link in answer.links
        }

    async def reload(self) -> pb.ReloadResponse:
        answer: pb.ReloadResponse = await self("Reload", pb.ReloadRequest())
        return answer

    async def extension(self, key: str, **more: Any) -> pb.GetExtensionVersionResponse:
        name, _, version = key.partition("/")
        request = pb.GetExtensionVersionRequest(name=name, version=version, **more)
        answer: pb.GetExtensionVersionResponse = await self("GetExtensionVersion", request)
        return answer

    async def stack(self, key: str, **more: Any) -> pb.GetStackVersionResponse:
        name, _, version = key.partition("/")
        request = pb.GetStackVersionRequest(name=name, version=version, **more)
        answer: pb.GetStackVersionResponse = await self("GetStackVersion", request)
        return answer


Start = Callable[[Path], Awaitable[Client]]


def spec(text: str) -> pb.LinkSpec:
    extension, stack = (part.split("/") for part in text.split(" "))
    return pb.LinkSpec(
        stack_name=stack[0], stack_version=stack[1], extension_name=extension[0], extension_version=extension[1]
    )


@pytest.fixture
def start(start_registry: StartRegistry, settings: Settings, database_url: str) -> Start:  # noqa: F811
    """Start a registry on a tree; again on the same database after a stop."""

    async def begin(root: Path) -> Client:
        given = settings.model_copy(update={"database_url": SecretStr(database_url), "resources_dir": root})
        registry = await start_registry(given)
        return Client(registry, await registry.as_admin())

    return begin


@asynccontextmanager
async def refused(code: str, text: str = "") -> AsyncIterator[None]:
    with pytest.raises(GraftError) as raised:
        yield
    assert raised.value.code == code
    assert text in raised.value.params[0]


async def test_links_live_as_long_as_the_database(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    first, second = await client.create("EXT/1.0 HDP/2.4", "EXT/2.0 HDP/2.5")
    assert second > first > 0
    async with refused("LINK_EXISTS", "The stack and extension are already linked, stackName=HDP, stackVersion=2.4"):
        await client.create("EXT/3.0 HDP/2.5", "EXT/1.0 HDP/2.4")
    assert list(await client.links()) == ["EXT/1.0 HDP/2.4", "EXT/2.0 HDP/2.5"]
    switched = await client("UpdateLink", pb.UpdateLinkRequest(id=first, extension_name="EXT", extension_version="2.0"))
    assert switched.link.extension_version == "2.0"
    await client("DeleteLink", pb.DeleteLinkRequest(id=second))
    async with refused("LINK_NOT_FOUND"):
        await client("DeleteLink", pb.DeleteLinkRequest(id=second))
    await client.registry.stop()

    client = await start(tree.root)
    assert {text: link.id for text, link in (await client.links()).items()} == {"EXT/2.0 HDP/2.4": first}
    assert list((await client.stack("HDP/2.5")).stack_version.services) == ["HDFS", "OOZIE", "PIG"]
    assert list((await client.stack("HDP/2.5")).stack_version.extensions) == []
    assert (await client.create("EXT/1.0 HDP/2.10"))[0] > second
    log = await call(
        client.registry.clients.identity.ListLoginRecords,
        identity_pb2.ListLoginRecordsRequest(),
        timeout=10,
        metadata=client.metadata,
    )
    written = [(record.action, record.outcome) for record in reversed(log.records) if record.action[:4] == "link"]
    assert written == [
        ("link.create", "OK"),
        ("link.create", "LINK_EXISTS"),
        ("link.switch", "OK"),
        ("link.destroy", "OK"),
        ("link.destroy", "LINK_NOT_FOUND"),
        ("link.create", "OK"),
    ]


async def test_who_looks_at_everything_again_is_recorded(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    await client.reload()
    await client.registry.create_user("ann", "pool-operator")
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await Client(client.registry, await client.registry.as_user("ann")).reload()
    log = await call(
        client.registry.clients.identity.ListLoginRecords,
        identity_pb2.ListLoginRecordsRequest(),
        timeout=10,
        metadata=client.metadata,
    )
    written = [(record.user, record.outcome) for record in log.records if record.action == "resources.reload"]
    assert written == [("ann", "RBAC_PERMISSION_DENIED"), (ADMIN, "OK")]


async def test_who_may_do_what(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    await client.registry.create_user("ann", "pool-operator")
    await client.registry.create_user("bob", "read-only")
    for name in ("ann", "bob"):
        other = Client(client.registry, await client.registry.as_user(name))
        await other.extension("EXT/1.0")
        await other.stack("HDP/2.4")
        await other("ExplainLink", pb.ExplainLinkRequest(link=spec("EXT/1.0 HDP/2.4")))
        for rpc, request in (
            ("CreateLinks", pb.CreateLinksRequest(links=[spec("EXT/1.0 HDP/2.4")])),
            ("UpdateLink", pb.UpdateLinkRequest(id=1)),
            ("DeleteLink", pb.DeleteLinkRequest(id=1)),
            ("Reload", pb.ReloadRequest()),
        ):
            async with refused("RBAC_PERMISSION_DENIED"):
                await other(rpc, request)


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("EXT/1.0 HDP/9", "STACK_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
        ("EXT/9 HDP/2.4", "EXTENSION_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
        ("EXT/1.0 HDP/", "LINK_INCOMPLETE", grpc.StatusCode.INVALID_ARGUMENT),
        ("LATE/1.0 HDP/2.4", "STACK_NOT_SUPPORTED", grpc.StatusCode.FAILED_PRECONDITION),
        ("CLASH/1.0 HDP/2.4", "SERVICE_EXISTS", grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
async def test_statuses_of_refusals(
    start_registry: StartRegistry,  # noqa: F811
    settings: Settings,  # noqa: F811
    tree: Resources,
    text: str,
    code: str,
    status: grpc.StatusCode,
) -> None:
    registry = await start_registry(settings.model_copy(update={"resources_dir": tree.root}))
    client = Client(registry, await registry.as_admin())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await registry.clients.registry.CreateLinks(
            pb.CreateLinksRequest(links=[spec(text)]), timeout=10, metadata=client.metadata
        )
    assert raised.value.code() is status
    answer = await client("ExplainLink", pb.ExplainLinkRequest(link=spec(text)))
    assert not answer.allowed
    assert code in [check.code for check in answer.checks if check.outcome == pb.RULE_OUTCOME_FAILS]


async def next_matching(watch: Any, fits: Callable[[pb.Change], bool]) -> pb.Change:
    async with asyncio.timeout(20):
        async for response in watch:
            for change in response.changes:
                if fits(change):
                    return change
    raise AssertionError("the watch has ended")


async def test_a_changed_tree_is_noticed_and_told(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    watch = client.registry.clients.registry.Watch(pb.WatchRequest(), metadata=client.metadata)
    tree.extension("NEW/1.0", needs("HDP", "2.4"), NEW="")
    change = await next_matching(watch, lambda change: change.key == "NEW/1.0")
    assert change.extension_version.valid
    assert list(change.extension_version.services) == ["NEW"]
    tree.write("extensions/NEW/1.0/services/NEW/metainfo.xml", "<metainfo><")
    change = await next_matching(watch, lambda change: change.key == "NEW/1.0" and not change.extension_version.valid)
    assert change.extension_version.errors
    shutil.rmtree(tree.root / "extensions/NEW")
    change = await next_matching(watch, lambda change: change.key == "NEW/1.0")
    while change.type != pb.CHANGE_TYPE_DELETE:
        change = await next_matching(watch, lambda change: change.key == "NEW/1.0")
    watch.cancel()


async def test_the_last_valid_state_of_a_linked_version_stays_in_force(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    (link,) = await client.create("EXT/1.0 HDP/2.4")
    tree.write("extensions/EXT/1.0/services/OOZIE/metainfo.xml", "<metainfo><")
    answer = await client.reload()
    assert answer.invalid_extension_versions == 2
    extension = await client.extension("EXT/1.0")
    assert (extension.extension_version.valid, extension.last_good_in_force) == (False, True)
    assert [service.name for service in extension.services] == ["OOZIE"]
    assert (await client.stack("HDP/2.4", service="OOZIE")).services[0].version == "1"
    assert "its last valid state stays in force" in (await client.links())["EXT/1.0 HDP/2.4"].problem
    async with refused("EXTENSION_NOT_VALID"):
        await client.create("EXT/1.0 HDP/2.10")

    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1.1</version>")
    await client.reload()
    assert (await client.stack("HDP/2.4", service="OOZIE")).services[0].version == "1.1"
    assert (await client.links())["EXT/1.0 HDP/2.4"].problem == ""

    shutil.rmtree(tree.root / "extensions/EXT/1.0")
    await client.reload()
    assert "is not in the resources directory" in (await client.links())["EXT/1.0 HDP/2.4"].problem
    await client("DeleteLink", pb.DeleteLinkRequest(id=link))
    assert await client.links() == {}


async def test_a_link_that_makes_itself_comes_back(start: Start, tree: Resources) -> None:
    tree.extension("AUTO/1.0", links_itself("HDP", "2.5"), AUTO="")
    client = await start(tree.root)
    await client.reload()
    made = await client.links()
    assert set(made) == {"AUTO/1.0 HDP/2.5", "AUTO/1.0 HDP/2.10"}
    await client("DeleteLink", pb.DeleteLinkRequest(id=made["AUTO/1.0 HDP/2.5"].id))
    again = await client.links()
    assert set(again) == set(made)
    assert again["AUTO/1.0 HDP/2.5"].id > max(link.id for link in made.values())


async def test_links_of_another_replica_are_known(start: Start, tree: Resources) -> None:
    one, other = await start(tree.root), await start(tree.root)
    await other.reload()
    await one.create("EXT/1.0 HDP/2.4")
    async with refused("LINK_EXISTS"):
        await other.create("EXT/1.0 HDP/2.4")
    assert list((await other.stack("HDP/2.4")).stack_version.extensions) == ["EXT/1.0"]
    results = await asyncio.gather(
        *(client.create("EXT/2.0 HDP/2.10") for client in (one, other) for _ in range(3)), return_exceptions=True
    )
    assert sorted(result.code for result in results if isinstance(result, GraftError)) == ["LINK_EXISTS"] * 5


async def test_stacks_and_warnings_are_paged(start: Start, tree: Resources) -> None:
    tree.write("extensions/EXT/1.0/services/OOZIE/themes/theme.json", "{")
    client = await start(tree.root)
    page = await client("ListStackVersions", pb.ListStackVersionsRequest(page_size=2))
    rest = await client("ListStackVersions", pb.ListStackVersionsRequest(page_token=page.next_page_token))
    listed = [f"{item.name}/{item.version}" for item in (*page.stack_versions, *rest.stack_versions)]
    assert listed == ["HDP/2.10", "HDP/2.4", "HDP/2.5"]
    warnings = (await client("ListWarnings", pb.ListWarningsRequest())).warnings
    assert all(warning.file and warning.text for warning in warnings)
    async with refused("SERVICE_NOT_FOUND"):
        await client.stack("HDP/2.4", service="NONE")
    origins = (await client.extension("EXT/2.0", service="OOZIE", with_origins=True)).services[0].origins
    assert origins["version"] == "extensions/EXT/2.0"


async def test_what_ambaris_own_fixtures_must_give(start: Start, tmp_path: Path) -> None:
    if not CONFORMANCE.is_dir():
        pytest.skip(f"the conformance data is not at {CONFORMANCE}")
    root = tmp_path / "ambari"
    shutil.copytree(CONFORMANCE, root)
    package = "extensions/EXT/0.1/services/OOZIE2/package"
    (root / package).mkdir()
    (root / package / "script.py").write_text("")
    client = await start(root)
    (link,) = await client.create("EXT/0.1 HDP/0.1")

    first = await client.extension("EXT/0.1", service="OOZIE2")
    assert first.extension_version.parent_version == ""
    (service,) = first.services
    assert (service.version, service.package, list(service.themes)) == ("3.2.0", package, ["working_theme.json"])
    second = await client.extension("EXT/0.2", service="OOZIE2")
    assert (second.extension_version.parent_version, second.extension_version.auto_link) == ("0.1", False)
    (service,) = second.services
    assert (service.version, service.package, list(service.themes)) == ("4.0.0", package, [])
    listed = await client("ListExtensionVersions", pb.ListExtensionVersionsRequest())
    assert [item.version for item in listed.extension_versions if item.auto_link] == ["0.3", "0.4"]

    stack = await client.stack("HDP/0.1", service="OOZIE2")
    assert (stack.services[0].version, list(stack.stack_version.extensions)) == ("3.2.0", ["EXT/0.1"])
    await client("UpdateLink", pb.UpdateLinkRequest(id=link, extension_name="EXT", extension_version="0.2"))
    assert (await client.stack("HDP/0.1", service="OOZIE2")).services[0].version == "4.0.0"
    assert list((await client.stack("HDP/0.2")).stack_version.extensions) == []
    for version in ("0.3", "0.4"):
        stack = await client.stack(f"HDP/{version}", service="OOZIE2")
        assert (stack.services[0].version, list(stack.stack_version.extensions)) == ("4.0.0", ["EXT/0.4"])
    pig = (await client.extension("EXT/0.1", service="PIG2", with_origins=True)).services[0]
    assert pig.origins["components/PIG"] == "common-services/PIG/1.0"
