"""`session.*` of XenAPI over a real registry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dispatcher_service.sessions.follower import RegistryFollower
from dispatcher_service.sessions.view import RegistryView
from fakes import FakePlatform
from gateway.backends import Backends, Caller
from gateway.call_times import CallTimes
from gateway.offer import Offer
from gateway.xenapi import XenApi
from graft_common.errors import GraftError
from graft_common.rpc.clients import RegistryClients
from graft_common.settings import Settings
from graft_common.values import Value
from registry_service.app import RegistryApp
from support.stores import QUICK, with_tables

ADMIN = "root"
PASSWORD = "the administrator's"
TOKEN = "the services' own token"
CALLER = Caller("request-1", "10.0.0.1:7")
LOCAL = Caller("request-2", "local:0", local_uid=0)

Call = Callable[..., Awaitable[Any]]


class Dispatcher(FakePlatform):
    """A dispatcher that follows the registry, and so knows its sessions."""

    follower: RegistryFollower

    def view(self) -> RegistryView:
        return self.follower.view

    async def caught_up(self, revision: int) -> None:
        assert await self.follower.wait_for(revision, 10)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[XenApi]:
    settings = Settings(
        data_dir=with_tables(tmp_path / "data", "registry"),
        admin_user=ADMIN,
        admin_password=PASSWORD,
        service_token=TOKEN,
    )
    registry = await RegistryApp.open(settings, replace(QUICK, failed_login_delay=0))
    clients = RegistryClients.local(registry.services)
    platform = Dispatcher()
    platform.follower = RegistryFollower(clients, TOKEN)
    platform.follower.start()
    assert await platform.follower.wait_synced(10)
    _, dispatcher = platform.clients()
    offer = Offer(dispatcher.dispatcher)
    backends = Backends(clients, dispatcher, service_token=TOKEN)
    yield XenApi(backends, CallTimes(offer, 5))
    await offer.close()
    await platform.follower.close()
    await registry.drain(1)
    await registry.close()


@pytest.fixture
def call(api: XenApi) -> Call:
    async def make(method: str, *params: Value, caller: Caller = CALLER) -> Any:
        try:
            return await api.call(method, params, caller)
        except GraftError as error:
            return error.error_info()

    return make


async def test_the_record_of_a_session(call: Call) -> None:
    ref = await call("session.login_with_password", ADMIN, PASSWORD, "1.0", "me")
    record = {
        name: await call(f"session.get_{name}", ref, ref)
        for name in ("uuid", "originator", "auth_user_name", "auth_user_sid", "is_local_superuser", "other_config")
    }
    assert record == {
        "uuid": record["uuid"],
        "originator": "me",
        "auth_user_name": ADMIN,
        "auth_user_sid": record["auth_user_sid"],
        "is_local_superuser": True,
        "other_config": {},
    }
    assert await call("session.get_by_uuid", ref, record["uuid"]) == f"OpaqueRef:{record['uuid']}"
    assert await call("session.get_all", ref) == [f"OpaqueRef:{record['uuid']}"]
    assert await call("session.get_all_subject_identifiers", ref) == [record["auth_user_sid"]]


@pytest.mark.parametrize("method", ["session.login_with_password", "session.slave_local_login_with_password"])
async def test_who_comes_by_the_local_socket_is_asked_for_nothing(call: Call, method: str) -> None:
    ref = await call(method, "root", "", caller=LOCAL)
    assert ref.startswith("OpaqueRef:")
    # The session is one as any other, also for those who come over the network.
    assert await call("session.get_auth_user_name", ref, ref) == "LOCAL_SUPERUSER"
    assert await call("session.get_auth_user_sid", ref, ref) == ""
    assert await call("session.get_is_local_superuser", ref, ref) is True
    assert await call("session.get_all_subject_identifiers", ref) == []
    assert await call(method, "root", "") == ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failed"]
    assert await call(method, "root", caller=LOCAL) == ["MESSAGE_PARAMETER_COUNT_MISMATCH", method, "2", "1"]
    assert await call("session.local_logout", ref) == ""
    assert await call("session.get_uuid", ref, ref) == ["SESSION_INVALID", ref]


async def test_the_registry_believes_this_gateway_where_a_client_is(call: Call) -> None:
    with capture_logs() as logs:
        told = await call("session.login_with_password", ADMIN, "wrong")
    assert told[0] == "SESSION_AUTHENTICATION_FAILED"
    assert [log["peer"] for log in logs if log["event"] == "login.failed"] == [CALLER.peer]


async def test_another_password(call: Call) -> None:
    change = "session.change_password"
    ref, other = [await call("session.login_with_password", ADMIN, PASSWORD) for _ in range(2)]
    assert (await call(change, ref, "wrong", "new"))[:2] == ["SESSION_AUTHENTICATION_FAILED", ADMIN]
    assert (await call(change, ref, PASSWORD, ""))[0] == "CHANGE_PASSWORD_REJECTED"
    assert await call(change, ref, PASSWORD) == ["MESSAGE_PARAMETER_COUNT_MISMATCH", change, "2", "1"]
    assert await call(change, ref, PASSWORD, 5) == ["FIELD_TYPE_ERROR", "new_pwd", "string", "int"]
    assert await call(change, ref, PASSWORD, "new") == ""
    assert await call("session.get_auth_user_name", ref, ref) == ADMIN
    assert (await call("session.get_uuid", other, other))[0] == "SESSION_INVALID"
    assert (await call("session.login_with_password", ADMIN, PASSWORD))[0] == "SESSION_AUTHENTICATION_FAILED"
    assert (await call("session.login_with_password", ADMIN, "new")).startswith("OpaqueRef:")


async def test_somebodys_sessions_end_but_the_own(call: Call) -> None:
    ref, other = [await call("session.login_with_password", ADMIN, PASSWORD) for _ in range(2)]
    sid = await call("session.get_auth_user_sid", ref, ref)
    assert await call("session.logout_subject_identifier", ref, "nobody") == ""
    assert await call("session.get_auth_user_sid", other, other) == sid
    assert await call("session.logout_subject_identifier", ref, sid) == ""
    assert (await call("session.get_uuid", other, other))[0] == "SESSION_INVALID"
    assert await call("session.get_auth_user_sid", ref, ref) == sid


async def test_notes(call: Call) -> None:
    ref = await call("session.login_with_password", ADMIN, PASSWORD)
    assert await call("session.add_to_other_config", ref, ref, "a", "1") == ""
    again = await call("session.add_to_other_config", ref, ref, "a", "2")
    uuid = await call("session.get_uuid", ref, ref)
    assert again == ["MAP_DUPLICATE_KEY", "session", "other_config", f"OpaqueRef:{uuid}", "a"]
    assert await call("session.set_other_config", ref, ref, {"b": "2", "c": ""}) == ""
    assert await call("session.remove_from_other_config", ref, ref, "b") == ""
    assert await call("session.remove_from_other_config", ref, ref, "b") == ""
    assert await call("session.get_other_config", ref, ref) == {"c": ""}
    # The reference by which others know the session names it as well.
    assert await call("session.add_to_other_config", ref, f"OpaqueRef:{uuid}", "d", "4") == ""
    assert await call("session.set_other_config", ref, f"OpaqueRef:{uuid}", {"c": ""}) == ""
    assert await call("session.remove_from_other_config", ref, "OpaqueRef:x", "c") == [
        "HANDLE_INVALID",
        "session",
        "OpaqueRef:x",
    ]
    for params, error in (
        ((ref,), ["MESSAGE_PARAMETER_COUNT_MISMATCH", "session.set_other_config", "2", "1"]),
        (("x", {}), ["HANDLE_INVALID", "session", "x"]),
        ((ref, []), ["FIELD_TYPE_ERROR", "value", "map", "array"]),
        ((ref, {"a": 1}), ["FIELD_TYPE_ERROR", "value[a]", "string", "int"]),
    ):
        assert await call("session.set_other_config", ref, *params) == error
