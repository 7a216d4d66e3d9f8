from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from graft.registry.v1 import identity_pb2
from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call, stream
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata, digest
from graft_common.settings import Settings
from registry_service.resources import Declaration, ExtensionVersion, Link
from registry_service.store.store import Store
from tests.registry.conftest import ADMIN, AS_SERVICE, Registry, SettableClock, StartRegistry

ROLE, USER, SESSION = pb.RESOURCE_KIND_ROLE, pb.RESOURCE_KIND_USER, pb.RESOURCE_KIND_SESSION
PUT, DELETE = pb.CHANGE_TYPE_PUT, pb.CHANGE_TYPE_DELETE
COMPLETE, CHANGES, BOOKMARK = pb.WATCH_PHASE_SNAPSHOT_COMPLETE, pb.WATCH_PHASE_CHANGES, pb.WATCH_PHASE_BOOKMARK

Metadata = Sequence[tuple[str, str]]


class Follower:
    """Holds what a watch has told, as a dispatcher does."""

    def __init__(self, responses: AsyncIterator[pb.WatchResponse], revision: int = 0) -> None:
        self._responses = responses
        self.revision = revision
        self.held: dict[tuple[int, str], pb.Change] = {}
        self.sizes: list[int] = []

    async def step(self) -> pb.WatchResponse:
        response = await asyncio.wait_for(anext(self._responses), 10)
        self.sizes.append(len(response.changes))
        for change in response.changes:
            if change.type == DELETE:
                self.held.pop((change.kind, change.key), None)
            else:
                self.held[change.kind, change.key] = change
        self.revision = response.revision
        return response

    async def reach(self, revision: int) -> None:
        while self.revision < revision:
            await self.step()

    def keys(self, kind: int) -> set[str]:
        return {key for of, key in self.held if of == kind}


@asynccontextmanager
async def following(
    clients: RegistryClients, start: int = 0, kinds: Sequence[Any] = (), metadata: Metadata = AS_SERVICE
) -> AsyncIterator[Follower]:
    request = pb.WatchRequest(start_revision=start, kinds=kinds)
    async with aclosing(stream(clients.registry.Watch, request, metadata=metadata)) as responses:
        yield Follower(responses, start)


async def refused(registry: Registry, request: pb.WatchRequest, metadata: Metadata) -> list[str]:
    with pytest.raises(GraftError) as raised:
        await asyncio.wait_for(anext(stream(registry.clients.registry.Watch, request, metadata=metadata)), 10)
    return raised.value.error_info()


async def logout(registry: Registry, ref: str) -> int:
    request = identity_pb2.LogoutRequest()
    left = await call(registry.clients.identity.Logout, request, timeout=10, metadata=call_metadata(ref))
    return left.revision


async def test_a_snapshot_then_changes(registry: Registry) -> None:
    first = await registry.login(originator="tool")
    async with following(registry.clients) as follower:
        assert (await follower.step()).phase == COMPLETE
        assert follower.revision == first.revision
        assert len(follower.keys(ROLE)) == 6
        assert follower.keys(USER) == {ADMIN}
        assert follower.keys(SESSION) == {digest(first.session_ref)}
        told = follower.held[SESSION, digest(first.session_ref)].session
        first.session.digest = digest(first.session_ref)
        assert told == first.session

        second = await registry.login()
        while (response := await follower.step()).phase == BOOKMARK:
            pass  # a slow login leaves time for one
        assert (response.phase, response.revision) == (CHANGES, second.revision)
        assert follower.held[SESSION, digest(second.session_ref)].session.expires == second.session.expires
        await follower.reach(await logout(registry, first.session_ref))
        assert follower.keys(SESSION) == {digest(second.session_ref)}
        await registry.create_user("ann", "read-only")
        while "ann" not in follower.keys(USER):
            await follower.step()
        user = follower.held[USER, "ann"].user
        assert (user.name, list(user.roles)) == ("ann", ["read-only"])


async def test_a_follower_goes_on_where_it_stopped(registry: Registry) -> None:
    async with following(registry.clients) as follower:
        await follower.step()
        reached = follower.revision
    logins = [await registry.login() for _ in range(3)]
    async with following(registry.clients, reached) as follower:
        await follower.reach(logins[-1].revision)
        assert follower.keys(SESSION) == {digest(login.session_ref) for login in logins}
        assert follower.keys(ROLE) == set()


async def test_a_large_snapshot_comes_in_parts_of_one_revision(start_registry: StartRegistry) -> None:
    registry = await start_registry(batch=7)
    logins = [await registry.login() for _ in range(20)]
    async with following(registry.clients) as follower:
        while (response := await follower.step()).phase != COMPLETE:
            assert (response.phase, response.revision) == (pb.WATCH_PHASE_SNAPSHOT, 0)
            await logout(registry, logins.pop().session_ref)
        assert follower.sizes == [7, 7, 7, 6]
        assert len(follower.keys(SESSION)) == 20
        await follower.reach(await logout(registry, logins.pop().session_ref))
        assert follower.keys(SESSION) == {digest(login.session_ref) for login in logins}


async def test_a_quiet_watch_carries_bookmarks(registry: Registry) -> None:
    async with following(registry.clients, kinds=[pb.RESOURCE_KIND_LINK]) as follower:
        response = await follower.step()
        assert (response.phase, len(response.changes)) == (COMPLETE, 0)
        login = await registry.login()
        response = await follower.step()
        assert (response.phase, response.revision, len(response.changes)) == (BOOKMARK, login.revision, 0)


async def test_sessions_and_users_are_for_services(registry: Registry) -> None:
    await registry.create_user("ann", "read-only")
    ann = await registry.as_user("ann")
    async with following(registry.clients, metadata=ann) as follower:
        await follower.step()
        assert {kind for kind, _ in follower.held} == {ROLE}
    for kind in (USER, SESSION):
        told = await refused(registry, pb.WatchRequest(kinds=[ROLE, kind]), ann)
        assert told[:2] == ["RBAC_PERMISSION_DENIED", "registry.watch/private"]
    assert await refused(registry, pb.WatchRequest(), ()) == ["SESSION_INVALID", ""]


async def test_a_watch_ends_with_its_session(registry: Registry) -> None:
    login = await registry.login()
    async with following(registry.clients, metadata=call_metadata(login.session_ref)) as follower:
        await follower.step()
        await logout(registry, login.session_ref)
        with pytest.raises(GraftError, match="SESSION_INVALID"):
            await follower.step()


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (pb.WatchRequest(start_revision=-1), ["VALUE_NOT_SUPPORTED", "start_revision", "-1"]),
        (pb.WatchRequest(kinds=[0]), ["VALUE_NOT_SUPPORTED", "kinds", "0"]),
        (pb.WatchRequest(kinds=[99]), ["VALUE_NOT_SUPPORTED", "kinds", "99"]),
    ],
)
async def test_watches_that_cannot_be(registry: Registry, request_: pb.WatchRequest, told: list[str]) -> None:
    assert (await refused(registry, request_, AS_SERVICE))[:3] == told


async def test_what_is_no_longer_kept_has_to_be_begun_anew(start_registry: StartRegistry, clock: SettableClock) -> None:
    registry = await start_registry(keep_events=5, sweep_every=0.1)
    first = await registry.login()
    oldest = (await registry.login()).revision
    for _ in range(5):
        await registry.login()
    clock.pass_by(hours=2)
    for _ in range(100):
        told = None
        try:
            async with following(registry.clients, first.revision) as follower:
                await follower.step()
        except GraftError as error:
            told = error.error_info()
            break
        await asyncio.sleep(0.05)
    assert told == ["REVISION_COMPACTED", str(first.revision), str(oldest)]
    future = first.revision + 10**9
    assert (await refused(registry, pb.WatchRequest(start_revision=future), AS_SERVICE))[:2] == [
        "REVISION_COMPACTED",
        str(future),
    ]
    with pytest.raises(GraftError):
        async with following(registry.clients, 1) as follower:
            await follower.step()
    async with following(registry.clients, oldest) as follower:
        assert len((await follower.step()).changes) == 5


async def test_a_slow_watcher_holds_nobody_up_and_loses_nothing(start_registry: StartRegistry) -> None:
    registry = await start_registry(batch=10)
    async with following(registry.clients) as slow, following(registry.clients) as quick:
        await slow.step()
        await quick.step()
        logins = [await registry.login() for _ in range(120)]
        await quick.reach(logins[-1].revision)
        await slow.reach(logins[-1].revision)
        assert slow.keys(SESSION) == quick.keys(SESSION) == {digest(login.session_ref) for login in logins}
        assert max(slow.sizes) <= 10


async def test_a_touch_is_told_only_when_it_moves_much(registry: Registry, clock: SettableClock) -> None:
    login = await registry.login()
    async with following(registry.clients, login.revision) as follower:
        touch = identity_pb2.SessionTouch(digest=digest(login.session_ref), busy=True)
        for minutes in (5, 4, 3):
            clock.pass_by(minutes=minutes)
            touch.last_active.FromDatetime(clock())
            request = identity_pb2.TouchSessionsRequest(touches=[touch])
            await call(registry.clients.identity.TouchSessions, request, timeout=10, metadata=AS_SERVICE)
        another = await registry.login()
        await follower.reach(another.revision)
        assert another.revision == login.revision + 2
        told = follower.held[SESSION, digest(login.session_ref)].session
        assert told.last_active == touch.last_active
        assert told.expires.seconds == told.last_active.seconds + 86400


async def test_expired_sessions_are_told(start_registry: StartRegistry, clock: SettableClock) -> None:
    registry = await start_registry(sweep_every=0.1)
    await registry.login()
    async with following(registry.clients) as follower:
        await follower.step()
        clock.pass_by(hours=25)
        while follower.keys(SESSION):
            await follower.step()


async def test_a_second_replica_sees_changes(
    start_registry: StartRegistry, settings: Settings, postgres_url: str
) -> None:
    given = settings.model_copy(update={"database_url": SecretStr(postgres_url)})
    one, other = await start_registry(given), await start_registry(given)
    async with following(other.clients) as follower:
        await follower.step()
        login = await one.login()
        await follower.reach(login.revision)
        assert follower.keys(SESSION) == {digest(login.session_ref)}
        who = await call(
            other.clients.identity.WhoAmI,
            identity_pb2.WhoAmIRequest(),
            timeout=10,
            metadata=call_metadata(login.session_ref),
        )
        assert who.session == login.session


async def test_watchers_are_counted_bounded_and_drained(start_registry: StartRegistry) -> None:
    registry = await start_registry(watchers=2)
    async with following(registry.clients) as one, following(registry.clients) as two:
        await one.step()
        await two.step()
        assert REGISTRY.get_sample_value("graft_watchers") == 2
        assert (await refused(registry, pb.WatchRequest(), AS_SERVICE))[0] == "SERVER_BUSY"
        drained = asyncio.create_task(registry.app.drain(10))
        for follower in (one, two):
            with pytest.raises(GraftError, match=r"SERVICE_UNAVAILABLE.*shutting down"):
                await follower.reach(2**62)
        await asyncio.wait_for(drained, 5)
        assert REGISTRY.get_sample_value("graft_watchers") == 0


async def test_in_process_it_is_the_same(registry: Registry) -> None:
    clients = RegistryClients.local(registry.app.services)
    request = identity_pb2.LoginRequest(user=ADMIN, password="wrong")
    with pytest.raises(GraftError, match="SESSION_AUTHENTICATION_FAILED"):
        await call(clients.identity.Login, request, timeout=10)
    async with following(clients) as follower:
        assert (await follower.step()).phase == COMPLETE
        login = await registry.login()
        await follower.reach(login.revision)
        assert follower.keys(SESSION) == {digest(login.session_ref)}
    assert REGISTRY.get_sample_value("graft_watchers") == 0


LISTS = [
    ("ListExtensionVersions", pb.ListExtensionVersionsRequest, "extension_versions"),
    ("ListLinks", pb.ListLinksRequest, "links"),
    ("ListDeclarations", pb.ListDeclarationsRequest, "declarations"),
]


@pytest.mark.parametrize(("rpc", "request_type", "field"), LISTS)
async def test_the_catalog_is_empty_and_says_so(registry: Registry, rpc: str, request_type: Any, field: str) -> None:
    method = getattr(registry.clients.registry, rpc)
    with pytest.raises(GraftError, match="SESSION_INVALID"):
        await call(method, request_type(), timeout=10)
    await registry.create_user("ann", "read-only")
    ann = await registry.as_user("ann")
    listed = await call(method, request_type(), timeout=10, metadata=ann)
    assert (list(getattr(listed, field)), listed.next_page_token) == ([], "")
    for wrong in (request_type(page_size=-1), request_type(page_token="x")):
        with pytest.raises(GraftError, match="VALUE_NOT_SUPPORTED"):
            await call(method, wrong, timeout=10, metadata=ann)


@pytest.mark.parametrize(("rpc", "request_type", "field"), LISTS)
async def test_lists_are_paged(
    registry: Registry, settings: Settings, clock: SettableClock, rpc: str, request_type: Any, field: str
) -> None:
    admin = await registry.as_admin()
    # What is put into the store must not be compared with what is on disk any more.
    await call(registry.clients.registry.Reload, pb.ReloadRequest(), timeout=10, metadata=admin)
    store = await Store.open(settings.database("registry"), clock)
    async with store.change() as change:
        for number in range(1, 6):
            await change.put_resources([ExtensionVersion(f"e{number}", "1.0", True, ("a",), "", True, ("s",))])
            await change.put_resources([Link(number, "HDP", "2.0", f"e{number}", "1.0", clock())])
            await change.put_resources([Declaration(f"A.m{number}", "a.xml", "", "0" * 64, "read-only", "<methods/>")])
    await store.close()
    # No other process writes to a file of SQLite, so it is at a change of its own that the registry sees these.
    admin = await registry.as_admin()
    found: list[Any] = []
    token = ""
    for size in (2, 2, 1):
        request = request_type(page_size=2, page_token=token)
        page = await call(getattr(registry.clients.registry, rpc), request, timeout=10, metadata=admin)
        assert len(getattr(page, field)) == size
        found += getattr(page, field)
        token = page.next_page_token
    assert token == ""
    assert [str(item) for item in found] == sorted(str(item) for item in found)
    async with following(registry.clients, kinds=[4, 5, 6]) as follower:
        await follower.step()
        assert len(follower.held) == 15
        one = follower.held[pb.RESOURCE_KIND_EXTENSION_VERSION, "e1/1.0"].extension_version
        assert (one.name, one.auto_link, list(one.services), one.revision) == ("e1", True, ["s"], change.revision)
