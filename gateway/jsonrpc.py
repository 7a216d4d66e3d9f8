"""JSON-RPC 1.0 and 2.0 as XenAPI speaks them: pure functions between bytes and the values of calls.

Answers are those of xapi (ocaml-rpc, jsonrpc.ml; xapi, api_server.ml). Where xapi answers HTTP 500, because there is a
batch, a notification, or an `id` that it does not know, this is what JSON-RPC itself asks for.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

import orjson

from graft_common.declarations.json_text import check, read
from graft_common.errors import GraftError
from graft_common.values import DateTime, Prepared, Value

MAX_BATCH = 1_000
MAX_PARAMS = 1_000

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
FAILURE = 1
"""The code of every failure of a call: what it is stands in `message` (xapi, Jsonrpc.string_of_response)."""

_MESSAGES = {PARSE_ERROR: "Parse error", INVALID_REQUEST: "Invalid Request"}
_VERSION = "jsonrpc"

Id: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True)
class Form:
    """How one request is to be answered."""

    version_2: bool = True
    id: Id = None
    is_notification: bool = False
    """Whether it is not to be answered at all."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call, the session among its parameters."""

    form: Form
    method: str
    params: list[Value]
    fault: GraftError | None = None
    """Why no call can carry the parameters."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """What stands where a request should."""

    form: Form
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Several requests in one message; there is at least one."""

    items: Sequence[Request | Invalid]


class ProtocolError(ValueError):
    """A message is none of JSON-RPC, neither a request nor several; the text is one sentence."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        """JSON-RPC's own code."""


def parse_message(body: bytes) -> Request | Invalid | Batch:
    """Read what a client sent.

    Raises:
        ProtocolError: it is no JSON, or a batch of none or of more than 1,000.
    """
    try:
        message = read(body, "the body")
    except GraftError as error:
        raise ProtocolError(PARSE_ERROR, f"the body is {error.params[2]}") from None
    if not isinstance(message, list):
        return _item(message, in_batch=False)
    if not message:
        raise ProtocolError(INVALID_REQUEST, "the batch is empty")
    if len(message) > MAX_BATCH:
        raise ProtocolError(INVALID_REQUEST, f"the batch has {len(message)} requests; at most {MAX_BATCH} are read")
    return Batch([_item(item, in_batch=True) for item in message])


def _item(item: Value, *, in_batch: bool) -> Request | Invalid:
    if not isinstance(item, dict):
        return Invalid(Form(), "a request is an object")
    # There are no batches of JSON-RPC 1.0.
    version_2 = in_batch or _VERSION in item
    sent_id = item.get("id")
    if not _is_id(sent_id):
        return Invalid(Form(version_2), "the id is neither a string nor a number")
    form = Form(version_2, sent_id, _is_notification(item, version_2=version_2))
    reason = _why_invalid(item, version_2=version_2)
    if reason:
        return Invalid(Form(version_2, sent_id), reason)
    params = _params(item.get("params"))
    try:
        for number, param in enumerate(params):
            check(param, f"params[{number}]")
    except GraftError as fault:
        return Request(form, str(item["method"]), [], fault)
    return Request(form, str(item["method"]), params)


def _is_id(value: Value) -> TypeGuard[Id]:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def _is_notification(item: dict[str, Value], *, version_2: bool) -> bool:
    """Tell whether a request wants no answer: in 1.0 its `id` is null, in 2.0 it has none."""
    return "id" not in item if version_2 else item.get("id") is None


def _why_invalid(item: dict[str, Value], *, version_2: bool) -> str:
    params = item.get("params")
    if version_2 and item.get(_VERSION) != "2.0":
        return 'the member jsonrpc is not "2.0"; it is left out in JSON-RPC 1.0, which has no batches'
    if not version_2 and "id" not in item:
        return "the member id is missing; in JSON-RPC 1.0 it is null where no answer is wanted"
    if not isinstance(item.get("method"), str):
        return "the member method is no string"
    if not version_2 and not isinstance(params, list):
        return "the member params is no array"
    if not isinstance(params, list | dict | None):
        return "the member params is neither an array nor an object"
    if isinstance(params, list) and len(params) > MAX_PARAMS:
        return f"there are {len(params)} parameters; at most {MAX_PARAMS} are read"
    return ""


def _params(params: Value) -> list[Value]:
    """Return the parameters; an object is the one parameter (ocaml-rpc, Jsonrpc.call_of_string)."""
    if isinstance(params, list):
        return params
    return [] if params is None else [params]


def format_success(form: Form, value: Value) -> bytes:
    """Write the answer of a call that has returned a value."""
    result = value.form(_format_result) if isinstance(value, Prepared) else _format_result(value)
    if form.version_2:
        return b'{"jsonrpc":"2.0","result":%b,"id":%b}' % (result, _format_id(form.id))
    return b'{"result":%b,"error":null,"id":%b}' % (result, _format_id(form.id))


def _format_result(value: Value) -> bytes:
    return orjson.dumps(_plain(value))


def format_failure(form: Form, error: GraftError) -> bytes:
    """Write the answer of a call that has failed."""
    return _format_error(form, FAILURE, error.code, error.params)


def format_invalid(form: Form, code: int, reason: str) -> bytes:
    """Write the answer to what is no request; the code is one of JSON-RPC's own."""
    return _format_error(form, code, _MESSAGES[code], [reason])


def format_batch(answers: Sequence[bytes]) -> bytes:
    """Write the answers to the requests of a batch as one."""
    return b"[%b]" % b",".join(answers)


def _format_error(form: Form, code: int, message: str, data: Sequence[str]) -> bytes:
    sent_id = _format_id(form.id)
    if form.version_2:
        error = orjson.dumps({"code": code, "message": message, "data": list(data)})
        return b'{"jsonrpc":"2.0","error":%b,"id":%b}' % (error, sent_id)
    return b'{"result":null,"error":%b,"id":%b}' % (orjson.dumps([message, *data]), sent_id)


def _format_id(sent_id: Id) -> bytes:
    # Not orjson, which takes no integer beyond 64 bits: a number comes back as the number that it was.
    return json.dumps(sent_id).encode()


def _plain(value: Value) -> object:
    """Return a value as JSON has it: dates as their text, binary as base64.

    xapi writes floats that are no numbers as bare words, which is no JSON; they are strings here, which is what the
    library of xapi's Go SDK makes of the words before it reads them.
    """
    match value:
        case str() | bool() | int():
            return value
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case float():
            return value if math.isfinite(value) else _word(value)
        case DateTime():
            return value.text
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return None


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
