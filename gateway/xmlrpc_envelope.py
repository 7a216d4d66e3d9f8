"""Calls in XML-RPC: one in each body, and its answer byte for byte as xapi writes it."""

from __future__ import annotations

from gateway import metrics
from gateway.abandoning import Client
from gateway.exchange import Exchange, loggable_method
from gateway.load import Held
from gateway.rpc_calls import RpcCalls, caller_of
from gateway.rpc_endpoint import RpcAnswer
from gateway.xenapi import LIST_METHODS, XenApi
from graft_common.errors import GraftError
from graft_common.xmlrpc import Call, XmlRpcSyntaxError, format_bare, format_failure, format_success, parse_call

_XML = b"text/xml"
_TEXT = b"text/plain; charset=utf-8"


class XmlRpcEnvelope:
    """Reads and answers calls in XML-RPC."""

    name = "xmlrpc"

    def __init__(self, api: XenApi) -> None:
        self._calls = RpcCalls(api, metrics.XMLRPC_CALLS)

    async def read(self, body: bytes, exchange: Exchange) -> _Message | RpcAnswer:
        """Read the call that a body holds."""
        try:
            call = await self._calls.parse(parse_call, body)
        except XmlRpcSyntaxError as error:
            exchange.outcome = "MALFORMED"
            self._calls.count_unread(exchange.outcome)
            return RpcAnswer(400, _TEXT, f"{_sentence(str(error))}\n".encode("utf-8", "replace"))
        exchange.rpc = loggable_method(call.method)
        return _Message(self._calls, call)

    def failed(self, error: GraftError) -> RpcAnswer:
        """Answer a request of which no call has been read."""
        self._calls.count_unread(error.code)
        return _failed(error)

    def refused(self, status: int, sentence: str) -> RpcAnswer:
        """Answer a request that HTTP refuses."""
        self._calls.count_unread("REFUSED")
        return RpcAnswer(status, _TEXT, f"{sentence}\n".encode())

    def close(self) -> None:
        """Let go of threads."""
        self._calls.close()


class _Message:
    def __init__(self, calls: RpcCalls, call: Call) -> None:
        self._calls = calls
        self._call = call

    async def answer(self, exchange: Exchange, _held: Held, client: Client) -> RpcAnswer:
        method = self._call.method
        value = await client.unless_gone(method, self._calls.make(method, self._call.params, caller_of(exchange)))
        # The one method whose answer has no envelope (xapi, api_server.ml).
        body = await self._calls.write_once(format_bare if method == LIST_METHODS else format_success, value)
        exchange.outcome = metrics.OK
        return RpcAnswer(200, _XML, body)

    def failed(self, error: GraftError) -> RpcAnswer:
        return _failed(error)


def _failed(error: GraftError) -> RpcAnswer:
    return RpcAnswer(200, _XML, format_failure(error.error_info()))


def _sentence(text: str) -> str:
    first = text[:1].upper() + text[1:]
    return first if first.endswith(".") else f"{first}."
