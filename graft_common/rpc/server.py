"""The gRPC server of a process: guarded services, health, reflection, and an orderly stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from graft_common.errors import GraftError
from graft_common.rpc.bounds import MAX_MESSAGE, MAX_METADATA
from graft_common.rpc.errors import error_limit, to_status
from graft_common.rpc.guard import guard_stream, guard_unary
from graft_common.rpc.reflection import add_reflection
from graft_common.rpc.service import DynamicServices, RpcService

OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_metadata_size", MAX_METADATA),
    ("grpc.absolute_max_metadata_size", 2 * MAX_METADATA),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 1_200_000),
    ("grpc.so_reuseport", 0),
]


class RpcServer:
    """Serves services at one address."""

    def __init__(self, services: Sequence[RpcService], max_concurrent_rpcs: int = 4096) -> None:
        dynamic = [service.dynamic for service in services if service.dynamic is not None]
        self._server = grpc.aio.server(
            options=OPTIONS, interceptors=[_GuardInterceptor(dynamic)], maximum_concurrent_rpcs=max_concurrent_rpcs
        )
        self._health = _Health(dynamic)
        self._names = ["", *(service.name for service in services)]
        for service in services:
            service.register(service.servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_reflection(self._server, [*(service.name for service in services), health.SERVICE_NAME], dynamic)
        self._server.add_generic_rpc_handlers(tuple(map(_DynamicHandlers, dynamic)))

    async def start(
        self, address: str, *, serving: bool = True, credentials: grpc.ServerCredentials | None = None
    ) -> int:
        """Listen, answer health checks with SERVING or NOT_SERVING, and return the port; with credentials by TLS.

        Raises:
            OSError: the address cannot be listened on.
        """
        try:
            port = (
                self._server.add_insecure_port(address)
                if credentials is None
                else self._server.add_secure_port(address, credentials)
            )
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address} for gRPC: is another process there?") from error
        await self.set_serving(serving=serving)
        await self._server.start()
        return int(port)

    async def set_serving(self, *, serving: bool) -> None:
        """Tell health checks whether new calls are welcome."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._health.set(name, status)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let running ones end within `grace` seconds, and cancel the rest."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)


class _Health(health.aio.HealthServicer):
    """Lets services that come and go be as healthy as the whole while they are there."""

    def __init__(self, dynamic: Sequence[DynamicServices]) -> None:
        super().__init__()
        self._dynamic = dynamic

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802  (gRPC's name)
        return await super().Check(self._known(request), context)

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802  (gRPC's name)
        await super().Watch(self._known(request), context)

    def _known(self, request: Any) -> Any:
        if any(services.has(request.service) for services in self._dynamic):
            return health_pb2.HealthCheckRequest()
        return request


class _DynamicHandlers(grpc.GenericRpcHandler):
    """Finds what answers an RPC at the time of the call."""

    def __init__(self, services: DynamicServices) -> None:
        self._services = services

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        service, _, name = handler_call_details.method.removeprefix("/").partition("/")
        handler = self._services.handler(service, name)
        return None if handler is None else grpc.unary_unary_rpc_method_handler(handler)


class _GuardInterceptor(grpc.aio.ServerInterceptor):
    """Puts every handler behind the guard, and Graft's errors into the status."""

    def __init__(self, dynamic: Sequence[DynamicServices]) -> None:
        self._dynamic = dynamic

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = await continuation(handler_call_details)
        rpc = handler_call_details.method
        if handler is None or not rpc.startswith("/graft."):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                _unary_on_wire(guard_unary(rpc, handler.unary_unary, self._label(rpc))),  # type: ignore[arg-type]  # typed for sync servers
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(
                _unary_on_wire(guard_unary(rpc, handler.stream_unary)),  # type: ignore[arg-type]  # the same
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                _stream_on_wire(guard_stream(rpc, handler.stream_stream)),  # type: ignore[arg-type]  # the same
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.unary_stream_rpc_method_handler(
            _stream_on_wire(guard_stream(rpc, handler.unary_stream)),  # type: ignore[arg-type]  # the same
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _label(self, rpc: str) -> str:
        """Return what metrics call an RPC: by its service where declarations name it, perhaps thousands of them."""
        service = rpc[1:].partition("/")[0]
        return f"/{service}" if any(services.has(service) for services in self._dynamic) else rpc


def _unary_on_wire(guarded: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def handle(request: Any, context: Any) -> Any:
        try:
            return await guarded(request, context)
        except GraftError as error:
            await _abort(context, error)

    return handle


def _stream_on_wire(guarded: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    async def handle(request: Any, context: Any) -> Any:
        try:
            async for response in guarded(request, context):
                yield response
        except GraftError as error:
            await _abort(context, error)

    return handle


async def _abort(context: Any, error: GraftError) -> None:
    await context.abort_with_status(rpc_status.to_status(to_status(error, error_limit(context))))
