"""Passwords, roles and sessions of users, the local superuser, and logins that fail, over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from graft.registry.v1 import identity_pb2 as pb
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.rpc.context import call_metadata
from graft_common.settings import Settings
from registry_service.identity import rules
from registry_service.identity.failed_logins import MANY, MAX_AT_ONCE, MAX_CLIENTS, MAX_TOLD, FailedLogins
from registry_service.identity.values import Request
from registry_service.tuning import Tuning
from tests.registry.conftest import ADMIN, AS_SERVICE, PASSWORD, TOKEN, Registry, SettableClock, StartRegistry

Metadata = Sequence[tuple[str, str]]
OLD = "password of the user"
NEVER_IN_A_TEST = 3600.0


async def ask(registry: Registry, rpc: str, request: Any, metadata: Metadata = ()) -> Any:
    return await call(getattr(registry.clients.identity, rpc), request, timeout=20, metadata=metadata)


async def refused(registry: Registry, rpc: str, request: Any, metadata: Metadata = ()) -> list[str]:
    with pytest.raises(GraftError) as raised:
        await ask(registry, rpc, request, metadata)
    return raised.value.error_info()


async def is_open(registry: Registry, metadata: Metadata) -> bool:
    try:
        await ask(registry, "WhoAmI", pb.WhoAmIRequest(), metadata)
    except GraftError as error:
        if error.code != "SESSION_INVALID":
            raise
        return False
    return True


async def actions(registry: Registry) -> list[tuple[str, str, str]]:
    listed = await ask(registry, "ListLoginRecords", pb.ListLoginRecordsRequest(), await registry.as_admin())
    return [(record.user, record.action, record.outcome) for record in reversed(listed.records)]


async def test_ones_own_password_takes_the_old_one(registry: Registry) -> None:
    await registry.create_user("ann", "read-only")
    own, other = await registry.as_user("ann"), await registry.as_user("ann")
    wrong = pb.ChangePasswordRequest(old_password="wrong", new_password="new")
    assert (await refused(registry, "ChangePassword", wrong, own))[:2] == ["SESSION_AUTHENTICATION_FAILED", "ann"]
    assert await is_open(registry, other)
    await ask(registry, "ChangePassword", pb.ChangePasswordRequest(old_password=OLD, new_password="new"), own)
    assert (await is_open(registry, own), await is_open(registry, other)) == (True, False)
    assert (await refused(registry, "Login", pb.LoginRequest(user="ann", password=OLD)))[1] == "ann"
    await registry.login("ann", "new")
    told = await actions(registry)
    assert ("ann", "session.change_password", "SESSION_AUTHENTICATION_FAILED") in told
    assert ("ann", "session.change_password", "OK") in told


async def test_an_administrator_sets_the_password_of_others(registry: Registry) -> None:
    await registry.create_user("ann", "pool-operator")
    admin, ann = await registry.as_admin(), await registry.as_user("ann")
    request = pb.ChangePasswordRequest(name="ann", new_password="set")
    await ask(registry, "ChangePassword", request, admin)
    assert (await is_open(registry, ann), await is_open(registry, admin)) == (False, True)
    ann = await registry.as_user("ann", "set")
    theirs = pb.ChangePasswordRequest(name=ADMIN, old_password="set", new_password="mine")
    assert (await refused(registry, "ChangePassword", theirs, ann))[:2] == [
        "RBAC_PERMISSION_DENIED",
        "user.set_password",
    ]
    # One's own takes the old one whoever one is, also by name.
    own = pb.ChangePasswordRequest(name=ADMIN, new_password="mine")
    assert (await refused(registry, "ChangePassword", own, admin))[0] == "SESSION_AUTHENTICATION_FAILED"
    nobody = pb.ChangePasswordRequest(name="nobody", new_password="x")
    assert await refused(registry, "ChangePassword", nobody, admin) == ["USER_NOT_FOUND", "nobody"]


@pytest.mark.parametrize("new", ["", "x" * 1025])
async def test_passwords_that_cannot_be(registry: Registry, new: str) -> None:
    request = pb.ChangePasswordRequest(old_password=PASSWORD, new_password=new)
    told = await refused(registry, "ChangePassword", request, await registry.as_admin())
    assert told == ["CHANGE_PASSWORD_REJECTED", "a password has 1 to 1024 characters"]


async def test_other_roles_count_from_the_next_login(registry: Registry) -> None:
    await registry.create_user("ann", "read-only")
    admin, before = await registry.as_admin(), await registry.as_user("ann")
    roles = pb.SetUserRolesRequest(name="ann", roles=["vm-admin", "pool-admin"])
    assert list((await ask(registry, "SetUserRoles", roles, admin)).user.roles) == ["pool-admin", "vm-admin"]
    held = (await ask(registry, "WhoAmI", pb.WhoAmIRequest(), before)).session.roles
    assert list(held) == ["read-only"]
    assert list((await registry.login("ann", OLD)).session.roles) == ["pool-admin", "vm-admin"]
    assert (await refused(registry, "SetUserRoles", roles, before))[:2] == ["RBAC_PERMISSION_DENIED", "user.set_roles"]
    await ask(registry, "SetUserRoles", pb.SetUserRolesRequest(name=ADMIN, roles=["read-only"]), admin)
    last = pb.SetUserRolesRequest(name="ann", roles=["read-only"])
    assert (await refused(registry, "SetUserRoles", last, admin))[:3] == ["VALUE_NOT_SUPPORTED", "name", "ann"]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (pb.SetUserRolesRequest(name="nobody", roles=["read-only"]), ["USER_NOT_FOUND", "nobody"]),
        (pb.SetUserRolesRequest(name="a\0", roles=["read-only"]), ["USER_NOT_FOUND", "a?"]),
        (pb.SetUserRolesRequest(name=ADMIN, roles=["king"]), ["ROLE_NOT_FOUND", "king"]),
        (pb.SetUserRolesRequest(name=ADMIN), ["VALUE_NOT_SUPPORTED", "roles"]),
    ],
)
async def test_roles_that_cannot_be_set(registry: Registry, request_: Any, told: list[str]) -> None:
    assert (await refused(registry, "SetUserRoles", request_, await registry.as_admin()))[:2] == told


async def test_the_local_superuser_needs_no_password_but_a_service_to_say_so(registry: Registry) -> None:
    request = pb.LoginLocalRequest(uid=0, originator="a script")
    for metadata in ((), await registry.as_admin()):
        assert (await refused(registry, "LoginLocal", request, metadata))[0] == "SERVICE_TOKEN_INVALID"
    login = await ask(registry, "LoginLocal", request, AS_SERVICE)
    session = (await ask(registry, "WhoAmI", pb.WhoAmIRequest(), call_metadata(login.session_ref))).session
    assert session == login.session
    assert (session.user, list(session.roles)) == ("LOCAL_SUPERUSER", ["pool-admin"])
    assert (session.subject, session.originator, session.is_local_superuser) == ("local:0", "a script", True)
    local = call_metadata(login.session_ref)
    taken = pb.CreateUserRequest(name="LOCAL_SUPERUSER", password="x", roles=["read-only"])
    assert (await refused(registry, "CreateUser", taken, local))[:2] == ["VALUE_NOT_SUPPORTED", "name"]
    nothing = pb.ChangePasswordRequest(old_password="", new_password="x")
    assert (await refused(registry, "ChangePassword", nothing, local))[0] == "CHANGE_PASSWORD_REJECTED"
    await ask(registry, "ChangePassword", pb.ChangePasswordRequest(name=ADMIN, new_password="found again"), local)
    await registry.login(ADMIN, "found again")
    beyond = pb.LoginLocalRequest(originator="\n")
    assert (await refused(registry, "LoginLocal", beyond, AS_SERVICE))[:2] == ["VALUE_NOT_SUPPORTED", "originator"]


async def test_who_has_sessions_and_an_end_of_them(registry: Registry) -> None:
    await registry.create_user("ann", "read-only")
    await registry.create_user("op", "pool-operator")
    local = await ask(registry, "LoginLocal", pb.LoginLocalRequest(uid=0), AS_SERVICE)
    ann, again, op = [await registry.as_user(name) for name in ("ann", "ann", "op")]
    sids = {
        name: (await ask(registry, "WhoAmI", pb.WhoAmIRequest(), metadata)).session.user_uuid
        for name, metadata in (("ann", ann), ("op", op), ("root", await registry.as_admin()))
    }
    listed = await ask(registry, "ListSubjectIdentifiers", pb.ListSubjectIdentifiersRequest(), ann)
    assert list(listed.identifiers) == sorted(sids.values())
    ending = pb.LogoutSubjectRequest(identifier=sids["ann"])
    told = await refused(registry, "LogoutSubject", ending, ann)
    assert told[:2] == ["RBAC_PERMISSION_DENIED", "session.logout_subject_identifier"]
    before = (await registry.login()).revision
    ended = await ask(registry, "LogoutSubject", ending, op)
    listed = await ask(registry, "ListLoginRecords", pb.ListLoginRecordsRequest(page_size=1), op)
    assert [(one.name, one.value) for one in listed.records[0].arguments] == [("subject_identifier", sids["ann"])]
    assert (ended.closed, ended.revision) == (2, before + 1)
    assert [await is_open(registry, metadata) for metadata in (ann, again, op)] == [False, False, True]
    own = await ask(registry, "LogoutSubject", pb.LogoutSubjectRequest(identifier=sids["op"]), op)
    assert (own.closed, own.revision) == (0, ended.revision)
    nobody = pb.LogoutSubjectRequest(identifier=local.session.user_uuid)
    assert (await ask(registry, "LogoutSubject", nobody, op)).closed == 0
    assert await is_open(registry, call_metadata(local.session_ref))


async def test_notes_with_a_session(registry: Registry) -> None:
    admin = await registry.as_admin()

    async def note(**change: Any) -> dict[str, str]:
        answer = await ask(registry, "UpdateSession", pb.UpdateSessionRequest(**change), admin)
        who = (await ask(registry, "WhoAmI", pb.WhoAmIRequest(), admin)).session
        assert who == answer.session
        return dict(who.other_config)

    assert await note(put={"a": "1", "b": ""}) == {"a": "1", "b": ""}
    assert await note(put={"c": "3"}, remove=["b", "nothing"]) == {"a": "1", "c": "3"}
    assert await note(put={"d": "4"}, replace_all=True) == {"d": "4"}
    told = await refused(registry, "UpdateSession", pb.UpdateSessionRequest(put={"d": "5"}, only_new=True), admin)
    assert (told[:3], told[4]) == (["MAP_DUPLICATE_KEY", "session", "other_config"], "d")
    assert await note(put={"e": "5"}, only_new=True) == {"d": "4", "e": "5"}
    for bad in ({"": "x"}, {"a\n": "x"}, {"a": "x" * (16 << 10)}, {str(number): "" for number in range(65)}):
        told = await refused(registry, "UpdateSession", pb.UpdateSessionRequest(put=bad), admin)
        assert told[:2] == ["VALUE_NOT_SUPPORTED", "other_config"]
    assert await note() == {"d": "4", "e": "5"}


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("UpdateSession", pb.UpdateSessionRequest()),
        ("ListSubjectIdentifiers", pb.ListSubjectIdentifiersRequest()),
        ("LogoutSubject", pb.LogoutSubjectRequest()),
        ("SetUserRoles", pb.SetUserRolesRequest()),
        ("ChangePassword", pb.ChangePasswordRequest()),
    ],
)
async def test_none_of_it_goes_without_a_session(registry: Registry, rpc: str, request_: Any) -> None:
    for metadata in ((), call_metadata("OpaqueRef:x"), AS_SERVICE):
        assert (await refused(registry, rpc, request_, metadata))[0] == "SESSION_INVALID"


async def failed_so_often(registry: Registry, number: int) -> None:
    async with asyncio.timeout(20):
        while sum(code == "SESSION_AUTHENTICATION_FAILED" for _, _, code in await actions(registry)) < number:  # noqa: ASYNC110  (polled)
            await asyncio.sleep(0.01)


async def test_a_refusal_is_held_back_and_a_right_password_is_not(start_registry: StartRegistry) -> None:
    registry = await start_registry(
        failed_login_delay=NEVER_IN_A_TEST, failed_login_delay_at_most=NEVER_IN_A_TEST, login_records=1000
    )
    guess = pb.LoginRequest(user="ann", password="a guess")
    await registry.create_user("ann", "read-only")
    guesses: list[asyncio.Task[Any]] = []
    try:
        for number in range(MAX_AT_ONCE):
            guesses.append(asyncio.create_task(ask(registry, "Login", guess)))
            await failed_so_often(registry, number + 1)
        assert not any(task.done() for task in guesses)
        # One more of the same user from the same host is not even tried; others are not held up.
        for password in ("a guess", OLD):
            told = await refused(registry, "Login", pb.LoginRequest(user="ann", password=password))
            assert told[0] == "SERVER_BUSY"
        await registry.login()
        elsewhere = pb.LoginRequest(user="ann", password=OLD)
        await ask(registry, "Login", elsewhere, call_metadata(TOKEN, peer="192.0.2.1:1"))
    finally:
        for task in guesses:
            task.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)


async def test_nobody_but_a_service_says_where_a_login_comes_from(start_registry: StartRegistry) -> None:
    registry = await start_registry(failed_login_delay=NEVER_IN_A_TEST, failed_login_delay_at_most=NEVER_IN_A_TEST)
    await registry.create_user("ann", "read-only")
    named, guess = "192.0.2.1:1", pb.LoginRequest(user="ann", password="a guess")
    guesses: list[asyncio.Task[Any]] = []
    try:
        # Each names the address of somebody else, and others' tokens.
        for number in range(MAX_AT_ONCE):
            metadata = call_metadata("no token", peer=named)
            guesses.append(asyncio.create_task(ask(registry, "Login", guess, metadata)))
            await failed_so_often(registry, number + 1)
        right = pb.LoginRequest(user="ann", password=OLD)
        await ask(registry, "Login", right, call_metadata(TOKEN, peer=named))
        listed = await ask(registry, "ListLoginRecords", pb.ListLoginRecordsRequest(), await registry.as_admin())
        told = {record.outcome: record.peer for record in listed.records if record.user == "ann"}
        assert told["OK"] == named
        assert told["SESSION_AUTHENTICATION_FAILED"].startswith("ipv4:127.0.0.1:")
    finally:
        for task in guesses:
            task.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)


async def test_guesses_at_an_old_password_count_for_their_session(start_registry: StartRegistry) -> None:
    registry = await start_registry(failed_login_delay=NEVER_IN_A_TEST, failed_login_delay_at_most=NEVER_IN_A_TEST)
    await registry.create_user("ann", "read-only")
    stolen = (await registry.login("ann", OLD)).session_ref
    guess = pb.ChangePasswordRequest(old_password="a guess", new_password="x")
    guesses: list[asyncio.Task[list[str]]] = []
    try:
        async with asyncio.timeout(20):
            while not any(task.done() for task in guesses):
                metadata = call_metadata(stolen, peer=f"192.0.2.{len(guesses)}:1")
                guesses.append(asyncio.create_task(refused(registry, "ChangePassword", guess, metadata)))
                await asyncio.wait(guesses[-1:], timeout=0.05)
        assert [task.result()[0] for task in guesses if task.done()] == ["SERVER_BUSY"]
        assert len(guesses) > MAX_AT_ONCE
        await registry.as_user("ann")
    finally:
        for task in guesses:
            task.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)


async def test_a_name_of_others_that_a_former_release_gave_to_a_user(registry: Registry, settings: Settings) -> None:
    await registry.create_user("ann", "vm-admin")
    with contextlib.closing(sqlite3.connect(settings.data_dir / "registry.db")) as database, database:
        database.execute("UPDATE registry_user SET name = 'oidc:ann' WHERE name = 'ann'")
    told = await refused(registry, "Login", pb.LoginRequest(user="oidc:ann", password=OLD))
    assert told[0] == "SESSION_AUTHENTICATION_FAILED"
    await ask(registry, "DeleteUser", pb.DeleteUserRequest(name="oidc:ann"), await registry.as_admin())
    listed = await ask(registry, "ListUsers", pb.ListUsersRequest(), await registry.as_admin())
    assert [user.name for user in listed.users] == [ADMIN]


@pytest.mark.parametrize(("failures", "delay"), [(0, 0), (1, 0.5), (2, 1), (3, 2), (4, 4), (5, 5), (10**6, 5)])
def test_refusals_take_longer_and_longer(failures: int, delay: float) -> None:
    assert rules.refusal_delay(failures, 0.5, 5) == delay


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("127.0.0.1:4711", "127.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("ipv4:10.0.0.1:99", "ipv4:10.0.0.1"),
        ("ipv6:%5B::1%5D:99", "ipv6:%5B::1%5D"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_hosts_of_clients(peer: str, host: str) -> None:
    assert rules.host_of(peer) == host


async def test_a_right_password_has_failures_forgotten(clock: SettableClock) -> None:
    failures = FailedLogins(Tuning(failed_login_delay=0, now=clock))
    here = Request("10.0.0.1:1")

    def tried_at_once() -> int:
        with contextlib.ExitStack() as stack:
            for number in range(MAX_AT_ONCE + 1):
                try:
                    stack.enter_context(failures.attempt(ADMIN, here))
                except GraftError:
                    return number
        return MAX_AT_ONCE + 1

    for _ in range(MANY):
        assert tried_at_once() > MAX_AT_ONCE
        await failures.failed(ADMIN, ADMIN, "", here)
    assert tried_at_once() == MAX_AT_ONCE
    failures.succeeded(ADMIN, Request("10.0.0.2:1"))
    assert tried_at_once() == MAX_AT_ONCE
    failures.succeeded(ADMIN, Request("10.0.0.1:2"))
    assert tried_at_once() > MAX_AT_ONCE


async def test_an_alert_names_the_busiest_and_counts_all(clock: SettableClock) -> None:
    failures = FailedLogins(Tuning(failed_login_delay=0, now=clock))
    assert failures.alert() is None
    for number in range(MAX_CLIENTS + 50):
        await failures.failed("some name", "", "", Request(f"host{number}:1"))
    for port in range(3):
        await failures.failed(ADMIN, ADMIN, "a tool", Request(f"host0:{port}"))
    with capture_logs() as logs:
        alert = failures.alert()
    assert alert is not None
    assert alert.total == MAX_CLIENTS + 53
    assert len(alert.clients) == MAX_TOLD
    assert [log["event"] for log in logs] == ["login.failures"]
    assert "some name" not in repr(logs)
    assert failures.alert() is None
    await failures.failed(ADMIN, ADMIN, "a tool", Request("host0:9"))
    alert = failures.alert()
    assert alert is not None
    assert [(one.client.user, one.client.host, one.number) for one in alert.clients] == [(ADMIN, "host0", 1)]
