"""The gRPC server of a process: guarded services, health, reflection, and an orderly stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from graft_common.errors import GraftError
from graft_common.rpc.errors import error_limit, to_status
from graft_common.rpc.guard import guard_stream, guard_unary
from graft_common.rpc.service import RpcService

MAX_MESSAGE = 32 << 20
MAX_METADATA = 256 << 10

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
        self._server = grpc.aio.server(
            options=OPTIONS, interceptors=[_GuardInterceptor()], maximum_concurrent_rpcs=max_concurrent_rpcs
        )
        self._health = health.aio.HealthServicer()
        self._names = ["", *(service.name for service in services)]
        for service in services:
            service.register(service.servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflected = [service.name for service in services]
        reflection.enable_server_reflection([*reflected, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)

    async def start(self, address: str, *, serving: bool = True) -> int:
        """Listen, answer health checks with SERVING or NOT_SERVING, and return the port.

        Raises:
            OSError: the address cannot be listened on.
        """
        try:
            port = self._server.add_insecure_port(address)
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


class _GuardInterceptor(grpc.aio.ServerInterceptor):
    """Puts every handler behind the guard, and Graft's errors into the status."""

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
                _unary_on_wire(guard_unary(rpc, handler.unary_unary)),  # type: ignore[arg-type]  # typed for sync servers
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
