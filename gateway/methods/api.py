"""What lies at `/api/v1/methods` and `/api/v1/tasks`: from a request to what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn

import orjson

from gateway.access import Access
from gateway.answers import JSON, Answer, query_values
from gateway.backends import Caller
from gateway.body import RefusedError
from gateway.encodings import takes_gzip
from gateway.event_streams import event
from gateway.methods.calls import LOGOUT, MethodCalls
from gateway.methods.descriptions import Descriptions
from gateway.methods.errors import task_error
from gateway.methods.watching import TaskWatches
from graft.dispatcher.v1 import task_pb2
from graft_common.errors import value_not_supported

PREFIX = "/api/v1"
METHODS = f"{PREFIX}/methods"
TASKS = f"{PREFIX}/tasks"
NOWHERE = f"{METHODS}/…"
"""Stands in metrics for every path that leads to nothing."""
MAX_WAIT = 60.0
"""Seconds for which an answer waits for the end of a task."""

_ASYNC = "Async."
_STATUSES = {
    task_pb2.TASK_STATUS_PENDING: "pending",
    task_pb2.TASK_STATUS_SUCCESS: "success",
    task_pb2.TASK_STATUS_FAILURE: "failure",
    task_pb2.TASK_STATUS_CANCELLING: "cancelling",
    task_pb2.TASK_STATUS_CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose body has been read."""

    verb: str
    query: str
    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes
    caller: Caller


Handler = Callable[[Asked, str], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Place:
    """A path, and what serves it."""

    pattern: str
    """For metrics."""
    handlers: Mapping[str, Handler]
    """By HTTP's methods; HEAD and OPTIONS come by themselves."""
    name: str = ""
    """The method, or the task's reference."""
    rpc: str = ""
    """What is called, for the log."""

    @property
    def verbs(self) -> str:
        """What is answered there, as the header `Allow` has it."""
        head = ["HEAD"] if "GET" in self.handlers else []
        return ", ".join(sorted([*self.handlers, *head, "OPTIONS"]))


class MethodsApi:
    """Finds what serves a path, and serves it."""

    def __init__(self, calls: MethodCalls, descriptions: Descriptions, access: Access, watches: TaskWatches) -> None:
        self._calls = calls
        self._descriptions = descriptions
        self._access = access
        self._watches = watches
        self.stopping = asyncio.Event()
        """Set when this gateway ends."""

    def stop_waiting(self) -> None:
        """Answer those who wait for tasks as these stand."""
        self.stopping.set()

    def place(self, path: str) -> Place | None:
        """Find what is at a path."""
        match path.removeprefix(PREFIX).split("/"):
            case ["", "methods"]:
                return Place(METHODS, {"GET": self._list})
            case ["", "methods", "openapi.json"]:
                return Place(f"{METHODS}/openapi.json", {"GET": self._document})
            case ["", "methods", name] if name:
                return Place(f"{METHODS}/{{method}}", {"GET": self._describe, "POST": self._call}, name, name)
            case ["", "tasks", ref] if ref:
                handlers = {"GET": self._task, "DELETE": self._forget}
                return Place(f"{TASKS}/{{ref}}", handlers, ref)
            case ["", "tasks", ref, "events"] if ref:
                return Place(f"{TASKS}/{{ref}}/events", {"GET": self._watch}, ref)
            case ["", "tasks", ref, "cancel"] if ref:
                return Place(f"{TASKS}/{{ref}}/cancel", {"POST": self._cancel}, ref)
        return None

    async def serve(self, place: Place, asked: Asked) -> Answer:
        """Serve a request.

        Raises:
            RefusedError: it is none that could be served.
            GraftError: it has failed.
        """
        if asked.verb == "OPTIONS":
            return Answer(204, headers=(("allow", place.verbs),))
        handler = place.handlers.get("GET" if asked.verb == "HEAD" else asked.verb)
        if handler is None:
            raise RefusedError(405, f"{asked.verb} is not answered at this path; use {place.verbs}.", place.verbs)
        return await handler(asked, place.name)

    async def _list(self, _asked: Asked, _name: str) -> Answer:
        return Answer(200, await self._descriptions.listing())

    async def _describe(self, _asked: Asked, method: str) -> Answer:
        return Answer(200, await self._descriptions.method(method))

    async def _document(self, asked: Asked, _name: str) -> Answer:
        found = await self._descriptions.openapi()
        packed = takes_gzip(asked.headers.get("accept-encoding", ""))
        tag = f'"{found.tag}{"-gzip" if packed else ""}"'
        headers = (("etag", tag), ("cache-control", "no-cache"), ("vary", "Accept-Encoding"))
        if tag in asked.headers.get("if-none-match", ""):
            return Answer(304, headers=headers)
        if packed:
            return Answer(200, found.packed, (*headers, ("content-encoding", "gzip")))
        return Answer(200, found.body, headers)

    async def _call(self, asked: Asked, method: str) -> Answer:
        # What keeps other sites' pages from calls with credentials that a browser remembers: without asking first,
        # they cannot send this type.
        if not is_json(asked.headers):
            text = f"The Content-Type must be {JSON}, also where there is no body: arguments are JSON."
            raise RefusedError(415, text)

        async def call(session: str) -> Answer:
            if method.startswith(_ASYNC):
                ref = await self._calls.start(method.removeprefix(_ASYNC), asked.body, session, asked.caller)
                return Answer(202, orjson.dumps(ref), (("location", f"{TASKS}/{ref}"),))
            value = await self._calls.invoke(method, asked.body, session, asked.caller)
            if method in LOGOUT:
                self._access.ended(session)
            return Answer(200, value)

        return await self._serve(asked, call)

    async def _task(self, asked: Asked, ref: str) -> Answer:
        seconds = _wait(asked.query)

        async def find(session: str) -> Answer:
            return Answer(200, task_json(await self._find(ref, seconds, session, asked.caller)))

        return await self._serve(asked, find)

    async def _watch(self, asked: Asked, ref: str) -> Answer:
        tasks = self._watches.follow(ref, asked.headers.get("authorization", ""), asked.caller)
        events = _events(tasks)
        first = await anext(events)
        if asked.verb == "HEAD":
            await events.aclose()
            return Answer(200)
        return Answer(200, first, events=events)

    async def _find(self, ref: str, seconds: float, session: str, caller: Caller) -> task_pb2.Task:
        """Wait for a task, but not beyond the gateway's own end."""
        if not seconds:
            return await self._calls.task(ref, 0, session, caller)
        found = asyncio.create_task(self._calls.task(ref, seconds, session, caller))
        stopping = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({found, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if found.done():
                return found.result()
            return await self._calls.task(ref, 0, session, caller)
        finally:
            found.cancel()
            stopping.cancel()

    async def _cancel(self, asked: Asked, ref: str) -> Answer:
        async def cancel(session: str) -> Answer:
            await self._calls.cancel(ref, session, asked.caller)
            return Answer(204)

        return await self._serve(asked, cancel)

    async def _forget(self, asked: Asked, ref: str) -> Answer:
        async def forget(session: str) -> Answer:
            await self._calls.forget(ref, session, asked.caller)
            return Answer(204)

        return await self._serve(asked, forget)

    async def _serve(self, asked: Asked, work: Callable[[str], Awaitable[Answer]]) -> Answer:
        return await self._access.serve(asked.headers.get("authorization", ""), asked.caller, work)


async def _events(tasks: AsyncGenerator[task_pb2.Task, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(tasks):
        async for task in tasks:
            yield event(task_json(task))


def is_json(headers: Mapping[str, str]) -> bool:
    """Tell whether a request's body is marked as JSON."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == JSON


def task_json(task: task_pb2.Task) -> bytes:
    """Write a task."""
    failed = bool(task.error_info)
    return orjson.dumps(
        {
            "ref": task.ref,
            "name": task.name_label,
            "status": _STATUSES.get(task.status, "pending"),
            "progress": task.progress,
            "result": orjson.Fragment(task.result_json) if task.result_json else None,
            "error": task_error(task.error_info) if failed else None,
            "created": task.created.ToJsonString(),
            "finished": task.finished.ToJsonString() if task.HasField("finished") else None,
            "description": task.name_description,
            "other_config": dict(task.other_config),
            "subtask_of": task.subtask_of or None,
            "subtasks": list(task.subtasks),
            "log": [{"time": line.time.ToJsonString(), "text": line.text} for line in task.log],
            "log_total": task.log_total,
        }
    )


def _wait(query: str) -> float:
    """Read `?wait=`, of which no more than `MAX_WAIT` counts."""
    given = query_values(query).get("wait", ["0"])[-1]
    try:
        seconds = float(given)
    except ValueError:
        _refuse_wait(given)
    if not seconds >= 0:
        _refuse_wait(given)
    return min(seconds, MAX_WAIT)


def _refuse_wait(given: str) -> NoReturn:
    raise value_not_supported("wait", given[:40], f"it is a number of seconds, of which {MAX_WAIT:g} count at most")
