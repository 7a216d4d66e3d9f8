"""The PyPI XenAPI client, unmodified, against the gateway over fakes."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from collections.abc import Callable
from typing import Any

import pytest
import XenAPI

from fakes import ADMIN, PASSWORD, FakePlatform
from fakes.platform import HOST, USER_UUID
from support.wire import Running


def failure(call: Callable[..., Any], *args: Any) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    details: list[str] = caught.value.details
    return details


def login(url: str) -> XenAPI.Session:
    session = XenAPI.Session(url)
    session.xenapi.login_with_password(ADMIN, PASSWORD, "1.0", "tests")
    return session


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_whole_life_of_a_client(gateway: Running, slash: str) -> None:
    def live() -> None:
        with XenAPI.Session(gateway.url + slash) as session:
            use(session)

    def use(session: XenAPI.Session) -> None:
        assert failure(session.xenapi.login_with_password, ADMIN, "wrong") == [
            "SESSION_AUTHENTICATION_FAILED",
            ADMIN,
            "wrong user name or password",
        ]
        session.xenapi.login_with_password(ADMIN, PASSWORD)
        sent = ["t < &", 5, True, 1.5, None, ["a", []], {"k": {"l": "m"}}, xmlrpc.client.Binary(b"\0\xff")]
        got = session.xenapi.Test.mirror(*sent)
        assert got == ["t < &", "5", *sent[2:]]
        [date] = session.xenapi.Test.mirror(xmlrpc.client.DateTime("20260101T00:00:00"))
        assert date == xmlrpc.client.DateTime("20260101T00:00:00")
        assert session.xenapi.Test.void() == ""
        assert failure(session.xenapi.Test.fail, "CODE", "a") == ["CODE", "a"]
        assert failure(session.xenapi.Test.unknown) == ["MESSAGE_METHOD_UNKNOWN", "Test.unknown"]
        task = session.xenapi.Async.Test.echo("x")
        assert session.xenapi.task.get_status(task) == "success"
        assert session.xenapi.task.get_status(session.xenapi.InternalAsync.Test.echo("x")) == "success"
        ref = session.handle
        session.xenapi.session.logout()
        assert ref not in gateway.platform.sessions

    await asyncio.to_thread(live)


async def test_a_stale_session_is_renewed_by_the_client(gateway: Running) -> None:
    def live() -> None:
        with login(gateway.url) as session:
            use(session)

    def use(session: XenAPI.Session) -> None:
        stale = session.handle
        gateway.platform.sessions.clear()
        assert session.xenapi.Test.echo("x") == "x"
        assert session.handle != stale
        session.xenapi.logout()

    await asyncio.to_thread(live)


async def test_the_session_record(gateway: Running) -> None:
    def live() -> None:
        with login(gateway.url) as session:
            use(session)

    def use(session: XenAPI.Session) -> None:
        ref = session.handle
        record = session.xenapi.session.get_record(ref)
        permissions = record.pop("rbac_permissions")
        assert {"test.echo", "session.logout", "task.get_status"} <= set(permissions)
        last_active = record.pop("last_active")
        assert str(last_active) == str(record.pop("validation_time")) == "20260102T03:04:05Z"
        assert record == {
            "uuid": gateway.platform.sessions[ref].uuid,
            "this_host": HOST,
            "this_user": "OpaqueRef:NULL",
            "pool": False,
            "other_config": {},
            "is_local_superuser": True,
            "subject": "OpaqueRef:NULL",
            "auth_user_sid": USER_UUID,
            "auth_user_name": ADMIN,
            "tasks": [],
            "parent": "OpaqueRef:NULL",
            "originator": "tests",
            "client_certificate": False,
        }
        for name, value in record.items():
            assert getattr(session.xenapi.session, f"get_{name}")(ref) == value
        assert session.xenapi.session.get_rbac_permissions(ref) == permissions
        assert session.xenapi.session.get_last_active(ref) == last_active
        assert session.xenapi.session.get_by_uuid(record["uuid"]) == f"OpaqueRef:{record['uuid']}"
        assert session.xenapi.session.get_this_host(ref) == HOST

    await asyncio.to_thread(live)


async def test_a_lesser_user_is_no_superuser(platform: FakePlatform, gateway: Running) -> None:
    reader = platform.open_session(role="read-only")

    def live() -> None:
        with xmlrpc.client.ServerProxy(gateway.url) as server:
            assert server.session.get_is_local_superuser(reader, reader)["Value"] is False
            assert "test.echo" not in server.session.get_rbac_permissions(reader, reader)["Value"]

    await asyncio.to_thread(live)
