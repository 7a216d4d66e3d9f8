"""Grants over real gRPC, on both databases: who may give them, what of, and what followers hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from graft.common.v1 import access_pb2
from graft.registry.v1 import grant_pb2, identity_pb2, registry_pb2
from graft_common.declarations import access
from graft_common.declarations.model import Access
from graft_common.errors import GraftError
from graft_common.rpc.access_messages import access_message
from graft_common.rpc.client import call, stream
from graft_common.settings import Settings
from links.conftest import needs
from support.resources import Resources, declarations, method
from tests.registry.conftest import (  # noqa: F401  (fixtures)
    ADMIN,
    Registry,
    SettableClock,
    StartRegistry,
    clock,
    database_url,
    settings,
    start_registry,
    tuning,
)

ASKS = Access("outbound", ("/etc/volumes",), ("/srv/volumes",), ("HTTP_PROXY",), ("key",))
XML = (
    '<access network="outbound"><read path="/etc/volumes"/><write path="/srv/volumes"/>'
    '<environment name="HTTP_PROXY"/><secret name="key"/></access>'
)
EXT = ("EXT", "1.0")


@dataclass
class Client:
    """Calls of one user."""

    registry: Registry
    metadata: list[tuple[str, str]]

    async def __call__(self, name: str, request: Any) -> Any:
        clients = self.registry.clients
        stub = clients.grants if hasattr(clients.grants, name) else clients.registry
        return await call(getattr(stub, name), request, timeout=20, metadata=self.metadata)

    async def grant(self, method: str, request: Access = ASKS, source: tuple[str, str] = ("", "")) -> Any:
        return await self("GrantAccess", grant_pb2.GrantAccessRequest(spec=spec(method, request, source)))

    async def revoke(self, method: str, source: tuple[str, str] = ("", "")) -> Any:
        request = grant_pb2.RevokeAccessRequest(method=method, extension_name=source[0], extension_version=source[1])
        return await self("RevokeAccess", request)

    async def grants(self, page_size: int = 0) -> list[access_pb2.AccessGrant]:
        found: list[access_pb2.AccessGrant] = []
        token = ""
        while True:
            answer = await self("ListGrants", grant_pb2.ListGrantsRequest(page_size=page_size, page_token=token))
            found += answer.grants
            token = answer.next_page_token
            if not token:
                return found

    async def asked(self, name: str, version: str) -> list[grant_pb2.MethodAccessRequest]:
        request = grant_pb2.ListAccessRequestsRequest(extension_name=name, extension_version=version)
        return list((await self("ListAccessRequests", request)).requests)

    async def link(self, *grants: grant_pb2.AccessSpec, version: str = "1.0") -> Any:
        link = registry_pb2.LinkSpec(
            stack_name="HDP", stack_version="2.4", extension_name="EXT", extension_version=version
        )
        return await self("CreateLinks", registry_pb2.CreateLinksRequest(links=[link], grants=grants))

    async def links(self) -> int:
        return len((await self("ListLinks", registry_pb2.ListLinksRequest())).links)

    async def records(self) -> list[tuple[str, str, str]]:
        """Return the audit of links and grants, the oldest first: user, action, outcome."""
        answer = await call(
            self.registry.clients.identity.ListLoginRecords,
            identity_pb2.ListLoginRecordsRequest(),
            timeout=10,
            metadata=self.metadata,
        )
        kept = [record for record in reversed(answer.records) if record.action.startswith(("grant", "link"))]
        return [(record.user, record.action, record.outcome) for record in kept]


def spec(method: str, request: Access = ASKS, source: tuple[str, str] = ("", "")) -> grant_pb2.AccessSpec:
    return grant_pb2.AccessSpec(
        method=method, extension_name=source[0], extension_version=source[1], access=access_message(request)
    )


Start = Callable[[], Awaitable[Client]]


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    resources = Resources(tmp_path / "resources")
    resources.stack("HDP/2.4", HDFS="")
    resources.extension("EXT/1.0", needs("HDP", "2.4"))
    resources.extension("EXT/2.0", "<extends>1.0</extends>" + needs("HDP", "2.4"))
    text = declarations(method("Volume.resize", XML), method("Volume.list"))
    files = {"a.xml": text, "Volume.resize": "#!/bin/sh\n", "Volume.list": "#!/bin/sh\n"}
    resources.method_files("EXT/1.0", files, executable=("Volume.resize", "Volume.list"))
    return resources


@pytest.fixture
def start(start_registry: StartRegistry, settings: Settings, database_url: str, tree: Resources) -> Start:  # noqa: F811
    """Start a registry; again, or one more, on the same database."""

    async def begin() -> Client:
        given = settings.model_copy(update={"database_url": SecretStr(database_url), "resources_dir": tree.root})
        registry = await start_registry(given)
        return Client(registry, await registry.as_admin())

    return begin


@asynccontextmanager
async def refused(code: str, text: str = "") -> AsyncIterator[None]:
    with pytest.raises(GraftError) as raised:
        yield
    assert raised.value.code == code
    assert text in " ".join(raised.value.params)


def _names(grants: list[access_pb2.AccessGrant]) -> list[str]:
    return [f"{grant.method} {grant.extension_name}/{grant.extension_version}" for grant in grants]


async def _followed(client: Client, start_revision: int, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Follow grants until what is known of them is as wanted."""
    request = registry_pb2.WatchRequest(start_revision=start_revision, kinds=[registry_pb2.RESOURCE_KIND_GRANT])
    watch = client.registry.clients.registry.Watch
    known: dict[str, Any] = {}
    async with asyncio.timeout(20), aclosing(stream(watch, request, metadata=client.metadata)) as responses:
        async for response in responses:
            for change in response.changes:
                if change.type == registry_pb2.CHANGE_TYPE_PUT:
                    known[change.key] = change.grant
                else:
                    known.pop(change.key, None)
            if wanted(known):
                return known
    raise AssertionError(known)


async def test_grants_live_as_long_as_the_database(start: Start, clock: SettableClock) -> None:  # noqa: F811
    client = await start()
    answer = await client.grant("Disk.scan")
    made = answer.grant
    assert (made.method, made.extension_name, made.extension_version) == ("Disk.scan", "", "")
    assert (made.granted_by, made.granted_at.ToDatetime(), made.digest) == (
        ADMIN,
        clock().replace(tzinfo=None),
        access.digest(ASKS),
    )
    assert made.access == access_message(ASKS)
    await client.grant("Volume.resize", source=EXT)
    await client.grant("Volume.resize", Access("loopback"))
    await client.registry.stop()

    client = await start()
    assert _names(await client.grants(page_size=1)) == ["Disk.scan /", "Volume.resize /", "Volume.resize EXT/1.0"]
    assert (await client.revoke("Disk.scan")).grant == made
    async with refused("GRANT_NOT_FOUND", "Nothing is granted to Disk.scan"):
        await client.revoke("Disk.scan")
    async with refused("GRANT_NOT_FOUND", "Volume.resize of EXT/2.0"):
        await client.revoke("Volume.resize", ("EXT", "2.0"))
    async with refused("VALUE_NOT_SUPPORTED", "can be shown"):
        await client.revoke("Volume.resize", ("EXT\0", "1.0"))
    await client.revoke("Volume.resize")
    assert _names(await client.grants()) == ["Volume.resize EXT/1.0"]
    assert await client.records() == [
        (ADMIN, "grant.create", "OK"),
        (ADMIN, "grant.create", "OK"),
        (ADMIN, "grant.create", "OK"),
        (ADMIN, "grant.destroy", "OK"),
        (ADMIN, "grant.destroy", "GRANT_NOT_FOUND"),
        (ADMIN, "grant.destroy", "GRANT_NOT_FOUND"),
        (ADMIN, "grant.destroy", "VALUE_NOT_SUPPORTED"),
        (ADMIN, "grant.destroy", "OK"),
    ]


async def test_a_new_grant_takes_the_place_of_the_one_before(start: Start) -> None:
    client = await start()
    await client.grant("Disk.scan")
    await client.grant("Disk.scan", Access("loopback"))
    [grant] = await client.grants()
    assert grant.digest == access.digest(Access("loopback"))


async def test_followers_hear_of_grants_and_revocations(start: Start) -> None:
    client = await start()
    await client.grant("Disk.scan")
    following = asyncio.create_task(_followed(client, 0, lambda known: "Volume.resize@EXT/1.0" in known))
    revision = (await client.grant("Volume.resize", source=EXT)).revision
    known = await following
    assert set(known) == {"Disk.scan", "Volume.resize@EXT/1.0"}
    assert known["Disk.scan"].access == access_message(ASKS)
    following = asyncio.create_task(_followed(client, 0, lambda known: set(known) == {"Volume.resize@EXT/1.0"}))
    assert (await client.revoke("Disk.scan")).revision > revision
    await following


async def test_only_pool_admin_gives_and_takes_and_read_only_looks(start: Start) -> None:
    admin = await start()
    await admin.grant("Disk.scan")
    await admin.registry.create_user("oper", "pool-operator")
    await admin.registry.create_user("looker", "read-only")
    oper = Client(admin.registry, await admin.registry.as_user("oper"))
    looker = Client(admin.registry, await admin.registry.as_user("looker"))
    async with refused("RBAC_PERMISSION_DENIED", "grant.create"):
        await oper.grant("Disk.scan", Access("outbound"))
    async with refused("RBAC_PERMISSION_DENIED", "grant.destroy"):
        await oper.revoke("Disk.scan")
    async with refused("RBAC_PERMISSION_DENIED", "link.create"):
        await oper.link(spec("Volume.resize", source=EXT))
    assert _names(await looker.grants()) == ["Disk.scan /"]
    assert len(await looker.asked(*EXT)) == 1
    nobody = Client(admin.registry, [])
    for request in (nobody.grant("Disk.scan"), nobody.grants(), nobody.asked(*EXT)):
        async with refused("SESSION_INVALID"):
            await request
    assert ("oper", "grant.create", "RBAC_PERMISSION_DENIED") in await admin.records()
    [grant] = await admin.grants()
    assert grant.digest == access.digest(ASKS)


WRONG = [
    (spec("Disk.scan", Access()), "ACCESS_NOT_ASKED", "Disk.scan asks for nothing"),
    (spec("Disk.scan", Access(read=("/proc/1",))), "ACCESS_INVALID", "/proc/1 cannot be given"),
    (spec("Disk.scan", Access(environment=("LD_PRELOAD",))), "ACCESS_INVALID", "LD_PRELOAD"),
    (spec("Disk.scan", Access(secrets=("../x",))), "ACCESS_INVALID", "no name of a secret"),
    (spec("Disk scan"), "VALUE_NOT_SUPPORTED", "Volume.resize"),
    (spec("Disk.scan", source=("EXT", "")), "VALUE_NOT_SUPPORTED", "a name and a version"),
    (spec("Volume.resize", source=("EXT", "9.0")), "EXTENSION_NOT_FOUND", "EXT/9.0"),
    (spec("Volume.grow", source=EXT), "EXTENSION_METHOD_NOT_FOUND", "EXT/1.0 declares no method Volume.grow"),
    (spec("Volume.resize", Access("outbound"), EXT), "ACCESS_REQUEST_CHANGED", "does not ask for this"),
    (
        grant_pb2.AccessSpec(method="A.b", access=access_pb2.Access(network=9)),  # type: ignore[arg-type]  # wrong
        "VALUE_NOT_SUPPORTED",
        "there is no network 9",
    ),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_granted(start: Start) -> None:
    client = await start()
    for grant, code, text in WRONG:
        async with refused(code, text):
            await client("GrantAccess", grant_pb2.GrantAccessRequest(spec=grant))
        async with refused(code, text):
            await client.link(grant)
    assert (await client.grants(), await client.links()) == ([], 0)


async def test_a_link_and_its_grants_are_made_together_or_not_at_all(start: Start) -> None:
    client = await start()
    [asked] = await client.asked(*EXT)
    assert asked.spec == spec("Volume.resize", source=EXT)
    assert not asked.HasField("grant")
    async with refused("ACCESS_REQUEST_CHANGED"):
        await client.link(asked.spec, spec("Volume.resize", Access("loopback"), EXT))
    assert (await client.grants(), await client.links()) == ([], 0)
    answer = await client.link(asked.spec)
    assert list(answer.grants) == await client.grants()
    assert answer.grants[0].granted_by == ADMIN
    [asked] = await client.asked(*EXT)
    assert asked.grant == answer.grants[0]
    assert (await client.records())[-2:] == [(ADMIN, "grant.create", "OK"), (ADMIN, "link.create", "OK")]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_grant_is_of_one_version_and_of_the_request_as_it_was(start: Start, tree: Resources) -> None:
    client = await start()
    await client.grant("Volume.resize", source=EXT)
    # The other version inherits the very same request, and has no part of the grant.
    [asked] = await client.asked("EXT", "2.0")
    assert (asked.spec.access, asked.HasField("grant")) == (access_message(ASKS), False)
    link = (await client.link()).links[0].id
    await client("DeleteLink", registry_pb2.DeleteLinkRequest(id=link))
    [asked] = await client.asked(*EXT)
    assert asked.HasField("grant")
    wider = XML.replace("/etc/volumes", "/etc")
    tree.method_files("EXT/1.0", {"a.xml": declarations(method("Volume.resize", wider), method("Volume.list"))})
    await client("Reload", registry_pb2.ReloadRequest())
    [asked] = await client.asked(*EXT)
    assert (list(asked.spec.access.read), asked.HasField("grant")) == (["/etc"], False)
    async with refused("ACCESS_REQUEST_CHANGED"):
        await client.grant("Volume.resize", source=EXT)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_replicas_know_of_each_others_grants(start: Start) -> None:
    one, other = await start(), await start()
    following = asyncio.create_task(_followed(other, 0, lambda known: "Disk.scan" in known))
    await one.grant("Disk.scan")
    await following
    assert _names(await other.grants()) == ["Disk.scan /"]
    results = await asyncio.gather(
        *(client.revoke("Disk.scan") for client in (one, other, one, other)), return_exceptions=True
    )
    assert sorted(result.code for result in results if isinstance(result, GraftError)) == ["GRANT_NOT_FOUND"] * 3
    await asyncio.gather(*(client.grant("Disk.scan", Access("loopback")) for client in (one, other, one, other)))
    assert _names(await one.grants()) == ["Disk.scan /"]
