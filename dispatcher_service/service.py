"""`DispatcherService`: translates between gRPC and calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

from dispatcher_service.audit.log import AuditLog
from dispatcher_service.audit.messages import list_call_records
from dispatcher_service.calls.arriving import request_of
from dispatcher_service.calls.calls import Calls
from dispatcher_service.calls.json_calls import arguments_of, result_json
from dispatcher_service.calls.limits import HostLimits
from dispatcher_service.calls.listing import MethodInfo
from dispatcher_service.calls.request import CallRequest
from dispatcher_service.calls.result import TaskStarter
from dispatcher_service.declarations.declarations import Declarations
from dispatcher_service.declarations.messages import explain
from dispatcher_service.grants.giving import AccessGiver
from dispatcher_service.grants.messages import describe_access, not_given
from dispatcher_service.messages import usage_message
from dispatcher_service.residents.residents import Residents
from dispatcher_service.sessions.admission import SessionSource, admit
from dispatcher_service.tasks.task import Origin
from dispatcher_service.typed.services import TypedServices
from graft.dispatcher.v1 import dispatcher_pb2, dispatcher_pb2_grpc
from graft_common.errors import internal_error, value_not_supported
from graft_common.rpc.api import SOURCES, responses
from graft_common.rpc.batch_server import BatchServer
from graft_common.rpc.context import CallContext
from graft_common.rpc.service import RpcService
from graft_common.values import Value, ValueDecodeError, ValueEncodeError, decode_values, encode_value


class DispatcherServicer:
    """Serves calls, the list of methods, and the audit log."""

    def __init__(
        self,
        calls: Calls,
        tasks: TaskStarter,
        methods: Callable[[], list[MethodInfo]],
        declarations: Declarations,
        audit: AuditLog,
        sessions: SessionSource,
        access: AccessGiver,
        limits: HostLimits,
        residents: Residents,
    ) -> None:
        self._calls = calls
        self._tasks = tasks
        self._methods = methods
        self._declarations = declarations
        self._audit = audit
        self._sessions = sessions
        self._access = access
        self._limits = limits
        self._residents = residents
        self._batches = BatchServer("/graft.dispatcher.v1.DispatcherService/Invoke", self.Invoke)

    def service(self) -> RpcService:
        """Return what a server needs, the declared methods as services of their own among it."""
        return RpcService(
            dispatcher_pb2.DESCRIPTOR.services_by_name["DispatcherService"],
            self,
            dispatcher_pb2_grpc.add_DispatcherServiceServicer_to_server,
            TypedServices(self._calls, lambda: self._declarations.in_force.api),
        )

    async def Invoke(  # noqa: N802  (gRPC's name)
        self, request: dispatcher_pb2.InvokeRequest, context: CallContext
    ) -> dispatcher_pb2.InvokeResponse:
        """Run a method and wait for its value."""
        if request.task:
            result = await self._calls.invoke_for_task(
                replace(_read_request(request, context), task=request.task), self._tasks
            )
        else:
            result = await self._calls.invoke(_read_request(request, context))
        usage = usage_message(result.usage)
        if request.arguments_json:
            return dispatcher_pb2.InvokeResponse(value_json=result_json(request.method, result), usage=usage)
        try:
            value = encode_value(result.value)
        except ValueEncodeError as error:
            raise internal_error(request.method, f"its value cannot be sent: {error}") from error
        return dispatcher_pb2.InvokeResponse(value=value, usage=usage)

    async def InvokeBatched(  # noqa: N802  (gRPC's name)
        self, requests: AsyncIterator[dispatcher_pb2.InvokeBatchedRequest], context: CallContext
    ) -> AsyncGenerator[dispatcher_pb2.InvokeBatchedResponse, None]:
        """Run methods as `Invoke` does, many over one stream."""
        async with aclosing(self._batches.serve(requests, context)) as responses:
            async for response in responses:
                yield response

    def end_batches(self) -> None:
        """Ask those who hold a stream of calls to send no more over it."""
        self._batches.end()

    async def InvokeAsync(  # noqa: N802  (gRPC's name)
        self, request: dispatcher_pb2.InvokeAsyncRequest, context: CallContext
    ) -> dispatcher_pb2.InvokeAsyncResponse:
        """Start a method as a task."""
        origin = Origin(request.subtask_of, dict(request.other_config))
        call = replace(_read_request(request, context), origin=origin)
        task_ref = await self._calls.invoke_async(call, self._tasks)
        return dispatcher_pb2.InvokeAsyncResponse(task_ref=task_ref)

    async def ListMethods(  # noqa: N802  (gRPC's name)
        self, _request: dispatcher_pb2.ListMethodsRequest, _context: CallContext
    ) -> dispatcher_pb2.ListMethodsResponse:
        """List the methods that can be called now; fails while none can."""
        await self._declarations.notice()
        return dispatcher_pb2.ListMethodsResponse(methods=map(_method_message, self._methods()))

    async def DescribeApi(  # noqa: N802  (gRPC's name)
        self, request: dispatcher_pb2.DescribeApiRequest, _context: CallContext
    ) -> AsyncGenerator[dispatcher_pb2.DescribeApiResponse, None]:
        """Tell what is declared, unless the caller has it already."""
        await self._declarations.notice()
        in_force = self._declarations.in_force
        # Of thousands of methods, the digest takes a while.
        await asyncio.to_thread(lambda: in_force.described.digest)
        for response in responses(in_force.described, request.known_digest):
            yield response

    async def ExplainMethods(  # noqa: N802  (gRPC's name)
        self, request: dispatcher_pb2.ExplainMethodsRequest, context: CallContext
    ) -> dispatcher_pb2.ExplainMethodsResponse:
        """Tell where methods come from."""
        await admit(self._sessions, context, "methods.explain")
        await self._declarations.look()
        in_force = self._declarations.in_force
        return explain(
            in_force,
            request.method,
            lambda method: not_given(self._access, in_force, method),
            self._limits,
            self._residents.status,
        )

    async def DescribeAccess(  # noqa: N802  (gRPC's name)
        self, request: dispatcher_pb2.DescribeAccessRequest, context: CallContext
    ) -> dispatcher_pb2.DescribeAccessResponse:
        """Tell what methods ask for and are given."""
        await admit(self._sessions, context, "methods.get_access")
        await self._declarations.look()
        return await describe_access(self._access, self._declarations.in_force, request.method)

    async def ListCallRecords(  # noqa: N802  (gRPC's name)
        self, request: dispatcher_pb2.ListCallRecordsRequest, context: CallContext
    ) -> dispatcher_pb2.ListCallRecordsResponse:
        """List the audit records of calls."""
        await admit(self._sessions, context, "audit_log.get")
        return await list_call_records(self._audit, request)


def _read_request(
    request: dispatcher_pb2.InvokeRequest | dispatcher_pb2.InvokeAsyncRequest, context: CallContext
) -> CallRequest:
    read = arguments_of(request.method, request.arguments_json) if request.arguments_json else None
    return request_of(request.method, context, _read_params(request), read)


def _read_params(request: dispatcher_pb2.InvokeRequest | dispatcher_pb2.InvokeAsyncRequest) -> list[Value]:
    """Decode the parameters; no bytes at all are none."""
    if request.arguments_json and request.params:
        raise value_not_supported("arguments_json", "", "parameters are given as well; send one of them")
    try:
        return decode_values(request.params) if request.params else []
    except ValueDecodeError as error:
        raise value_not_supported("params", "", str(error)) from None


def _method_message(method: MethodInfo) -> dispatcher_pb2.Method:
    return dispatcher_pb2.Method(
        name=method.name,
        source=SOURCES[method.source],
        role=method.role,
        doc=method.doc,
        declared=method.declared,
        origin=method.origin,
        deprecated=method.deprecated,
    )
