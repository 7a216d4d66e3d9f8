"""XenAPI calls, whatever envelope they came in: from a method and its parameters to a value or a `GraftError`."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from gateway.backends import Backends, Caller
from gateway.call_times import CallTimes
from gateway.event_calls import WAITING_METHODS, EventCalls
from gateway.sessions import SESSION_METHODS, SessionMethods
from graft.dispatcher.v1 import dispatcher_pb2
from graft_common.errors import GraftError, field_type_error, method_unknown
from graft_common.rpc.client import call
from graft_common.values import Value, decode_value, encode_values, type_name

MAX_METHOD_NAME = 256
START_TIMEOUT = 30.0
LIST_TIMEOUT = 10.0

LIST_METHODS = "system.listMethods"
SESSION = "session."
# These take no session as their first parameter (xapi, gen_server.ml); all other methods do.
_SYSTEM = "system."
# xapi has none: npm xen-api asks for the records of every class that it finds in the list, and cannot ask for these.
_UNLISTED = frozenset({"session.get_all_records"})
_ASYNC_PREFIXES = ("Async.", "InternalAsync.")


class Kind(enum.Enum):
    """What serves a method."""

    SESSION = "session"
    LIST_METHODS = "list_methods"
    INVOKE = "invoke"
    ASYNC = "async"


class Route(NamedTuple):
    """Where a call goes, and the method's name without `Async.`."""

    kind: Kind
    method: str


def route(method: str) -> Route:
    """Find out what serves a method of that name."""
    if method.startswith(_ASYNC_PREFIXES):
        return Route(Kind.ASYNC, method.partition(".")[2])
    if method in SESSION_METHODS:
        return Route(Kind.SESSION, method)
    if method == LIST_METHODS:
        return Route(Kind.LIST_METHODS, method)
    return Route(Kind.INVOKE, method)


class XenApi:
    """Serves XenAPI methods by calling the registry and the dispatcher."""

    def __init__(self, backends: Backends, times: CallTimes) -> None:
        self._backends = backends
        self._sessions = SessionMethods(backends)
        self._times = times
        self._events = EventCalls()

    def end_waits(self) -> None:
        """End the calls that wait for events, and let none wait any more."""
        self._events.end_all()

    async def call(self, method: str, params: Sequence[Value], caller: Caller) -> Value:
        """Make one call. The session, where a method takes one, is the first parameter.

        Raises:
            GraftError: the call has failed, with the error that the client is to see.
        """
        if not method or len(method) > MAX_METHOD_NAME:
            raise method_unknown(method if len(method) <= MAX_METHOD_NAME else f"{method[:MAX_METHOD_NAME]}…")
        target = route(method)
        match target.kind:
            case Kind.SESSION:
                return await self._sessions.call(target.method, params, caller)
            case Kind.LIST_METHODS:
                return await self._list_methods(caller)
            case Kind.INVOKE:
                return await self._invoke(target.method, params, caller)
            case Kind.ASYNC:
                return await self._invoke_async(target.method, params, caller)

    async def _list_methods(self, caller: Caller) -> Value:
        methods = await self._backends.list_methods(caller)
        found = SESSION_METHODS.keys() | {LIST_METHODS} | {method.name for method in methods}
        names: list[Value] = [*sorted(found - _UNLISTED)]
        return names

    async def _invoke(self, method: str, params: Sequence[Value], caller: Caller) -> Value:
        session, own = split_session(method, params)
        request = dispatcher_pb2.InvokeRequest(method=method, params=encode_values(own), task=caller.task.task)
        if method in WAITING_METHODS:
            async with self._events.waiting():
                response = await self._backends.invoke(request, self._times.seconds(method), session, caller)
            return self._events.read(response.value)
        response = await self._backends.invoke(request, self._times.seconds(method), session, caller)
        return decode_value(response.value)

    async def _invoke_async(self, method: str, params: Sequence[Value], caller: Caller) -> Value:
        if method.startswith(SESSION):
            # In xapi's words (server_helpers.ml). Tasks are the dispatcher's, which does not serve these methods.
            raise GraftError("Fault", f"No async mode for this operation (rpc: {method})")
        # A task has an owner, also one of a method that needs no session.
        session, own = _split_session(params)
        response = await call(
            self._backends.dispatcher.dispatcher.InvokeAsync,
            dispatcher_pb2.InvokeAsyncRequest(
                method=method,
                params=encode_values(own),
                subtask_of=caller.task.whole,
                other_config=caller.task.other_config,
            ),
            timeout=START_TIMEOUT,
            metadata=self._backends.metadata(caller, session),
            service="dispatcher",
        )
        return response.task_ref


def split_session(method: str, params: Sequence[Value]) -> tuple[str | None, Sequence[Value]]:
    """Take the session off the parameters; there is none without parameters, nor for `system.*`.

    Raises:
        GraftError: FIELD_TYPE_ERROR, when the first parameter is no string.
    """
    return (None, params) if method.startswith(_SYSTEM) else _split_session(params)


def _split_session(params: Sequence[Value]) -> tuple[str | None, Sequence[Value]]:
    if not params:
        return None, params
    session = params[0]
    if not isinstance(session, str):
        raise field_type_error("session_id", "string", type_name(session))
    return session, params[1:]
