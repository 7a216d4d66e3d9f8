"""What headers say of tasks: read as xapi reads them, and told to the dispatcher."""

from __future__ import annotations

import httpx
import pytest

from fakes import FakePlatform
from gateway.backends import Backends, Caller
from gateway.call_times import CallTimes
from gateway.offer import Offer
from gateway.task_headers import NO_TASK, TaskHeaders, read_task_headers
from gateway.xenapi import XenApi
from graft.dispatcher.v1 import dispatcher_pb2
from graft_common.values import encode_value
from support.wire import Running

SESSION = "OpaqueRef:00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], NO_TASK),
        ([(b"host", b"x"), (b"task", b"y"), (b"x-task-id", b"z")], NO_TASK),
        ([(b"task-id", b"OpaqueRef:1")], TaskHeaders("OpaqueRef:1")),
        ([(b"subtask-of", b"OpaqueRef:2")], TaskHeaders("", "OpaqueRef:2")),
        (
            [(b"task-id", b"a"), (b"task-id", b"b"), (b"subtask-of", b"c"), (b"x-http-other-config-k", b"v\xc3\xbc")],
            TaskHeaders("b", "c", {"http:k": "vü"}),
        ),
        ([(b"x-http-other-config-a-b", b"")], TaskHeaders("", "", {"http:a-b": ""})),
        ([(b"task-id", b"\xff")], TaskHeaders("\N{REPLACEMENT CHARACTER}")),
    ],
)
def test_headers(headers, found):
    assert read_task_headers(headers) == found


def test_a_part_of_a_task_is_one_of_its_own():
    assert TaskHeaders("a").whole == "a"
    assert TaskHeaders("a", "b").whole == "b"


def test_there_may_be_many_keys_but_not_any_number():
    many = [(b"x-http-other-config-%d" % number, b"v") for number in range(1000)]
    assert len(read_task_headers(many).other_config) == 64


class Dispatcher:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.dispatcher = self
        self.asked: list[dispatcher_pb2.InvokeRequest | dispatcher_pb2.InvokeAsyncRequest] = []

    async def Invoke(self, request, **_more):  # noqa: N802  (gRPC's name)
        self.asked.append(request)
        return dispatcher_pb2.InvokeResponse(value=encode_value("x"))

    async def InvokeAsync(self, request, **_more):  # noqa: N802  (gRPC's name)
        self.asked.append(request)
        return dispatcher_pb2.InvokeAsyncResponse(task_ref="OpaqueRef:t")


async def test_they_are_told_to_the_dispatcher(platform: FakePlatform):
    registry, dispatchers = platform.clients()
    offer, dispatcher = Offer(dispatchers.dispatcher), Dispatcher()
    api = XenApi(Backends(registry, dispatcher), CallTimes(offer, 5))
    caller = Caller("r", "p", task=TaskHeaders("OpaqueRef:1", "", {"http:a": "1"}))
    await api.call("Test.echo", [SESSION, "x"], caller)
    await api.call("Async.Test.echo", [SESSION, "x"], caller)
    await api.call("Test.echo", [SESSION, "x"], Caller("r", "p"))
    joined, part, plain = dispatcher.asked
    assert joined.task == "OpaqueRef:1"
    assert (part.subtask_of, dict(part.other_config)) == ("OpaqueRef:1", {"http:a": "1"})
    assert plain.task == ""
    await offer.close()


async def test_they_come_with_a_request(gateway: Running, session: str) -> None:
    headers = {
        "authorization": f"Bearer {session}",
        "content-type": "application/json",
        "Subtask-Of": "OpaqueRef:whole",
        "X-Http-Other-Config-Why": "because",
    }
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=headers, timeout=20, trust_env=False, verify=False
    ) as http:
        started = await http.post("/api/v1/methods/Async.Test.echo", content=b'["x"]')
    task = gateway.platform.tasks[started.json()]
    assert (task.subtask_of, dict(task.other_config)) == ("OpaqueRef:whole", {"http:why": "because"})


async def test_they_count_for_every_call_of_a_batch(gateway: Running, session: str) -> None:
    call = {"jsonrpc": "2.0", "method": "Async.Test.echo", "params": [session, "x"]}
    headers = {"content-type": "application/json", "subtask-of": "OpaqueRef:whole", "x-http-other-config-why": "so"}
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=headers, timeout=20, trust_env=False, verify=False
    ) as http:
        answered = await http.post("/jsonrpc", json=[{**call, "id": number} for number in range(2)])
    refs = [answer["result"] for answer in answered.json()]
    assert len({*refs}) == 2
    for ref in refs:
        task = gateway.platform.tasks[ref]
        assert (task.subtask_of, dict(task.other_config)) == ("OpaqueRef:whole", {"http:why": "so"})
