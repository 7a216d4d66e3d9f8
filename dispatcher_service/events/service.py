"""`EventService`: translates between gRPC and the hub of events."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from dispatcher_service.events.answers import Answer, Event
from dispatcher_service.events.axis import Operation
from dispatcher_service.events.hub import EventHub
from dispatcher_service.events.subscriptions import Subscriptions
from dispatcher_service.events.tokens import Token
from dispatcher_service.sessions.admission import SessionSource, admit
from graft.dispatcher.v1 import event_pb2, event_pb2_grpc
from graft_common.declarations.json_form import write_untyped
from graft_common.declarations.json_text import dump
from graft_common.rpc.context import CallContext
from graft_common.rpc.service import RpcService

BOOKMARK = 30.0
"""Seconds after which a watcher hears of nothing, and whether its session may still watch is looked at again."""

_OPERATIONS = {
    Operation.ADD: event_pb2.EVENT_OPERATION_ADD,
    Operation.MOD: event_pb2.EVENT_OPERATION_MOD,
    Operation.DEL: event_pb2.EVENT_OPERATION_DEL,
}


class EventServicer:
    """Serves streams of events."""

    def __init__(self, hub: EventHub, sessions: SessionSource) -> None:
        self._hub = hub
        self._sessions = sessions

    def service(self) -> RpcService:
        """Return what a server needs."""
        descriptor = event_pb2.DESCRIPTOR.services_by_name["EventService"]
        return RpcService(descriptor, self, event_pb2_grpc.add_EventServiceServicer_to_server)

    async def WatchEvents(  # noqa: N802  (gRPC's name)
        self, request: event_pb2.WatchEventsRequest, context: CallContext
    ) -> AsyncGenerator[event_pb2.WatchEventsResponse, None]:
        """Tell what has happened since a token, and what happens."""
        session = await admit(self._sessions, context, "event.from")
        wanted, token = Subscriptions.parse(request.classes), Token.parse(request.token)
        with self._hub.place():
            while True:
                # The next ones are looked for when these have been taken: whoever is slow is told less.
                answer = await self._hub.following(session, wanted, token, BOOKMARK)
                token = answer.token
                yield _response(answer, as_json=request.json)
                session = await admit(self._sessions, context, "event.from")

    async def InjectEvent(  # noqa: N802  (gRPC's name)
        self, request: event_pb2.InjectEventRequest, context: CallContext
    ) -> event_pb2.InjectEventResponse:
        """Have an object told again."""
        session = await admit(self._sessions, context, "event.inject")
        token = await self._hub.inject(session, request.object_class, request.ref)
        return event_pb2.InjectEventResponse(token=str(token))


def _response(answer: Answer, *, as_json: bool) -> event_pb2.WatchEventsResponse:
    return event_pb2.WatchEventsResponse(
        events=[_event(event, as_json=as_json) for event in answer.events],
        token=str(answer.token),
        valid_ref_counts=answer.counts,
    )


def _event(event: Event, *, as_json: bool) -> event_pb2.Event:
    message = event_pb2.Event(
        id=event.id, object_class=event.kind, operation=_OPERATIONS[event.operation], ref=event.ref
    )
    if event.record is not None and as_json:
        message.snapshot_json = dump(write_untyped(event.record.value))
    elif event.record is not None:
        message.snapshot = event.record.encoded
    return message
