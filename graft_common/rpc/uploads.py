"""Calls whose requests are streamed: archives and folders, in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

import grpc

from graft_common.rpc.client import missing_connection, own_metadata, too_late, wait_for
from graft_common.rpc.connecting import Connection
from graft_common.rpc.errors import from_rpc_error

CHUNK = 256 << 10
"""Bytes of one piece: large enough to be cheap, small enough for gRPC's flow control to hold up who sends too fast."""

Request = TypeVar("Request")
Response = TypeVar("Response")

_UNSENT = "Internal error from Core"
_STATUS_WAIT = 1.0


async def upload(
    method: grpc.aio.StreamUnaryMultiCallable[Request, Response],
    requests: AsyncGenerator[Request, None],
    *,
    timeout: float,  # noqa: ASYNC109  (it is gRPC's deadline, which the server is told)
    metadata: Sequence[tuple[str, str]] = (),
    service: str = "service",
) -> Response:
    """Send a stream of requests through a stub, local or remote, and return the one answer.

    `requests` is closed when this ends; what it raises ends the call, and is raised here.

    Raises:
        GraftError: as for `client.call`.
    """
    if (connection := missing_connection(method)) is not None:
        await _wait_for(connection, service, requests)
    sending = _Sending(requests)
    ended = _Ends(method(sending, timeout=timeout, metadata=own_metadata(metadata)))
    try:
        answer: Response = await ended.call
    except TimeoutError:
        raise too_late(service, timeout) from None
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise too_late(service, timeout) from None
        raise from_rpc_error(await ended.status(error), service) from None
    except asyncio.CancelledError:
        sending.raise_failure()
        raise
    else:
        return answer
    finally:
        await sending.close()


async def exchange(
    method: grpc.aio.StreamStreamMultiCallable[Request, Response],
    requests: AsyncGenerator[Request, None],
    *,
    metadata: Sequence[tuple[str, str]] = (),
    service: str = "service",
) -> AsyncGenerator[Response, None]:
    """Send a stream of requests through a stub, local or remote, and follow the answers.

    `requests` is closed when this ends; what it raises ends the call, and is raised here.

    Raises:
        GraftError: as for `client.call`.
    """
    if (connection := missing_connection(method)) is not None:
        await _wait_for(connection, service, requests)
    sending = _Sending(requests)
    ended = _Ends(method(sending, metadata=own_metadata(metadata)))
    try:
        async for response in ended.call:
            yield response
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(await ended.status(error), service) from None
    except asyncio.CancelledError:
        sending.raise_failure()
        raise
    finally:
        if isinstance(ended.call, AsyncGenerator):
            await ended.call.aclose()
        else:
            ended.call.cancel()
        await sending.close()


async def _wait_for(connection: Connection, service: str, requests: AsyncGenerator[Any, None]) -> None:
    """Wait for a connection; where none comes the requests are closed unread."""
    try:
        await wait_for(connection, service)
    except BaseException:
        await requests.aclose()
        raise


class _Sending(Generic[Request]):
    """The requests of one call on their way.

    gRPC cancels a call whose requests fail, and says no more; and where a call ends before its requests it goes on
    waiting for the next one. So the failure is kept here, and the wait can be ended.
    """

    def __init__(self, requests: AsyncGenerator[Request, None]) -> None:
        self._requests = requests
        self._next: asyncio.Future[Request] | None = None
        self._failure: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Request:
        following: Awaitable[Request] = anext(self._requests)
        self._next = asyncio.ensure_future(following)
        try:
            return await self._next
        except StopAsyncIteration:
            raise
        except Exception as error:
            self._failure = error
            raise asyncio.CancelledError from error

    def raise_failure(self) -> None:
        """Raise what the requests have failed with, unless the caller itself is being cancelled."""
        caller = asyncio.current_task()
        if self._failure is not None and not (caller is not None and caller.cancelling()):
            raise self._failure

    async def close(self) -> None:
        """End the wait for the next request, and the requests."""
        if self._next is not None and not self._next.done():
            self._next.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._next
        await self._requests.aclose()


class _Ends:
    """A call, and the status that its service has ended it with.

    Where that happens while a request is on its way, gRPC puts the failure to send it in the place of the status
    (grpc/grpc#36066), or learns the status only a moment later.
    """

    def __init__(self, call: Any) -> None:
        self.call = call
        self._status: asyncio.Future[grpc.aio.AioRpcError] = asyncio.get_running_loop().create_future()
        if isinstance(call, grpc.aio.Call):
            call.add_done_callback(self._note)

    async def status(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """Return what the service has said, if what the caller has caught is only that a request was not sent."""
        if error.details() != _UNSENT:
            return error
        try:
            return await asyncio.wait_for(self._status, _STATUS_WAIT)
        except TimeoutError:
            # Nobody is left to end the call.
            lost = error.initial_metadata(), error.trailing_metadata()
            return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, *lost, "the connection was lost")

    def _note(self, call: Any) -> None:
        details = _known(call.details())
        if details != _UNSENT and not self._status.done():
            metadata = _known(call.initial_metadata()), _known(call.trailing_metadata())
            self._status.set_result(grpc.aio.AioRpcError(_known(call.code()), *metadata, details))


def _known(value: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that has nothing to wait for, as those of a call that has ended."""
    try:
        value.send(None)
    except StopIteration as returned:
        return returned.value
    value.close()
    return None
