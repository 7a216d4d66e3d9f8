"""Calls with JSON in and out: to the dispatcher as they came, but for what opens and closes sessions."""

from __future__ import annotations

from functools import cached_property

from google.protobuf.duration_pb2 import Duration

from gateway.backends import Backends, Caller
from gateway.call_times import CallTimes
from gateway.sessions import SESSION_METHODS
from gateway.xenapi import LIST_METHODS, MAX_METHOD_NAME, SESSION, START_TIMEOUT, XenApi
from graft.dispatcher.v1 import dispatcher_pb2, task_pb2
from graft_common.declarations.json_arguments import MethodJson
from graft_common.declarations.json_text import dump, parse
from graft_common.declarations.model import Types
from graft_common.declarations.platform import platform_document
from graft_common.errors import GraftError, method_unknown, session_invalid
from graft_common.rpc.client import call

TASK_TIMEOUT = 10.0
"""Seconds that a question about a task may take, on top of the time that it is to wait."""
NO_ARGUMENTS = b"[]"
LOGOUT = frozenset({"session.logout", "session.local_logout"})


class MethodCalls:
    """Makes calls for one session each; an empty reference stands for a caller without one."""

    def __init__(self, backends: Backends, xenapi: XenApi, times: CallTimes) -> None:
        self._backends = backends
        self._xenapi = xenapi
        self._times = times

    async def invoke(self, method: str, arguments: bytes, session: str, caller: Caller) -> bytes:
        """Make a call, and return its value as JSON.

        Raises:
            GraftError: it has failed.
        """
        _check_name(method)
        if method in SESSION_METHODS or method == LIST_METHODS:
            return await self._own(method, arguments, session, caller)
        request = dispatcher_pb2.InvokeRequest(
            method=method, arguments_json=arguments or NO_ARGUMENTS, task=caller.task.task
        )
        try:
            response = await self._backends.invoke(request, self._times.seconds(method), session or None, caller)
        except GraftError as error:
            raise _for_nobody(error, session) from None
        return response.value_json

    async def start(self, method: str, arguments: bytes, session: str, caller: Caller) -> str:
        """Start a call, and return the reference of its task.

        Raises:
            GraftError: it has been refused.
        """
        _check_name(method)
        if method.startswith(SESSION):
            raise GraftError("VALUE_NOT_SUPPORTED", "method", f"Async.{method}", "sessions have no asynchronous calls")
        request = dispatcher_pb2.InvokeAsyncRequest(
            method=method,
            arguments_json=arguments or NO_ARGUMENTS,
            subtask_of=caller.task.whole,
            other_config=caller.task.other_config,
        )
        try:
            response = await call(
                self._backends.dispatcher.dispatcher.InvokeAsync,
                request,
                timeout=START_TIMEOUT,
                metadata=self._backends.metadata(caller, session or None),
                service="dispatcher",
            )
        except GraftError as error:
            raise _for_nobody(error, session) from None
        return response.task_ref

    async def task(self, ref: str, seconds: float, session: str, caller: Caller) -> task_pb2.Task:
        """Return a task, once it has ended or so many seconds are over.

        Raises:
            GraftError: there is none that the session sees.
        """
        wait = Duration()
        wait.FromMilliseconds(round(seconds * 1000))
        response = await call(
            self._backends.dispatcher.tasks.GetTask,
            task_pb2.GetTaskRequest(ref=ref, wait=wait),
            timeout=seconds + TASK_TIMEOUT,
            metadata=self._backends.metadata(caller, session or None),
            service="dispatcher",
        )
        return response.task

    async def cancel(self, ref: str, session: str, caller: Caller) -> None:
        """Tell a task to stop.

        Raises:
            GraftError: there is none that the session sees.
        """
        await call(
            self._backends.dispatcher.tasks.CancelTask,
            task_pb2.CancelTaskRequest(ref=ref),
            timeout=TASK_TIMEOUT,
            metadata=self._backends.metadata(caller, session or None),
            service="dispatcher",
        )

    async def forget(self, ref: str, session: str, caller: Caller) -> None:
        """Forget a task.

        Raises:
            GraftError: there is none that the session sees.
        """
        await call(
            self._backends.dispatcher.tasks.DestroyTask,
            task_pb2.DestroyTaskRequest(ref=ref),
            timeout=TASK_TIMEOUT,
            metadata=self._backends.metadata(caller, session or None),
            service="dispatcher",
        )

    async def _own(self, method: str, arguments: bytes, session: str, caller: Caller) -> bytes:
        """Serve a method that the gateway knows."""
        form = self._forms[method]
        if form.method.session and not session:
            raise session_invalid("")
        own = form.arguments(parse(arguments or NO_ARGUMENTS))
        value = await self._xenapi.call(method, [session, *own] if form.method.session else own, caller)
        return dump(form.result(value))

    @cached_property
    def _forms(self) -> dict[str, MethodJson]:
        document = platform_document()
        types = Types.of(document)
        own = SESSION_METHODS.keys() | {LIST_METHODS}
        return {method.name: MethodJson(method, types) for method in document.methods if method.name in own}


def _check_name(method: str) -> None:
    if not method or len(method) > MAX_METHOD_NAME:
        raise method_unknown(method if len(method) <= MAX_METHOD_NAME else f"{method[:MAX_METHOD_NAME]}…")


def _for_nobody(error: GraftError, session: str) -> GraftError:
    """Tell somebody without a session that it is missing, and not, as xapi does, that there is no such method."""
    return session_invalid("") if not session and error.code == "MESSAGE_METHOD_UNKNOWN" else error
