"""`event.*`: what has changed, as XenAPI tells it (xapi, xapi_event.ml)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Param, ParamType
from dispatcher_service.events.hub import EventHub
from dispatcher_service.events.registered import Registered
from dispatcher_service.events.subscriptions import Subscriptions
from dispatcher_service.events.tokens import Token
from graft_common.errors import GraftError, field_type_error, session_invalid
from graft_common.roles import READ_ONLY
from graft_common.values import Value, type_name


def event_builtins(hub: EventHub, registered: Registered) -> BuiltinTable:
    """Make the methods."""

    async def from_token(caller: CallerContext, params: Sequence[Value]) -> Value:
        wanted, token = _classes(params[0]), Token.parse(str(params[1]))
        seconds = float(params[2]) if isinstance(params[2], int | float | str) else 0.0
        try:
            answer = await hub.next(caller.require_session(), wanted, token, 0.0 if math.isnan(seconds) else seconds)
        except GraftError as error:
            raise _named(caller, error) from None
        return answer.value

    async def inject(caller: CallerContext, params: Sequence[Value]) -> Value:
        return str(await hub.inject(caller.require_session(), str(params[0]), str(params[1])))

    async def get_current_id(_caller: CallerContext, _params: Sequence[Value]) -> Value:
        return (await hub.current()).store

    async def register(caller: CallerContext, params: Sequence[Value]) -> Value:
        await registered.register(caller.require_session(), _classes(params[0]))
        return ""

    async def unregister(caller: CallerContext, params: Sequence[Value]) -> Value:
        await registered.unregister(caller.require_session(), _classes(params[0]))
        return ""

    async def next_events(caller: CallerContext, _params: Sequence[Value]) -> Value:
        try:
            return [event.value() for event in await registered.next(caller.require_session())]
        except GraftError as error:
            raise _named(caller, error) from None

    classes = Param("classes", ParamType.SET)
    return {
        "event.from": Builtin(
            from_token,
            READ_ONLY,
            (classes, Param("token"), Param("timeout", ParamType.FLOAT)),
            "Return what has happened since a token, as soon as there is something.",
            recorded=False,
        ),
        "event.inject": Builtin(
            inject, READ_ONLY, (Param("class"), Param("ref")), "Have an object told again to all who watch it."
        ),
        "event.get_current_id": Builtin(get_current_id, READ_ONLY, (), "Return the number of the last event."),
        "event.register": Builtin(register, READ_ONLY, (classes,), "Have `event.next` tell of classes."),
        "event.unregister": Builtin(unregister, READ_ONLY, (classes,), "Have `event.next` tell of classes no more."),
        "event.next": Builtin(
            next_events,
            READ_ONLY,
            (),
            "Return what has happened since the last time, as soon as there is something.",
            recorded=False,
        ),
    }


def _classes(value: Value) -> Subscriptions:
    texts: list[str] = []
    for place, item in enumerate(value if isinstance(value, list) else []):
        if not isinstance(item, str):
            raise field_type_error(f"classes[{place}]", "string", type_name(item))
        texts.append(item)
    return Subscriptions.parse(texts)


def _named(caller: CallerContext, error: GraftError) -> GraftError:
    """Echo the reference where the session has ended meanwhile, as for any call."""
    return session_invalid(caller.session_ref) if error.code == "SESSION_INVALID" else error
