"""The dispatcher's side of `InvokeBatched`: many calls over one stream, each served as `Invoke` would serve it."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

from google.rpc import code_pb2, status_pb2

from graft.dispatcher.v1 import dispatcher_pb2 as pb
from graft_common.deadlines import Within
from graft_common.errors import GraftError
from graft_common.rpc.batches import Pieces, pieces_of
from graft_common.rpc.bounds import MAX_MESSAGE
from graft_common.rpc.context import CallContext
from graft_common.rpc.errors import error_limit, to_status
from graft_common.rpc.guard import UnaryHandler, guard_unary
from graft_common.rpc.local import LocalContext

MAX_CALLS = 1024
"""Calls under way on one stream."""
MAX_ALL_CALLS = 4096
"""Calls under way on all streams together, as many as a server takes otherwise."""

_FULL = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="too many calls are under way")
_TAKEN = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="the number is that of a call under way")
_LATE = status_pb2.Status(code=code_pb2.DEADLINE_EXCEEDED, message="Deadline Exceeded")


class BatchServer:
    """Serves all streams of a dispatcher.

    Args:
        rpc: the full name of the RPC that serves a single call, for metrics and spans.
        invoke: what serves it.
        max_all_calls: how many calls may be under way.
    """

    def __init__(self, rpc: str, invoke: UnaryHandler, max_all_calls: int = MAX_ALL_CALLS) -> None:
        self.invoke = guard_unary(rpc, invoke)
        self._instance = uuid.uuid4().hex
        self._max_all_calls = max_all_calls
        self._under_way = 0
        self._streams: set[_Stream] = set()
        self._ending = False

    async def serve(
        self, requests: AsyncIterator[pb.InvokeBatchedRequest], context: CallContext
    ) -> AsyncGenerator[pb.InvokeBatchedResponse, None]:
        """Serve one stream, to the last answer or to its early end, which kills what its calls run.

        Whoever comes when no more calls are wanted is not even greeted.
        """
        if self._ending:
            return
        stream = _Stream(self, context.peer())
        self._streams.add(stream)
        reading = asyncio.create_task(stream.read(requests), name="graft-batches")
        try:
            yield pb.InvokeBatchedResponse(greeting=pb.BatchedGreeting(instance=self._instance, max_calls=MAX_CALLS))
            async for response in stream.responses(reading):
                yield response
        finally:
            self._streams.discard(stream)
            reading.cancel()
            await stream.kill()

    def end(self) -> None:
        """Ask those who call to send no more, and take no further stream; what they have sent is answered."""
        self._ending = True
        for stream in self._streams:
            stream.end()

    def take(self) -> bool:
        """Count a call that begins; tell whether it may."""
        if self._under_way >= self._max_all_calls:
            return False
        self._under_way += 1
        return True

    def done(self) -> None:
        """Count a call no more."""
        self._under_way -= 1


class _Stream:
    """One stream: its calls under way, and what is still to be sent."""

    def __init__(self, server: BatchServer, peer: str) -> None:
        self._server = server
        self._peer = peer
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._answers: deque[Iterator[pb.BatchedAnswer]] = deque()
        self._ending = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        """Set while there are not too many answers that wait to be sent."""
        self._room.set()

    async def read(self, requests: AsyncIterator[pb.InvokeBatchedRequest]) -> None:
        """Begin and end calls, as the caller says."""
        try:
            async for request in requests:
                for call in request.calls:
                    # Whoever does not take answers gets no further ones.
                    await self._room.wait()
                    self._begin(call)
                for number in request.cancelled:
                    if (task := self._calls.get(number)) is not None:
                        task.cancel()
        finally:
            self._wake.set()

    async def responses(self, reading: asyncio.Task[None]) -> AsyncGenerator[pb.InvokeBatchedResponse, None]:
        """Yield what there is to say, as much at once as there is, until nothing more can come.

        Raises:
            Exception: reading has failed; there is nobody left to answer.
        """
        pieces = Pieces(self._answers)
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._ending:
                self._ending = False
                yield pb.InvokeBatchedResponse(ending=True)
            while answers := pieces.next():
                if len(self._answers) < MAX_CALLS:
                    self._room.set()
                yield pb.InvokeBatchedResponse(answers=answers)
            if reading.done() and not self._answers:
                reading.result()
                if not self._calls:
                    return

    def end(self) -> None:
        """Say that no more calls are wanted."""
        self._ending = True
        self._wake.set()

    async def kill(self) -> None:
        """End what is under way."""
        tasks = list(self._calls.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, call: pb.BatchedCall) -> None:
        if call.number in self._calls:
            self._refuse(call.number, _TAKEN)
        elif len(self._calls) >= MAX_CALLS or not self._server.take():
            self._refuse(call.number, _FULL)
        else:
            task = asyncio.create_task(self._serve(call))
            self._calls[call.number] = task

            def ended(_: asyncio.Task[None]) -> None:
                del self._calls[call.number]
                self._server.done()
                self._wake.set()

            task.add_done_callback(ended)

    async def _serve(self, call: pb.BatchedCall) -> None:
        seconds = call.timeout_milliseconds / 1000 or None
        context = _Context(tuple(call.metadata.items()), seconds, self._peer)
        status: status_pb2.Status
        try:
            with Within(seconds):
                response: Any = await self._server.invoke(call.request, context)
            size = response.ByteSize()
            if size <= MAX_MESSAGE:
                self._answer(pieces_of(call.number, response, size))
                return
            status = status_pb2.Status(
                code=code_pb2.RESOURCE_EXHAUSTED, message=f"Sent message larger than max ({size} vs. {MAX_MESSAGE})"
            )
        except GraftError as error:
            status = to_status(error, error_limit(context))
        except TimeoutError:
            status = _LATE
        self._refuse(call.number, status)

    def _refuse(self, number: int, status: status_pb2.Status) -> None:
        self._answer(iter((pb.BatchedAnswer(number=number, status=status.SerializeToString()),)))

    def _answer(self, pieces: Iterator[pb.BatchedAnswer]) -> None:
        self._answers.append(pieces)
        if len(self._answers) >= MAX_CALLS:
            self._room.clear()
        self._wake.set()


class _Context(LocalContext):
    """The context of one call of a stream."""

    __slots__ = ("_peer",)

    def __init__(self, metadata: tuple[tuple[str, str], ...], seconds: float | None, peer: str) -> None:
        super().__init__(metadata, seconds)
        self._peer = peer

    def peer(self) -> str:
        return self._peer
