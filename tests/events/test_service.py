"""`EventService` over gRPC."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import grpc
import pytest

from dispatcher_service.events import hub as hubs
from dispatcher_service.events import service as services
from dispatcher_service.events.service import EventServicer
from dispatcher_service.store.changes import Changed
from graft.dispatcher.v1 import event_pb2, event_pb2_grpc
from graft_common.errors import GraftError, session_invalid
from graft_common.rpc.client import call, open_channel, stream
from graft_common.rpc.context import call_metadata
from graft_common.rpc.local import LocalStub
from graft_common.rpc.server import RpcServer
from graft_common.values import decode_value
from support.dispatcher_hosts import ANNA, until
from support.watching import came, user, watched, went

NARROW = [("grpc.http2.bdp_probe", 0)]
"""Of a client whose windows stay as small as they begin, instead of growing to what the network carries."""
ADD, MOD, DEL = event_pb2.EVENT_OPERATION_ADD, event_pb2.EVENT_OPERATION_MOD, event_pb2.EVENT_OPERATION_DEL


class Sessions:
    """Knows anna, until she logs out."""

    def __init__(self) -> None:
        self.open = True

    async def session_of(self, ref: str, min_revision: int = 0):
        if ref != "annas" or not self.open:
            raise session_invalid(ref)
        return ANNA


class Client:
    """Calls the service."""

    def __init__(self, channel: grpc.aio.Channel, sessions: Sessions) -> None:
        self._stub = event_pb2_grpc.EventServiceStub(channel)
        self.sessions = sessions

    def watch(self, *classes: str, token: str = "", ref: str = "annas", as_json: bool = False):
        request = event_pb2.WatchEventsRequest(classes=classes, token=token, json=as_json)
        return stream(self._stub.WatchEvents, request, metadata=call_metadata(ref), service="dispatcher")

    async def inject(self, kind: str, ref: str) -> str:
        request = event_pb2.InjectEventRequest(object_class=kind, ref=ref)
        metadata = call_metadata("annas")
        return (await call(self._stub.InjectEvent, request, timeout=10, metadata=metadata, service="dispatcher")).token


@pytest.fixture
async def client(here) -> AsyncIterator[Client]:
    sessions = Sessions()
    server = RpcServer([EventServicer(here.hub, sessions).service()])
    channel = open_channel(f"127.0.0.1:{await server.start('127.0.0.1:0')}")
    yield Client(channel, sessions)
    await channel.close()
    await here.seated_are(0)
    await server.stop(0)


async def leave(here, watch):
    """End a stream while the server waits: to cancel a write in the middle of it makes gRPC's server hang."""
    await here.seated_are(1)
    await watch.aclose()


def told(response):
    return [(event.object_class, event.operation, event.ref) for event in response.events]


async def test_a_stream_tells_first_what_there_is_and_then_what_happens(here, client):
    await here.tasks("t")
    here.follow(3, came(user("eva")))
    watch = client.watch("*")
    first = await anext(watch)
    assert told(first) == [("task", ADD, "t"), ("user", ADD, "OpaqueRef:uuid-eva")]
    assert decode_value(first.events[0].snapshot) == {"name_label": "t", "text": "x" * 10}
    assert dict(first.valid_ref_counts) == {"task": 1, "pool": 0, "user": 1}
    await here.tasks("t")
    second = await anext(watch)
    assert told(second) == [("task", MOD, "t")]
    await here.change(Changed("task", "t", gone=True))
    third = await anext(watch)
    assert (told(third), third.events[0].snapshot) == ([("task", DEL, "t")], b"")
    await leave(here, watch)
    later = client.watch("task", token=second.token)
    assert told(await anext(later)) == [("task", DEL, "t")]
    await leave(here, later)


async def test_records_come_as_json_where_that_is_wanted(here, client):
    await here.tasks("t")
    watch = client.watch("task", as_json=True)
    [event] = (await anext(watch)).events
    assert (json.loads(event.snapshot_json), event.snapshot) == ({"name_label": "t", "text": "x" * 10}, b"")
    await leave(here, watch)


async def test_a_quiet_stream_brings_bookmarks(here, monkeypatch):
    monkeypatch.setattr(services, "BOOKMARK", 0.05)
    stub = LocalStub(EventServicer(here.hub, Sessions()).service())
    watch = stub.WatchEvents(event_pb2.WatchEventsRequest(classes=["task"]), metadata=call_metadata("annas"))
    async with aclosing(watch):
        assert [told(await anext(watch)) for _ in range(2)] == [[], []]


async def test_a_slow_reader_is_told_the_last_change_only(here, client):
    await here.tasks("t")
    watch = client.watch("task")
    await anext(watch)
    for _ in range(3):
        await here.tasks("t")
        await asyncio.sleep(0)
    revision = (await here.store.changes.revisions()).current
    seen = 0
    while seen < revision:
        [event] = (await anext(watch)).events
        assert event.id > seen
        seen = event.id
    await leave(here, watch)


async def test_one_who_never_reads_counts_as_a_watcher_until_he_goes(store_url, monkeypatch):
    """What he is told fills his windows; nobody else waits for him."""
    monkeypatch.setattr(hubs, "MAX_WATCHERS", 2)
    async with watched(store_url, size=1 << 20) as here:
        await here.tasks(*(f"t{number}" for number in range(4)))
        sessions = Sessions()
        server = RpcServer([EventServicer(here.hub, sessions).service()])
        address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
        running = AsyncExitStack()
        running.push_async_callback(server.stop, 0)
        async with running, grpc.aio.insecure_channel(address, NARROW) as channel, open_channel(address) as others:
            request = event_pb2.WatchEventsRequest(classes=["task"])
            stub = event_pb2_grpc.EventServiceStub(channel)
            deaf = [stub.WatchEvents(request, metadata=call_metadata("annas")) for _ in range(2)]

            async def stuck() -> bool:
                return here.hub._places == 2 and not here.seated and len(here.loads) > 0

            await until("both to be told of more than they take", stuck)
            refused = Client(others, sessions).watch("task")
            with pytest.raises(GraftError, match="SERVER_BUSY"):
                await anext(refused)
            for each in deaf:
                each.cancel()

            async def free() -> bool:
                return not here.hub._places

            await until("both to be forgotten", free)
            watch = Client(others, sessions).watch("task/t0")
            assert told(await anext(watch)) == [("task", ADD, "t0")]
            await leave(here, watch)
        await here.seated_are(0)


async def test_a_stream_ends_with_its_session(here, client):
    here.follow(1, came(ANNA))
    watch = client.watch("task")
    waiting = asyncio.create_task(anext(watch))
    await here.seated_are(1)
    client.sessions.open = False
    here.follow(2, went(ANNA))
    with pytest.raises(GraftError, match="SESSION_INVALID"):
        await waiting


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"ref": "nobodys"}, "SESSION_INVALID"),
        ({"token": "junk"}, "EVENT_FROM_TOKEN_PARSE_FAILURE"),
        ({"token": "1000,0"}, "EVENTS_LOST"),
    ],
)
async def test_what_cannot_be_told_is_refused(client, asked, code):
    with pytest.raises(GraftError, match=code):
        await anext(client.watch("*", **asked))


async def test_who_leaves_is_forgotten(here, client):
    watch = client.watch("pool")
    waiting = asyncio.create_task(anext(watch))
    await here.seated_are(1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await watch.aclose()
    await here.seated_are(0)


async def test_an_object_is_told_again(here, client):
    await here.change(Changed("pool", "p"))
    token = await client.inject("pool", "p")
    watch = client.watch("pool", token=token)
    assert told(await anext(watch)) == [("pool", MOD, "p")]
    await leave(here, watch)
    with pytest.raises(GraftError, match="HANDLE_INVALID"):
        await client.inject("pool", "none")
