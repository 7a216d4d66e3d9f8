from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from graft.common.v1 import audit_pb2
from graft.registry.v1 import identity_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.context import call_metadata, digest
from graft_common.settings import Settings
from registry_service.tuning import PasswordCost
from tests.registry.conftest import ADMIN, AS_SERVICE, PASSWORD, TOKEN, Registry, SettableClock, StartRegistry

REF = re.compile(r"OpaqueRef:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

Metadata = Sequence[tuple[str, str]]


async def ask(registry: Registry, rpc: str, request: Any, metadata: Metadata = ()) -> Any:
    return await call(getattr(registry.clients.identity, rpc), request, timeout=20, metadata=metadata)


async def refused(registry: Registry, rpc: str, request: Any, metadata: Metadata = ()) -> list[str]:
    with pytest.raises(GraftError) as raised:
        await ask(registry, rpc, request, metadata)
    return raised.value.error_info()


async def who(registry: Registry, ref: str) -> Any:
    return (await ask(registry, "WhoAmI", pb.WhoAmIRequest(), call_metadata(ref))).session


async def test_the_life_of_a_session(registry: Registry, clock: SettableClock) -> None:
    login = await registry.login(originator="a tool")
    assert REF.fullmatch(login.session_ref)
    assert (login.session.user, list(login.session.roles)) == (ADMIN, ["pool-admin"])
    assert login.session.originator == "a tool"
    assert login.session.digest == ""
    assert login.session.expires.seconds - login.session.created.seconds == 86400
    assert await who(registry, login.session_ref) == login.session
    left = await ask(registry, "Logout", pb.LogoutRequest(), call_metadata(login.session_ref))
    assert left.revision == login.revision + 1
    for rpc, request in (("WhoAmI", pb.WhoAmIRequest()), ("Logout", pb.LogoutRequest())):
        told = await refused(registry, rpc, request, call_metadata(login.session_ref))
        assert told == ["SESSION_INVALID", login.session_ref]


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (ADMIN, "wrong"),
        (ADMIN, ""),
        (ADMIN, PASSWORD + " "),
        (ADMIN, "x" * 5000),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("a\0b", PASSWORD),
        ("x" * 255, PASSWORD),
    ],
)
async def test_wrong_credentials(registry: Registry, user: str, password: str) -> None:
    told = await refused(registry, "Login", pb.LoginRequest(user=user, password=password))
    assert told == ["SESSION_AUTHENTICATION_FAILED", user, "Authentication failed"]


async def test_errors_are_statuses_with_error_info(registry: Registry) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await registry.clients.identity.Login(pb.LoginRequest(user="x", password="y"), timeout=20)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert raised.value.code().value[0] == code_pb2.UNAUTHENTICATED


@pytest.mark.parametrize("originator", ["x" * 256, "a\nb"])
async def test_an_originator_that_cannot_be_kept(registry: Registry, originator: str) -> None:
    request = pb.LoginRequest(user=ADMIN, password=PASSWORD, originator=originator)
    told = await refused(registry, "Login", request)
    assert told[:2] == ["VALUE_NOT_SUPPORTED", "originator"]


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(start_registry: StartRegistry) -> None:
    registry = await start_registry(password_cost=PasswordCost(passes=3, memory_kib=32 * 1024, lanes=1))

    async def span(user: str) -> float:
        # Of all threads of this process, which does nothing else: what others do on the machine takes time, too.
        started = time.process_time()
        await refused(registry, "Login", pb.LoginRequest(user=user, password="wrong"))
        return time.process_time() - started

    spans = [(await span(ADMIN), await span("nobody")) for _ in range(6)]
    known, unknown = (min(times) for times in zip(*spans, strict=True))
    assert unknown > known / 2


async def test_a_hundred_logins_at_once(registry: Registry) -> None:
    logins = await asyncio.gather(*(registry.login(originator=str(number)) for number in range(100)))
    assert len({login.session_ref for login in logins}) == 100
    revisions = sorted(login.revision for login in logins)
    assert revisions == list(range(revisions[0], revisions[0] + 100))
    named = await asyncio.gather(*(who(registry, login.session_ref) for login in logins))
    assert [session.originator for session in named] == [str(number) for number in range(100)]


async def test_too_many_logins_are_refused_at_once(start_registry: StartRegistry) -> None:
    registry = await start_registry(password_queue=2, password_workers=1, password_cost=PasswordCost(4, 32 * 1024, 1))
    results = await asyncio.gather(*(registry.login() for _ in range(20)), return_exceptions=True)
    codes = [result.code for result in results if isinstance(result, GraftError)]
    assert set(codes) == {"SERVER_BUSY"}
    assert len(codes) < 20
    await registry.login()


async def test_no_host_takes_the_places_of_others(start_registry: StartRegistry) -> None:
    registry = await start_registry(password_queue=4, password_workers=1, password_cost=PasswordCost(4, 32 * 1024, 1))
    guess = pb.LoginRequest(user=ADMIN, password="a guess")
    there = call_metadata(TOKEN, peer="192.0.2.1:1")
    strangers = [asyncio.create_task(refused(registry, "Login", guess, there)) for _ in range(20)]
    for answered in asyncio.as_completed(strangers):
        if (await answered)[0] == "SERVER_BUSY":
            break
    await registry.login()
    assert {told[0] for told in await asyncio.gather(*strangers)} == {"SERVER_BUSY", "SESSION_AUTHENTICATION_FAILED"}


async def test_an_unused_session_ends_and_a_used_one_does_not(registry: Registry, clock: SettableClock) -> None:
    used, unused = await registry.login(), await registry.login()
    clock.pass_by(hours=23)
    await who(registry, used.session_ref)
    clock.pass_by(hours=1)
    assert (await who(registry, used.session_ref)).user == ADMIN
    assert (await refused(registry, "WhoAmI", pb.WhoAmIRequest(), call_metadata(unused.session_ref)))[
        0
    ] == "SESSION_INVALID"
    lookup = pb.LookupSessionRequest(digest=digest(unused.session_ref))
    assert (await refused(registry, "LookupSession", lookup, AS_SERVICE))[0] == "SESSION_INVALID"


async def test_the_oldest_unused_session_makes_room(start_registry: StartRegistry, clock: SettableClock) -> None:
    registry = await start_registry(sessions_per_user=4, sessions_per_originator=3)

    async def login(originator: str = "") -> str:
        clock.pass_by(minutes=1)
        return (await registry.login(originator=originator)).session_ref

    async def alive(refs: list[str]) -> list[bool]:
        results = await asyncio.gather(*(who(registry, ref) for ref in refs), return_exceptions=True)
        return [not isinstance(result, GraftError) for result in results]

    refs = [await login() for _ in range(4)]
    assert await alive(refs) == [True] * 4
    touch = pb.SessionTouch(digest=digest(refs[0]), busy=True)
    touch.last_active.FromDatetime(clock())
    await ask(registry, "TouchSessions", pb.TouchSessionsRequest(touches=[touch]), AS_SERVICE)
    refs.append(await login())
    assert await alive(refs) == [True, False, True, True, True]
    refs += [await login("tool") for _ in range(3)]
    assert await alive(refs) == [True, False, False, False, False, True, True, True]
    await registry.create_user("ann", "read-only")
    clock.pass_by(minutes=1)
    await registry.login("ann", "password of the user", originator="tool")
    assert (await alive(refs))[5] is False


async def test_touches_come_from_services_and_keep_sessions(registry: Registry, clock: SettableClock) -> None:
    login = await registry.login()
    clock.pass_by(hours=20)
    touch = pb.SessionTouch(digest=digest(login.session_ref))
    touch.last_active.FromDatetime(clock())
    request = pb.TouchSessionsRequest(touches=[touch, pb.SessionTouch(digest="0" * 64), pb.SessionTouch(digest="x\0")])
    assert (await refused(registry, "TouchSessions", request))[0] == "SERVICE_TOKEN_INVALID"
    assert (await refused(registry, "TouchSessions", request, call_metadata(login.session_ref)))[
        0
    ] == "SERVICE_TOKEN_INVALID"
    await ask(registry, "TouchSessions", request, AS_SERVICE)
    clock.pass_by(hours=20)
    assert (await who(registry, login.session_ref)).user == ADMIN
    many = pb.TouchSessionsRequest(touches=[touch] * 10_001)
    assert (await refused(registry, "TouchSessions", many, AS_SERVICE))[:2] == ["VALUE_NOT_SUPPORTED", "touches"]
    wrong = pb.TouchSessionsRequest(touches=[pb.SessionTouch(last_active=Timestamp(seconds=2**60))])
    assert (await refused(registry, "TouchSessions", wrong, AS_SERVICE))[:2] == [
        "VALUE_NOT_SUPPORTED",
        "touches.last_active",
    ]


async def test_services_look_sessions_up(registry: Registry) -> None:
    login = await registry.login()
    request = pb.LookupSessionRequest(digest=digest(login.session_ref))
    found = await ask(registry, "LookupSession", request, AS_SERVICE)
    assert found.session.digest == digest(login.session_ref)
    assert (found.session.uuid, found.revision) == (login.session.uuid, login.revision)
    assert (await refused(registry, "LookupSession", request, await registry.as_admin()))[0] == "SERVICE_TOKEN_INVALID"
    unknown = pb.LookupSessionRequest(digest="no digest")
    assert await refused(registry, "LookupSession", unknown, AS_SERVICE) == ["SESSION_INVALID", "no digest"]


async def test_users_are_added_listed_and_removed(registry: Registry) -> None:
    admin = await registry.as_admin()
    made = await ask(
        registry,
        "CreateUser",
        pb.CreateUserRequest(name="ann", password="secret", roles=["read-only", "vm-admin"]),
        admin,
    )
    assert list(made.user.roles) == ["vm-admin", "read-only"]
    again = pb.CreateUserRequest(name="ann", password="other", roles=["read-only"])
    assert await refused(registry, "CreateUser", again, admin) == ["USER_EXISTS", "ann"]
    listed = await ask(registry, "ListUsers", pb.ListUsersRequest(), admin)
    assert [user.name for user in listed.users] == ["ann", ADMIN]
    ann = (await registry.login("ann", "secret")).session_ref
    removed = await ask(registry, "DeleteUser", pb.DeleteUserRequest(name="ann"), admin)
    assert removed.revision > made.revision
    assert await refused(registry, "WhoAmI", pb.WhoAmIRequest(), call_metadata(ann)) == ["SESSION_INVALID", ann]
    assert (await refused(registry, "Login", pb.LoginRequest(user="ann", password="secret")))[
        0
    ] == "SESSION_AUTHENTICATION_FAILED"
    assert await refused(registry, "DeleteUser", pb.DeleteUserRequest(name="ann"), admin) == ["USER_NOT_FOUND", "ann"]
    told = await refused(registry, "DeleteUser", pb.DeleteUserRequest(name=ADMIN), admin)
    assert told == ["VALUE_NOT_SUPPORTED", "name", ADMIN, "it is the last user with the role pool-admin"]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (pb.CreateUserRequest(name="", password="x", roles=["read-only"]), ["VALUE_NOT_SUPPORTED", "name"]),
        (pb.CreateUserRequest(name="a\nb", password="x", roles=["read-only"]), ["VALUE_NOT_SUPPORTED", "name"]),
        (pb.CreateUserRequest(name="a", password="", roles=["read-only"]), ["VALUE_NOT_SUPPORTED", "password"]),
        (pb.CreateUserRequest(name="a", password="x"), ["VALUE_NOT_SUPPORTED", "roles"]),
        (pb.CreateUserRequest(name="a", password="x", roles=["king"]), ["ROLE_NOT_FOUND", "king"]),
        (pb.DeleteUserRequest(name="a\0"), ["VALUE_NOT_SUPPORTED", "name"]),
    ],
)
async def test_users_that_cannot_be(registry: Registry, request_: Any, told: list[str]) -> None:
    rpc = type(request_).__name__.removesuffix("Request")
    assert (await refused(registry, rpc, request_, await registry.as_admin()))[:2] == told


@pytest.mark.parametrize(
    ("rpc", "request_", "permission"),
    [
        ("CreateUser", pb.CreateUserRequest(name="eve", password="x", roles=["pool-admin"]), "user.create"),
        ("DeleteUser", pb.DeleteUserRequest(name=ADMIN), "user.destroy"),
        ("ListUsers", pb.ListUsersRequest(), "user.get_all"),
    ],
)
async def test_users_are_for_administrators(registry: Registry, rpc: str, request_: Any, permission: str) -> None:
    await registry.create_user("op", "pool-operator")
    told = await refused(registry, rpc, request_, await registry.as_user("op"))
    text = "No permission in user session. (Roles with this permission: pool-admin)"
    assert told == ["RBAC_PERMISSION_DENIED", permission, text]


@pytest.mark.parametrize(
    "rpc", ["Logout", "WhoAmI", "ListRoles", "CreateUser", "DeleteUser", "ListUsers", "ListLoginRecords"]
)
@pytest.mark.parametrize("metadata", [[], [("authorization", "Basic x")], [("authorization", "Bearer OpaqueRef:x")]])
async def test_nothing_but_login_goes_without_a_session(registry: Registry, rpc: str, metadata: Metadata) -> None:
    request = getattr(pb, f"{rpc}Request")()
    assert (await refused(registry, rpc, request, metadata))[0] == "SESSION_INVALID"


async def test_roles_are_listed_by_falling_rank(registry: Registry) -> None:
    for metadata in (await registry.as_admin(), AS_SERVICE):
        listed = await ask(registry, "ListRoles", pb.ListRolesRequest(), metadata)
        assert [role.name for role in listed.roles][::5] == ["pool-admin", "read-only"]
        ranks = [role.rank for role in listed.roles]
        assert ranks == sorted(ranks, reverse=True)


async def test_the_audit_of_logins(registry: Registry, clock: SettableClock) -> None:
    admin = await registry.login(originator="tool")
    as_admin = call_metadata(admin.session_ref, request_id="the request")
    await refused(registry, "Login", pb.LoginRequest(user=ADMIN, password="wrong", originator="x"))
    await refused(registry, "Login", pb.LoginRequest(user="my password", password="root"))
    await ask(
        registry, "CreateUser", pb.CreateUserRequest(name="ann", password="s3cret", roles=["read-only"]), as_admin
    )
    ann = call_metadata((await registry.login("ann", "s3cret")).session_ref)
    await refused(registry, "DeleteUser", pb.DeleteUserRequest(name=ADMIN), ann)
    await ask(registry, "Logout", pb.LogoutRequest(), as_admin)
    listed = await ask(registry, "ListLoginRecords", pb.ListLoginRecordsRequest(), ann)
    allowed, denied = audit_pb2.AUDIT_DECISION_ALLOWED, audit_pb2.AUDIT_DECISION_DENIED
    assert [(one.user, one.action, one.decision, one.outcome, one.originator) for one in reversed(listed.records)] == [
        (ADMIN, "session.login_with_password", allowed, "OK", "tool"),
        (ADMIN, "session.login_with_password", denied, "SESSION_AUTHENTICATION_FAILED", "x"),
        ("", "session.login_with_password", denied, "SESSION_AUTHENTICATION_FAILED", ""),
        (ADMIN, "user.create", allowed, "OK", "tool"),
        ("ann", "session.login_with_password", allowed, "OK", ""),
        ("ann", "user.destroy", denied, "RBAC_PERMISSION_DENIED", ""),
        (ADMIN, "session.logout", allowed, "OK", "tool"),
    ]
    last = listed.records[0]
    assert last.track_id == digest(admin.session_ref)[:16]
    assert last.request_id == "the request"
    assert last.peer.startswith("ipv4:127.0.0.1:")
    assert list(last.roles) == ["pool-admin"]


async def test_the_audit_is_paged(registry: Registry, clock: SettableClock) -> None:
    for _ in range(5):
        clock.pass_by(seconds=10)
        metadata = await registry.as_admin()
    seen: list[int] = []
    token = ""
    while True:
        page = await ask(
            registry, "ListLoginRecords", pb.ListLoginRecordsRequest(page_size=2, page_token=token), metadata
        )
        assert len(page.records) <= 2
        seen += [record.id for record in page.records]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5
    since = Timestamp()
    since.FromDatetime(clock())
    assert (
        len((await ask(registry, "ListLoginRecords", pb.ListLoginRecordsRequest(since=since), metadata)).records) == 1
    )


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListLoginRecordsRequest(page_size=-1), "page_size"),
        (pb.ListLoginRecordsRequest(page_token="%%%"), "page_token"),
        (pb.ListLoginRecordsRequest(page_token="YWJj"), "page_token"),
        (pb.ListLoginRecordsRequest(page_token="OTk5OTk5OTk5OTk5OTk5OTk5OTk="), "page_token"),
        (pb.ListLoginRecordsRequest(since=Timestamp(seconds=2**62)), "since"),
    ],
)
async def test_pages_that_are_not_there(registry: Registry, request_: Any, field: str) -> None:
    told = await refused(registry, "ListLoginRecords", request_, await registry.as_admin())
    assert told[:2] == ["VALUE_NOT_SUPPORTED", field]


async def test_a_restart_keeps_sessions_and_users(
    start_registry: StartRegistry, database_url: str, settings: Settings
) -> None:
    given = settings.model_copy(update={"database_url": type(settings.admin_password)(database_url)})
    first = await start_registry(given)
    await first.create_user("ann", "read-only")
    login = await first.login()
    await first.stop()
    second = await start_registry(given)
    assert await who(second, login.session_ref) == login.session
    assert (await second.login("ann", "password of the user")).session.user == "ann"


async def test_secrets_stay_in_memory(start_registry: StartRegistry, settings: Settings, tmp_path: Path) -> None:
    with capture_logs() as logs:
        registry = await start_registry()
        login = await registry.login()
        await registry.create_user("ann", "read-only", password="a secret of ann's")
        await refused(registry, "Login", pb.LoginRequest(user="ann", password="a wrong guess"))
        await refused(registry, "WhoAmI", pb.WhoAmIRequest(), call_metadata("OpaqueRef:a-false-one"))
        await ask(registry, "Logout", pb.LogoutRequest(), call_metadata(login.session_ref))
        await registry.stop()
    text = repr(logs)
    assert "session.opened" in text
    assert digest(login.session_ref)[:16] in text
    files = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert digest(login.session_ref).encode() in files
    for secret in (
        PASSWORD,
        login.session_ref.removeprefix("OpaqueRef:"),
        "a secret of ann's",
        "a wrong guess",
        "a-false-one",
    ):
        assert secret not in text
        assert secret.encode() not in files


async def test_health_and_reflection(registry: Registry) -> None:
    health = health_pb2_grpc.HealthStub(registry.channel)
    for name in ("", "graft.registry.v1.IdentityService", "graft.registry.v1.RegistryService"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflected = reflection_pb2_grpc.ServerReflectionStub(registry.channel)
    asked = reflected.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    names = [service.name async for answer in asked for service in answer.list_services_response.service]
    assert {"graft.registry.v1.IdentityService", "graft.registry.v1.RegistryService"} <= set(names)


async def test_logins_are_counted(registry: Registry) -> None:
    def count(result: str) -> float:
        return REGISTRY.get_sample_value("graft_logins_total", {"result": result}) or 0.0

    before = count("OK"), count("SESSION_AUTHENTICATION_FAILED")
    await registry.login()
    await refused(registry, "Login", pb.LoginRequest(user=ADMIN, password="wrong"))
    assert (count("OK"), count("SESSION_AUTHENTICATION_FAILED")) == (before[0] + 1, before[1] + 1)
