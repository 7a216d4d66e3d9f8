"""Tasks as they change, for whoever watches one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.access import Access
from gateway.backends import Backends, Caller
from graft.dispatcher.v1 import task_pb2
from graft_common.errors import GraftError, is_refused_session, server_busy, service_unavailable
from graft_common.rpc.client import stream

MAX_WATCHES = 1000
"""Watchers that a gateway serves at once."""

_Responses = AsyncGenerator[task_pb2.WatchTaskResponse, None]


class TaskWatches:
    """Follows tasks for clients."""

    def __init__(self, backends: Backends, access: Access) -> None:
        self._backends = backends
        self._access = access
        self._watching = 0

    async def follow(self, ref: str, authorization: str, caller: Caller) -> AsyncGenerator[task_pb2.Task, None]:
        """Return a task, and again whenever it has changed, until it has ended.

        Raises:
            GraftError: SERVER_BUSY; there is no such task that the caller sees; the dispatcher does not answer.
        """
        if self._watching >= MAX_WATCHES:
            raise server_busy(f"the gateway watches tasks for {self._watching} clients, as many as it may; try again")
        self._watching += 1
        try:
            while True:

                async def begin(session: str) -> tuple[task_pb2.Task, _Responses]:
                    return await self._begin(ref, session, caller)

                task, responses = await self._access.serve(authorization, caller, begin)
                try:
                    async with aclosing(responses):
                        yield task
                        async for response in responses:
                            yield response.task
                except GraftError as error:
                    # The session that was opened for a password has ended for want of use: there will be another.
                    if not is_refused_session(error):
                        raise
                else:
                    return
        finally:
            self._watching -= 1

    async def _begin(self, ref: str, session: str, caller: Caller) -> tuple[task_pb2.Task, _Responses]:
        responses = stream(
            self._backends.dispatcher.tasks.WatchTask,
            task_pb2.WatchTaskRequest(ref=ref),
            metadata=self._backends.metadata(caller, session or None),
            service="dispatcher",
        )
        try:
            return (await anext(responses)).task, responses
        except StopAsyncIteration:
            raise service_unavailable("dispatcher", "it has not told of the task") from None
