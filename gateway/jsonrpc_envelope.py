"""Calls in JSON-RPC: one in each body, or a batch of them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

from gateway import metrics
from gateway.abandoning import Client
from gateway.backends import Caller
from gateway.body import ClientGoneError
from gateway.exchange import Exchange, loggable_method
from gateway.jsonrpc import (
    INVALID_REQUEST,
    Batch,
    Form,
    Invalid,
    ProtocolError,
    Request,
    format_batch,
    format_failure,
    format_invalid,
    format_success,
    parse_message,
)
from gateway.load import Held
from gateway.rpc_calls import RpcCalls, caller_of, crashed
from gateway.rpc_endpoint import RpcAnswer
from gateway.xenapi import XenApi
from graft_common.errors import GraftError, server_busy
from graft_common.units import format_size

AT_ONCE = 16
"""Calls of one batch that are made at the same time."""
MAX_BATCH_ANSWER = 32 << 20
"""Bytes of answers after which no further call of a batch is begun."""

_JSON = b"application/json"
_BAD_REQUEST = 400
_MALFORMED = "MALFORMED"
_GONE = "GONE"


class _Answered(NamedTuple):
    """How one request of a batch has ended."""

    outcome: str
    body: bytes
    """The answer; empty where none is wanted."""


class JsonRpcEnvelope:
    """Reads and answers calls in JSON-RPC 1.0 and 2.0."""

    name = "jsonrpc"

    def __init__(self, api: XenApi) -> None:
        self._calls = RpcCalls(api, metrics.JSONRPC_CALLS)

    async def read(self, body: bytes, exchange: Exchange) -> _Single | _Several | RpcAnswer:
        """Read the calls that a body holds."""
        try:
            message = await self._calls.parse(parse_message, body)
        except ProtocolError as error:
            return self._malformed(Form(), error.code, str(error), exchange)
        match message:
            case Batch():
                exchange.rpc = f"(a batch of {len(message.items)})"
                return _Several(self._calls, message)
            case Request():
                exchange.rpc = loggable_method(message.method)
                return _Single(self._calls, message)
            case Invalid():
                return self._malformed(message.form, INVALID_REQUEST, message.reason, exchange)

    def failed(self, error: GraftError) -> RpcAnswer:
        """Answer a request of which no call has been read."""
        self._calls.count_unread(error.code)
        return _answer(format_failure(Form(), error))

    def refused(self, status: int, sentence: str) -> RpcAnswer:
        """Answer a request that HTTP refuses."""
        self._calls.count_unread("REFUSED")
        return _answer(format_invalid(Form(), INVALID_REQUEST, sentence), status)

    def close(self) -> None:
        """Let go of threads."""
        self._calls.close()

    def _malformed(self, form: Form, code: int, reason: str, exchange: Exchange) -> RpcAnswer:
        exchange.outcome = _MALFORMED
        self._calls.count_unread(exchange.outcome)
        return _answer(format_invalid(form, code, reason), _BAD_REQUEST)


class _Single:
    """One call."""

    def __init__(self, calls: RpcCalls, request: Request) -> None:
        self._calls = calls
        self._request = request

    async def answer(self, exchange: Exchange, _held: Held, client: Client) -> RpcAnswer:
        body = await _make(self._calls, self._request, caller_of(exchange), client)
        exchange.outcome = metrics.OK
        return _answer(b"" if self._request.form.is_notification else body)

    def failed(self, error: GraftError) -> RpcAnswer:
        form = self._request.form
        return _answer(b"" if form.is_notification else format_failure(form, error))


class _Several:
    """The calls of a batch, made side by side and answered in the order in which they stand."""

    def __init__(self, calls: RpcCalls, batch: Batch) -> None:
        self._calls = calls
        self._items = batch.items
        self._size = 0

    async def answer(self, exchange: Exchange, held: Held, client: Client) -> RpcAnswer:
        # The use of one call cannot be told with the answer to many.
        caller = Caller(
            exchange.request_id,
            exchange.peer,
            local_uid=exchange.local_uid,
            certificate=exchange.certificate,
            task=exchange.task,
        )
        places = asyncio.Semaphore(AT_ONCE)

        async def answered(item: Request | Invalid) -> _Answered:
            async with places:
                return await self._answered(item, caller, held, client)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answered(item)) for item in self._items]
        answers = [task.result() for task in tasks]
        if any(answer.outcome == _GONE for answer in answers):
            raise ClientGoneError
        # The log has one word for the batch: how the first of those that did not succeed has ended.
        exchange.outcome = next((answer.outcome for answer in answers if answer.outcome != metrics.OK), metrics.OK)
        return _batch_answer([answer.body for answer in answers])

    def failed(self, error: GraftError) -> RpcAnswer:
        return _batch_answer([_refused(item, error) for item in self._items])

    async def _answered(self, item: Request | Invalid, caller: Caller, held: Held, client: Client) -> _Answered:
        if isinstance(item, Invalid):
            self._calls.count_unread(_MALFORMED)
            return _Answered(_MALFORMED, _invalid(item))
        try:
            return _Answered(metrics.OK, await self._made(item, caller, held, client))
        except ClientGoneError:
            return _Answered(_GONE, b"")
        except GraftError as error:
            failure = error
        except Exception:  # noqa: BLE001  (a mistake of ours in one call is no reason to keep the others' answers back)
            failure = crashed(caller.request_id)
        return _Answered(failure.code, _refused(item, failure))

    async def _made(self, request: Request, caller: Caller, held: Held, client: Client) -> bytes:
        if self._size > MAX_BATCH_ANSWER:
            limit = format_size(MAX_BATCH_ANSWER)
            raise server_busy(f"the answers to this batch are larger than {limit} already; send the rest by itself")
        body = await _make(self._calls, request, caller, client)
        if request.form.is_notification:
            return b""
        held.add(len(body))
        self._size += len(body)
        return body


async def _make(calls: RpcCalls, request: Request, caller: Caller, client: Client) -> bytes:
    if request.fault is not None:
        calls.count_unread(request.fault.code)
        raise request.fault
    value = await client.unless_gone(request.method, calls.make(request.method, request.params, caller))
    return await calls.write(partial(format_success, request.form), value)


def _refused(item: Request | Invalid, error: GraftError) -> bytes:
    if isinstance(item, Invalid):
        return _invalid(item)
    return b"" if item.form.is_notification else format_failure(item.form, error)


def _invalid(item: Invalid) -> bytes:
    return format_invalid(item.form, INVALID_REQUEST, item.reason)


def _batch_answer(answers: list[bytes]) -> RpcAnswer:
    wanted = [answer for answer in answers if answer]
    return _answer(format_batch(wanted) if wanted else b"")


def _answer(body: bytes, status: int = 200) -> RpcAnswer:
    return RpcAnswer(status if body else 204, _JSON, body)
