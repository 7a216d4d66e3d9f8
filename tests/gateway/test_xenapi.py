"""From methods and parameters to values and errors, whatever the envelope."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fakes import ADMIN, PASSWORD, FakePlatform
from gateway import backends
from gateway.backends import Backends, Caller
from gateway.call_times import QUEUE_WAIT, CallTimes
from gateway.offer import Offer
from gateway.sessions import SESSION_METHODS
from gateway.xenapi import MAX_METHOD_NAME, Kind, Route, XenApi, route
from graft.common.v1 import audit_pb2
from graft.dispatcher.v1 import dispatcher_pb2
from graft_common.declarations.api import Api
from graft_common.declarations.model import Document, Method, MethodLimits
from graft_common.errors import GraftError
from graft_common.rpc.client import open_channel
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.values import Value, encode_value

CALLER = Caller("request-1", "10.0.0.1:7")
STALE = "OpaqueRef:00000000-0000-0000-0000-000000000000"
LOGIN = "session.login_with_password"
TOKEN_LOGIN = "session.login_with_token"
LOCAL_LOGIN = "session.slave_local_login_with_password"


@asynccontextmanager
async def xenapi(registry: RegistryClients, dispatcher: DispatcherClients) -> AsyncIterator[XenApi]:
    offer = Offer(dispatcher.dispatcher)
    yield XenApi(Backends(registry, dispatcher), CallTimes(offer, 5))
    await offer.close()


@pytest.fixture
async def api(platform: FakePlatform) -> AsyncIterator[XenApi]:
    async with xenapi(*platform.clients()) as made:
        yield made


class Metered:
    """A dispatcher whose calls tell what they have used."""

    def __init__(self, error: GraftError | None = None) -> None:
        self._error = error
        self.dispatcher = self

    async def Invoke(self, _request, **_more):  # noqa: N802  (gRPC's name)
        if self._error is not None:
            raise self._error
        usage = audit_pb2.Usage(memory_peak_bytes=5 << 20, processes_peak=3)
        usage.cpu.FromMilliseconds(12)
        usage.wall.FromMilliseconds(34)
        return dispatcher_pb2.InvokeResponse(value=encode_value("x"), usage=usage)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, ["cpu=0.012;memory=5242880;wall=0.034;processes=3"]),
        (GraftError("E", details={"usage": "cpu=1.000;memory=1;wall=2.000"}), ["cpu=1.000;memory=1;wall=2.000"]),
        (GraftError("E", details={"usage": "x\r\nset-cookie: a=b"}), []),
        (GraftError("E"), []),
    ],
)
async def test_the_usage_of_calls_is_told(error: GraftError | None, told: list[str]) -> None:
    heard: list[str] = []
    made = Backends(None, Metered(error))
    caller = Caller("request-1", "10.0.0.1:7", heard.append)
    with contextlib.nullcontext() if error is None else pytest.raises(GraftError):
        await made.invoke(dispatcher_pb2.InvokeRequest(method="A.b"), 5, None, caller)
    assert heard == told


async def error_of(api: XenApi, method: str, *params: Value) -> list[str]:
    with pytest.raises(GraftError) as caught:
        await api.call(method, params, CALLER)
    return caught.value.error_info()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("Volume.resize", Route(Kind.INVOKE, "Volume.resize")),
        ("Async.Volume.resize", Route(Kind.ASYNC, "Volume.resize")),
        ("InternalAsync.Volume.resize", Route(Kind.ASYNC, "Volume.resize")),
        ("Async.session.logout", Route(Kind.ASYNC, "session.logout")),
        ("async.Volume.resize", Route(Kind.INVOKE, "async.Volume.resize")),
        (LOGIN, Route(Kind.SESSION, LOGIN)),
        ("session.unheard_of", Route(Kind.INVOKE, "session.unheard_of")),
        ("system.listMethods", Route(Kind.LIST_METHODS, "system.listMethods")),
        ("system.isAlive:x", Route(Kind.INVOKE, "system.isAlive:x")),
    ],
)
def test_routes(method: str, expected: Route) -> None:
    assert route(method) == expected


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ([], ["MESSAGE_PARAMETER_COUNT_MISMATCH", LOGIN, "2", "0"]),
        (["u"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", LOGIN, "2", "1"]),
        (["u", "p", "1", "o", "x"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", LOGIN, "2", "5"]),
        ([1, "p"], ["FIELD_TYPE_ERROR", "uname", "string", "int"]),
        (["u", None], ["FIELD_TYPE_ERROR", "pwd", "string", "nil"]),
        (["u", "p", 1.0], ["FIELD_TYPE_ERROR", "version", "string", "double"]),
        (["u", "p", "1", {}], ["FIELD_TYPE_ERROR", "originator", "string", "struct"]),
        (["u", "p"], ["SESSION_AUTHENTICATION_FAILED", "u", "wrong user name or password"]),
    ],
)
async def test_logins_that_fail(api: XenApi, params: list[Value], error: list[str]) -> None:
    assert await error_of(api, LOGIN, *params) == error


@pytest.mark.parametrize("extra", [[], ["1.0"], ["1.0", "me"]])
async def test_login(platform: FakePlatform, api: XenApi, extra: list[Value]) -> None:
    ref = await api.call(LOGIN, [ADMIN, PASSWORD, *extra], CALLER)
    assert platform.sessions[ref].originator == ("me" if len(extra) == 2 else "")


@pytest.mark.parametrize("method", ["session.logout", "session.local_logout"])
async def test_logout(platform: FakePlatform, api: XenApi, session: str, method: str) -> None:
    assert await error_of(api, method, session, "x") == ["MESSAGE_PARAMETER_COUNT_MISMATCH", method, "0", "1"]
    assert await api.call(method, [session], CALLER) == ""
    assert not platform.sessions
    assert await error_of(api, method, session) == ["SESSION_INVALID", session]


@pytest.mark.parametrize("method", sorted(SESSION_METHODS.keys() - {LOGIN, LOCAL_LOGIN, TOKEN_LOGIN}))
async def test_the_session_comes_first(api: XenApi, session: str, method: str) -> None:
    # Without or with a bad session nothing else is looked at.
    assert await error_of(api, method) == ["SESSION_INVALID", ""]
    assert await error_of(api, method, STALE) == ["SESSION_INVALID", STALE]
    assert await error_of(api, method, STALE, 1, 2, 3) == ["SESSION_INVALID", STALE]
    assert await error_of(api, method, 5) == ["FIELD_TYPE_ERROR", "session_id", "string", "int"]


@pytest.mark.parametrize("method", ["session.get_uuid", "session.get_record", "session.get_by_uuid"])
async def test_getters_want_one_parameter(platform: FakePlatform, api: XenApi, session: str, method: str) -> None:
    assert await error_of(api, method, session) == ["MESSAGE_PARAMETER_COUNT_MISMATCH", method, "1", "0"]
    assert await error_of(api, method, session, "a", "b") == ["MESSAGE_PARAMETER_COUNT_MISMATCH", method, "1", "2"]
    name = "uuid" if method.endswith("by_uuid") else "self"
    assert await error_of(api, method, session, 5) == ["FIELD_TYPE_ERROR", name, "string", "int"]
    other = platform.open_session()
    wanted = ["UUID_INVALID", "session", "x"] if name == "uuid" else ["HANDLE_INVALID", "session", other]
    assert await error_of(api, method, session, wanted[2]) == wanted


@pytest.mark.parametrize("prefix", ["Async.", "InternalAsync."])
@pytest.mark.parametrize("method", [LOGIN, "session.logout", "session.get_uuid", "session.unheard_of"])
async def test_sessions_have_no_asynchronous_form(api: XenApi, session: str, prefix: str, method: str) -> None:
    assert await error_of(api, prefix + method, session) == [
        "Fault",
        f"No async mode for this operation (rpc: {method})",
    ]


async def test_async_gives_a_task(platform: FakePlatform, api: XenApi, session: str) -> None:
    assert await api.call("Async.Test.echo", [session, "x"], CALLER) in platform.tasks
    assert (platform.seen[-1].method, platform.seen[-1].params) == ("Test.echo", ["x"])
    assert await error_of(api, "Async.Test.echo", STALE) == ["SESSION_INVALID", STALE]


async def test_tasks_have_an_owner_whatever_they_run(platform: FakePlatform, api: XenApi, session: str) -> None:
    await api.call("Async.system.isAlive", [session, "x"], CALLER)
    assert (platform.seen[-1].credential, platform.seen[-1].params) == (session, ["x"])


async def test_what_a_call_carries(platform: FakePlatform, api: XenApi, session: str) -> None:
    await api.call("Test.mirror", [session, 1, None, [b"x"]], CALLER)
    seen = platform.seen[-1]
    assert (seen.method, seen.params, seen.credential) == ("Test.mirror", [1, None, [b"x"]], session)
    assert (seen.request_id, seen.peer, seen.min_revision) == ("request-1", "10.0.0.1:7", "")


async def test_calls_see_the_own_logins_and_logouts(
    platform: FakePlatform, api: XenApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await api.call(LOGIN, [ADMIN, PASSWORD], CALLER)
    await api.call("Test.void", [first], CALLER)
    assert platform.seen[-1].min_revision == "101"
    second = await api.call(LOGIN, [ADMIN, PASSWORD], CALLER)
    await api.call("session.logout", [first], CALLER)
    await api.call("Test.void", [second], CALLER)
    assert platform.seen[-1].min_revision == "103"
    monkeypatch.setattr(backends, "REVISION_AGE", -1.0)
    await api.call(LOGIN, [ADMIN, PASSWORD], CALLER)
    await api.call("Test.void", [second], CALLER)
    assert platform.seen[-1].min_revision == ""


@pytest.mark.parametrize(
    "session", ["", " ", "\n", "ä", "OpaqueRef:x\r\nauthorization: y", " OpaqueRef:x", "x" * 20_000, "\0"]
)
async def test_what_can_be_no_session_is_none(platform: FakePlatform, api: XenApi, session: str) -> None:
    assert await error_of(api, "Test.void", session) == ["SESSION_INVALID", session]
    assert await error_of(api, "session.get_uuid", session, session) == ["SESSION_INVALID", session]
    assert not platform.seen


@pytest.mark.parametrize("session", [5, None, True, 1.5, b"x", [], {}])
async def test_a_session_is_a_string(api: XenApi, session: Value) -> None:
    assert (await error_of(api, "Test.void", session))[:3] == ["FIELD_TYPE_ERROR", "session_id", "string"]


async def test_system_methods_take_no_session(platform: FakePlatform, api: XenApi) -> None:
    assert await api.call("system.isAlive", ["x"], CALLER) == "x"
    assert (platform.seen[-1].credential, platform.seen[-1].params) == ("", ["x"])
    assert await api.call("system.isAlive", [], CALLER) == ""


async def test_a_call_without_parameters_has_no_credential(platform: FakePlatform, api: XenApi) -> None:
    assert await error_of(api, "Test.void") == ["SESSION_INVALID", ""]
    assert platform.seen[-1].credential == ""


async def test_names_are_bounded(api: XenApi, session: str) -> None:
    assert await error_of(api, "", session) == ["MESSAGE_METHOD_UNKNOWN", ""]
    longest = "x" * MAX_METHOD_NAME
    assert await error_of(api, longest, session) == ["MESSAGE_METHOD_UNKNOWN", longest]
    assert await error_of(api, longest * 2, session) == ["MESSAGE_METHOD_UNKNOWN", longest + "…"]


async def test_services_that_are_away(api: XenApi, session: str, unused_tcp_port: int) -> None:
    async with (
        open_channel(f"127.0.0.1:{unused_tcp_port}") as channel,
        xenapi(RegistryClients.remote(channel), DispatcherClients.remote(channel)) as away,
    ):
        for method, service in (
            (LOGIN, "registry"),
            ("session.logout", "registry"),
            ("session.get_uuid", "dispatcher"),
            ("Test.void", "dispatcher"),
            ("Async.Test.void", "dispatcher"),
            ("system.listMethods", "dispatcher"),
        ):
            code, which, reason = await error_of(away, method, "u", "p")
            assert (code, which) == ("SERVICE_UNAVAILABLE", service)
            assert reason.startswith("UNAVAILABLE")


async def test_calls_have_the_time_that_their_declarations_ask_for(platform: FakePlatform) -> None:
    methods = [
        Method("Slow.call", limits=MethodLimits(timeout=3600.0)),
        Method("Quick.call", limits=MethodLimits(timeout=1.0)),
        Method("Plain.call"),
    ]
    platform.api = Api.of(Document(methods=tuple(methods)))
    offer = Offer(platform.clients()[1].dispatcher)
    times = CallTimes(offer, 60.0)
    # Nobody waits for the dispatcher to tell.
    assert times.seconds("Slow.call") == 60.0 + QUEUE_WAIT
    await offer.known()
    assert times.seconds("Slow.call") == 3600.0 + QUEUE_WAIT
    assert [times.seconds(name) for name in ("Quick.call", "Plain.call", "No.such")] == [60.0 + QUEUE_WAIT] * 3
    await offer.close()
