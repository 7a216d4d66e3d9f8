"""gRPC clients: channels as all services open them, and the one way to make a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from time import monotonic
from typing import Any, TypeVar

import grpc

from graft_common import tracing
from graft_common.errors import GraftError, service_unavailable
from graft_common.rpc.bounds import MAX_MESSAGE, MAX_METADATA
from graft_common.rpc.connecting import Connection, PatientChannel
from graft_common.rpc.context import ERROR_LIMIT
from graft_common.rpc.errors import MAX_ERROR_LIMIT, away, from_rpc_error

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
    # A service that is back is found within a third of a second; to knock at a closed door costs next to nothing.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
    # How long an attempt lasts, in spite of its name; an address that swallows packets is left after that.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # Where a name's addresses change with a restart, the new ones are known when the old ones fail.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.lb_policy_name", "round_robin"),
]

PATIENCE = 2.0
"""Seconds that services wait for the connection to another: a restart, and what it takes to be found again."""

_LIMIT_PAIR = (ERROR_LIMIT, str(MAX_ERROR_LIMIT))


def open_channel(
    address: str, patience: float = 0.0, credentials: grpc.ChannelCredentials | None = None, name: str | None = None
) -> grpc.aio.Channel:
    """Open a channel to `host:port`, or to any name that gRPC resolves; calls are balanced over all its addresses.

    Args:
        address: where the service is.
        patience: seconds that calls wait for the connection where there is none. Services that serve others have
            `PATIENCE`; with 0 a call fails with the first attempt to connect, as a person at a terminal wants it.
        credentials: for TLS; None for a connection in clear.
        name: what the service's certificate must name; that of the address if None.
    """
    if credentials is None:
        channel = grpc.aio.insecure_channel(address, options=OPTIONS)
    else:
        named = [] if name is None else [("grpc.ssl_target_name_override", name)]
        channel = grpc.aio.secure_channel(address, credentials, options=[*OPTIONS, *named])
    return PatientChannel(channel, patience) if patience else channel


async def call(
    method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
    request: Request,
    *,
    timeout: float,  # noqa: ASYNC109  (it is gRPC's deadline, which the server is told)
    metadata: Sequence[tuple[str, str]] = (),
    service: str = "service",
    patient: bool = True,
) -> Response:
    """Make a unary call through a stub, local or remote.

    Without a connection it waits as long as the channel is patient, unless it is not to be `patient`. A request is
    sent once at most: what was under way when a connection broke may have been done.

    Raises:
        GraftError: what the service has answered; SERVICE_UNAVAILABLE [service, reason] when it did not.
    """
    left = timeout
    if patient and (connection := missing_connection(method)) is not None:
        began = monotonic()
        await wait_for(connection, service, timeout)
        left = max(timeout - (monotonic() - began), 0.0)
    try:
        return await method(request, timeout=left, metadata=own_metadata(metadata))
    except TimeoutError:
        raise too_late(service, timeout) from None
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise too_late(service, timeout) from None
        raise from_rpc_error(error, service) from None


def missing_connection(method: object) -> Connection | None:
    """Return the connection that a call has to wait for; None where there is one, or nothing is waited for."""
    connection: Connection | None = getattr(method, "connection", None)
    return None if connection is None or connection.is_there else connection


async def wait_for(connection: Connection, service: str, seconds: float = float("inf")) -> None:
    """Wait for a connection, as long as its channel is patient and no longer than some seconds.

    Raises:
        GraftError: SERVICE_UNAVAILABLE [service, reason]: it has not come, and nothing was sent.
    """
    if not await connection.wait(min(connection.patience, seconds)):
        raise away(service)


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
    if (connection := missing_connection(method)) is not None:
        await wait_for(connection, service)
    responses: Any = method(request, metadata=own_metadata(metadata))
    try:
        async for response in responses:
            yield response
    except grpc.aio.AioRpcError as error:
        heed_cancellation()
        raise from_rpc_error(error, service) from None
    finally:
        if isinstance(responses, AsyncGenerator):
            await responses.aclose()
        else:
            responses.cancel()


def heed_cancellation() -> None:
    """Raise CancelledError in a task that has been cancelled while it read from a stream that broke just then.

    To cancel who waits for the request of a stream to be sent ends that stream and nothing else (grpc.aio,
    `_prepare_rpc`), so that whoever tries again after a failure would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
