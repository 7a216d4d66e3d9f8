"""gRPC clients: channels as all services open them, and the one way to make a call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar

import grpc

from graft_common import tracing
from graft_common.errors import GraftError, service_unavailable
from graft_common.rpc.bounds import MAX_MESSAGE, MAX_METADATA
from graft_common.rpc.context import ERROR_LIMIT
from graft_common.rpc.errors import MAX_ERROR_LIMIT, from_rpc_error

Request = TypeVar("Request")
Response = TypeVar("Response")

OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_metadata_size", MAX_METADATA),
    ("grpc.absolute_max_metadata_size", 2 * MAX_METADATA),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.lb_policy_name", "round_robin"),
]

_LIMIT_PAIR = (ERROR_LIMIT, str(MAX_ERROR_LIMIT))


def open_channel(address: str) -> grpc.aio.Channel:
    """Open a channel to `host:port`, or to any name that gRPC resolves; calls are balanced over all its addresses."""
    return grpc.aio.insecure_channel(address, options=OPTIONS)


async def call(
    method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
    request: Request,
    *,
    timeout: float,  # noqa: ASYNC109  (it is gRPC's deadline, which the server is told)
    metadata: Sequence[tuple[str, str]] = (),
    service: str = "service",
    wait_for_ready: bool = False,
) -> Response:
    """Make a unary call through a stub, local or remote.

    With `wait_for_ready` a service that cannot be reached is waited for until the timeout: for calls that follow at
    once upon its return, which the channel would notice only at its next attempt to connect.

    Raises:
        GraftError: what the service has answered; SERVICE_UNAVAILABLE [service, reason] when it did not.
    """
    try:
        pairs = own_metadata(metadata)
        return await method(request, timeout=timeout, metadata=pairs, wait_for_ready=wait_for_ready)
    except TimeoutError:
        raise too_late(service, timeout) from None
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise too_late(service, timeout) from None
        raise from_rpc_error(error, service) from None


def own_metadata(metadata: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """Add to a call's metadata what all of Graft's clients send: the trace, and how long errors may be."""
    return (*metadata, *tracing.outgoing(), _LIMIT_PAIR)


def too_late(service: str, timeout: float) -> GraftError:
    """Tell that a service has not answered before the deadline."""
    return service_unavailable(service, f"DEADLINE_EXCEEDED: no answer within {timeout:g} s")


async def stream(
    method: grpc.aio.UnaryStreamMultiCallable[Request, Response],
    request: Request,
    *,
    metadata: Sequence[tuple[str, str]] = (),
    service: str = "service",
) -> AsyncGenerator[Response, None]:
    """Follow a server stream through a stub, local or remote.

    Raises:
        GraftError: as for `call`.
    """
    responses: Any = method(request, metadata=own_metadata(metadata))
    try:
        async for response in responses:
            yield response
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error, service) from None
    finally:
        if isinstance(responses, AsyncGenerator):
            await responses.aclose()
        else:
            responses.cancel()
