"""A registry and a dispatcher that know one user and a handful of methods."""

# ruff: noqa: N802  (gRPC names its methods so)

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from dispatcher_service.builtins.base import CallerContext
from dispatcher_service.builtins.sessions import session_builtins
from dispatcher_service.calls.checks import check_params
from dispatcher_service.calls.listing import MethodInfo
from dispatcher_service.calls.permissions import Permissions
from dispatcher_service.sessions.session import read_session
from dispatcher_service.sessions.view import RegistryView
from graft.dispatcher.v1 import (
    dispatcher_pb2,
    dispatcher_pb2_grpc,
    hook_pb2,
    hook_pb2_grpc,
    host_pb2,
    host_pb2_grpc,
    task_pb2,
    task_pb2_grpc,
)
from graft.registry.v1 import (
    cluster_pb2,
    cluster_pb2_grpc,
    grant_pb2,
    grant_pb2_grpc,
    group_pb2,
    group_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    mpack_pb2,
    mpack_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    role_pb2,
    role_pb2_grpc,
)
from graft_common.declarations.api import Api, Source
from graft_common.declarations.json_arguments import undeclared_arguments
from graft_common.declarations.json_form import write_untyped
from graft_common.declarations.json_text import dump, parse
from graft_common.errors import (
    GraftError,
    handle_invalid,
    method_unknown,
    parameter_count_mismatch,
    session_invalid,
)
from graft_common.roles import rank_of
from graft_common.rpc.api import responses
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import (
    MIN_REVISION,
    REQUEST_ID,
    CallContext,
    bearer,
    digest,
    metadata_value,
    peer_address,
)
from graft_common.rpc.service import RpcService
from graft_common.values import Value, decode_values, encode_value

ADMIN = "root"
PASSWORD = "a password & <more>"
POOL = "OpaqueRef:00000000-0000-4000-8000-00000000000a"
HOST = "OpaqueRef:00000000-0000-4000-8000-00000000000b"
USER_UUID = "11111111-1111-4111-8111-111111111111"
LOGIN_TIME = Timestamp(seconds=int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()))


@dataclass
class Seen:
    """What came with a call of the dispatcher."""

    method: str
    params: Sequence[Value]
    credential: str
    request_id: str
    peer: str
    min_revision: str


Handler = Callable[["FakePlatform", Sequence[Value]], Awaitable[Value]]


@dataclass
class FakePlatform:
    """Sessions, tasks and methods in dictionaries."""

    sessions: dict[str, identity_pb2.Session] = field(default_factory=dict)
    methods: dict[str, Handler] = field(default_factory=dict)
    tasks: dict[str, task_pb2.Task] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    revision: int = 100
    running: int = 0
    list_error: GraftError | None = None
    """What listing the methods fails with."""
    api: Api = field(default_factory=Api)
    """What it describes."""
    who_error: GraftError | None = None
    """What looking at a session fails with."""
    describe_error: GraftError | None = None
    """What describing the methods fails with."""
    described: int = 0
    """How often it was asked."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Opened by a test that has calls of `Test.wait` waiting."""

    def __post_init__(self) -> None:
        self.methods = {**METHODS, **self.methods}

    @property
    def registry_services(self) -> list[RpcService]:
        return [
            _service(identity_pb2, "IdentityService", FakeIdentity(self), identity_pb2_grpc),
            _service(registry_pb2, "RegistryService", registry_pb2_grpc.RegistryServiceServicer(), registry_pb2_grpc),
            _service(cluster_pb2, "ClusterService", cluster_pb2_grpc.ClusterServiceServicer(), cluster_pb2_grpc),
            _service(mpack_pb2, "MpackService", mpack_pb2_grpc.MpackServiceServicer(), mpack_pb2_grpc),
            _service(grant_pb2, "GrantService", grant_pb2_grpc.GrantServiceServicer(), grant_pb2_grpc),
            _service(role_pb2, "RoleService", role_pb2_grpc.RoleServiceServicer(), role_pb2_grpc),
            _service(group_pb2, "GroupService", group_pb2_grpc.GroupServiceServicer(), group_pb2_grpc),
        ]

    @property
    def dispatcher_services(self) -> list[RpcService]:
        return [
            _service(dispatcher_pb2, "DispatcherService", FakeDispatcher(self), dispatcher_pb2_grpc),
            _service(task_pb2, "TaskService", FakeTasks(self), task_pb2_grpc),
            _service(host_pb2, "HostService", FakeHosts(self), host_pb2_grpc),
            _service(hook_pb2, "HookService", hook_pb2_grpc.HookServiceServicer(), hook_pb2_grpc),
        ]

    def clients(self) -> tuple[RegistryClients, DispatcherClients]:
        return RegistryClients.local(self.registry_services), DispatcherClients.local(self.dispatcher_services)

    async def wait_running(self, count: int) -> None:
        """Wait until so many calls of the dispatcher are running."""
        async with asyncio.timeout(10):
            while self.running < count:  # noqa: ASYNC110  (polled, with a bound)
                await asyncio.sleep(0.005)

    def open_session(self, originator: str = "", role: str = "pool-admin") -> str:
        ref = f"OpaqueRef:{uuid.uuid4()}"
        self.sessions[ref] = identity_pb2.Session(
            uuid=str(uuid.uuid4()),
            user=ADMIN,
            user_uuid=USER_UUID,
            roles=[role],
            created=LOGIN_TIME,
            last_active=LOGIN_TIME,
            originator=originator,
            is_local_superuser=role == "pool-admin",
        )
        self.revision += 1
        return ref

    def check(self, context: CallContext) -> str:
        ref = bearer(context)
        if digest(ref) not in self.view().sessions:
            raise session_invalid(ref)
        return ref

    def view(self) -> RegistryView:
        """Return what the dispatcher knows of the registry."""
        view = RegistryView()
        for ref, session in self.sessions.items():
            view.sessions[digest(ref)] = replace(read_session(session, view.book), digest=digest(ref))
        return view

    async def caught_up(self, _revision: int) -> None:
        """Wait until the dispatcher knows what its client knows of the registry."""

    def permissions(self) -> Permissions:
        """Return what there is to be allowed."""
        return Permissions(lambda: [MethodInfo(name, Source.BUILT_IN, "pool-admin") for name in self.methods], object)


def _service(messages: object, name: str, servicer: object, stubs: object) -> RpcService:
    descriptor = messages.DESCRIPTOR.services_by_name[name]  # type: ignore[attr-defined]
    return RpcService(descriptor, servicer, getattr(stubs, f"add_{name}Servicer_to_server"))


class FakeIdentity(identity_pb2_grpc.IdentityServiceServicer):
    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    async def Login(self, request: identity_pb2.LoginRequest, context: CallContext) -> identity_pb2.LoginResponse:
        if (request.user, request.password) != (ADMIN, PASSWORD):
            raise GraftError("SESSION_AUTHENTICATION_FAILED", request.user, "wrong user name or password")
        ref = self._platform.open_session(request.originator)
        return identity_pb2.LoginResponse(session_ref=ref, revision=self._platform.revision)

    async def Logout(self, request: identity_pb2.LogoutRequest, context: CallContext) -> identity_pb2.LogoutResponse:
        del self._platform.sessions[self._platform.check(context)]
        self._platform.revision += 1
        return identity_pb2.LogoutResponse(revision=self._platform.revision)

    async def WhoAmI(self, request: identity_pb2.WhoAmIRequest, context: CallContext) -> identity_pb2.WhoAmIResponse:
        if self._platform.who_error is not None:
            raise self._platform.who_error
        session = self._platform.sessions[self._platform.check(context)]
        rank = max(rank_of(role) for role in session.roles)
        return identity_pb2.WhoAmIResponse(session=session, rank=rank)


class FakeDispatcher(dispatcher_pb2_grpc.DispatcherServiceServicer):
    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    async def Invoke(
        self, request: dispatcher_pb2.InvokeRequest, context: CallContext
    ) -> dispatcher_pb2.InvokeResponse:
        await self._platform.caught_up(int(metadata_value(context, MIN_REVISION) or 0))
        handler, params = self._accept(request, context)
        self._platform.running += 1
        try:
            value = await handler(self._platform, params)
            if request.arguments_json:
                return dispatcher_pb2.InvokeResponse(value_json=dump(write_untyped(value)))
            return dispatcher_pb2.InvokeResponse(value=encode_value(value))
        finally:
            self._platform.running -= 1

    async def InvokeAsync(
        self, request: dispatcher_pb2.InvokeAsyncRequest, context: CallContext
    ) -> dispatcher_pb2.InvokeAsyncResponse:
        self._accept(request, context)
        ref = f"OpaqueRef:{uuid.uuid4()}"
        name = f"Async.{request.method}"
        self._platform.tasks[ref] = task_pb2.Task(
            ref=ref,
            name_label=name,
            status=task_pb2.TASK_STATUS_SUCCESS,
            subtask_of=request.subtask_of,
            other_config=request.other_config,
        )
        return dispatcher_pb2.InvokeAsyncResponse(task_ref=ref)

    async def ListMethods(
        self, request: dispatcher_pb2.ListMethodsRequest, context: CallContext
    ) -> dispatcher_pb2.ListMethodsResponse:
        if self._platform.list_error is not None:
            raise self._platform.list_error
        methods = [dispatcher_pb2.Method(name=name, role="pool-admin") for name in sorted(self._platform.methods)]
        return dispatcher_pb2.ListMethodsResponse(methods=methods)

    async def DescribeApi(
        self, request: dispatcher_pb2.DescribeApiRequest, context: CallContext
    ) -> AsyncGenerator[dispatcher_pb2.DescribeApiResponse, None]:
        self._platform.described += 1
        if self._platform.describe_error is not None:
            raise self._platform.describe_error
        for response in responses(self._platform.api, request.known_digest):
            yield response

    def _accept(
        self, request: dispatcher_pb2.InvokeRequest | dispatcher_pb2.InvokeAsyncRequest, context: CallContext
    ) -> tuple[Handler, Sequence[Value]]:
        method, given = request.method, request.arguments_json
        params = undeclared_arguments(method, parse(given)) if given else decode_values(request.params)
        self._platform.seen.append(
            Seen(
                method,
                params,
                bearer(context),
                metadata_value(context, REQUEST_ID),
                peer_address(context),
                metadata_value(context, MIN_REVISION),
            )
        )
        if not method.startswith("system."):
            self._platform.check(context)
        handler = self._platform.methods.get(method)
        if handler is None:
            raise method_unknown(method)
        return handler, params


class FakeTasks(task_pb2_grpc.TaskServiceServicer):
    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    async def GetTask(self, request: task_pb2.GetTaskRequest, context: CallContext) -> task_pb2.GetTaskResponse:
        task = self._task(request.ref, context)
        if task.status == task_pb2.TASK_STATUS_PENDING and request.wait.ToTimedelta():
            self._platform.running += 1
            try:
                async with asyncio.timeout(request.wait.ToTimedelta().total_seconds()):
                    await self._platform.gate.wait()
            except TimeoutError:
                pass
            finally:
                self._platform.running -= 1
        return task_pb2.GetTaskResponse(task=task)

    async def WatchTask(
        self, request: task_pb2.WatchTaskRequest, context: CallContext
    ) -> AsyncGenerator[task_pb2.WatchTaskResponse, None]:
        """Tell of a task twice: at once, and when the gate is opened."""
        yield task_pb2.WatchTaskResponse(task=self._task(request.ref, context))
        self._platform.running += 1
        try:
            await self._platform.gate.wait()
        finally:
            self._platform.running -= 1
        yield task_pb2.WatchTaskResponse(task=self._task(request.ref, context))

    async def CancelTask(
        self, request: task_pb2.CancelTaskRequest, context: CallContext
    ) -> task_pb2.CancelTaskResponse:
        self._task(request.ref, context).status = task_pb2.TASK_STATUS_CANCELLING
        return task_pb2.CancelTaskResponse()

    async def DestroyTask(
        self, request: task_pb2.DestroyTaskRequest, context: CallContext
    ) -> task_pb2.DestroyTaskResponse:
        del self._platform.tasks[self._task(request.ref, context).ref]
        return task_pb2.DestroyTaskResponse()

    def _task(self, ref: str, context: CallContext) -> task_pb2.Task:
        self._platform.check(context)
        if ref not in self._platform.tasks:
            raise handle_invalid("task", ref)
        return self._platform.tasks[ref]


class FakeHosts(host_pb2_grpc.HostServiceServicer):
    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    async def GetPool(self, request: host_pb2.GetPoolRequest, context: CallContext) -> host_pb2.GetPoolResponse:
        self._platform.check(context)
        return host_pb2.GetPoolResponse(pool=host_pb2.Pool(ref=POOL, master=HOST))


async def _echo(_: FakePlatform, params: Sequence[Value]) -> Value:
    if len(params) != 1:
        raise parameter_count_mismatch("Test.echo", 1, len(params))
    return params[0]


async def _mirror(_: FakePlatform, params: Sequence[Value]) -> Value:
    return list(params)


async def _void(_: FakePlatform, params: Sequence[Value]) -> Value:
    return ""


async def _fail(_: FakePlatform, params: Sequence[Value]) -> Value:
    raise GraftError(*[str(item) for item in params])


async def _crash(_: FakePlatform, params: Sequence[Value]) -> Value:
    raise RuntimeError("a secret that no client may see")


async def _wait(platform: FakePlatform, params: Sequence[Value]) -> Value:
    await platform.gate.wait()
    return "waited"


async def _is_alive(_: FakePlatform, params: Sequence[Value]) -> Value:
    return params[0] if params else ""


async def _task_status(platform: FakePlatform, params: Sequence[Value]) -> Value:
    [ref] = params
    if ref not in platform.tasks:
        raise handle_invalid("task", str(ref))
    return "success"


def _reader(name: str) -> Handler:
    """Make a reader of sessions, which is the dispatcher's own; the caller is who was seen last."""

    async def read(platform: FakePlatform, params: Sequence[Value]) -> Value:
        ref = platform.seen[-1].credential
        builtin = session_builtins(platform.view, platform.permissions(), lambda: HOST)[name]
        check_params(name, builtin, params)
        return await builtin.handler(CallerContext(platform.view().sessions[digest(ref)], ref), params)

    return read


_READERS = session_builtins(RegistryView, Permissions(list, object), str)

METHODS: dict[str, Handler] = {
    **{name: _reader(name) for name in _READERS},
    "Test.echo": _echo,
    "Test.mirror": _mirror,
    "Test.void": _void,
    "Test.fail": _fail,
    "Test.crash": _crash,
    "Test.wait": _wait,
    "system.isAlive": _is_alive,
    "task.get_status": _task_status,
}
