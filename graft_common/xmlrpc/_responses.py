"""Answers: as extensions print them, as clients read them, and a value alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from graft_common.values import MAX_DEPTH, DateTime, Value
from graft_common.xmlrpc._decode import check_blank, decode_value, expect, only_child
from graft_common.xmlrpc._document import parse_document
from graft_common.xmlrpc._encode import format_value
from graft_common.xmlrpc._errors import ElementError

MAX_RESULT_TAGS = 2_000_000
_HEAD = '<?xml version="1.0"?><methodResponse><params><param>'
_TAIL = "</param></params></methodResponse>"


@dataclass(frozen=True, slots=True)
class Success:
    """The method answered with a value; a method without a result answers with the empty string."""

    value: Value


@dataclass(frozen=True, slots=True)
class Failure:
    """The method failed: a code, then its parameters."""

    error: list[str]


def format_success(value: Value) -> bytes:
    """Write an answer in xapi's envelope, byte for byte: `Status` is `Success`, and the `Value`.

    Raises:
        TypeError: it is no value of a call.
    """
    return format_bare({"Status": "Success", "Value": value})


def format_failure(error: Sequence[str]) -> bytes:
    """Write a failure in xapi's envelope, byte for byte: `Status` is `Failure`, and the `ErrorDescription`."""
    return format_bare({"Status": "Failure", "ErrorDescription": list(error)})


def format_bare(value: Value) -> bytes:
    """Write an answer without xapi's envelope, as `system.listMethods` is answered.

    Raises:
        TypeError: it is no value of a call.
    """
    return f"{_HEAD}{format_value(value)}{_TAIL}".encode()


def parse_extension_output(stdout: bytes) -> Success | Failure:
    """Read what an extension printed on its standard output.

    As xapi does: the first document counts and whatever follows is ignored; a struct that is no envelope, like any
    other value, is a result; a `<fault>` is the failure `fault`, its code and its text. Unlike xapi: white space may
    stand before the XML declaration, base64 may be wrapped, `true` is true, `ex:nil` is nil, and a failure whose
    description is not a code and its parameters, or one string, becomes `EXTENSION_PROTOCOL_FAILURE` with the
    description as JSON, on every route.

    Raises:
        XmlRpcSyntaxError: it does not begin with a complete `<methodResponse>`.
    """
    return _parse_answer(stdout, "the extension's output", depth=MAX_DEPTH, ignore_rest=True)


def parse_response(body: bytes) -> Success | Failure:
    """Read the answer of a server, for a client; without xapi's envelope the value itself is the result.

    Raises:
        XmlRpcSyntaxError: it is no `<methodResponse>`.
    """
    return _parse_answer(body, "the answer", depth=MAX_DEPTH + 1, ignore_rest=False)


def parse_value(text: str) -> Value:
    """Read one `<value>`, the text of `task.result`.

    Raises:
        XmlRpcSyntaxError: it is none.
    """
    data = text.encode("utf-8", "surrogatepass")
    root = parse_document(data, "the value", max_tags=MAX_RESULT_TAGS, encoding="utf-8")
    try:
        return decode_value(root)
    except ElementError as error:
        raise error.at("the value", "value") from None


def _parse_answer(data: bytes, subject: str, *, depth: int, ignore_rest: bool) -> Success | Failure:
    root = parse_document(data, subject, max_tags=MAX_RESULT_TAGS, ignore_rest=ignore_rest)
    place = "methodResponse"
    try:
        content = only_child(expect(root, "methodResponse"))
        if content.tag == "fault":
            place = "fault"
            return _fault(decode_value(only_child(content), depth))
        param = only_child(expect(content, "params"))
        element = only_child(expect(param, "param"))
        check_blank(root, content.tail)
        place = "result"
        return _outcome(decode_value(element, depth))
    except ElementError as error:
        raise error.at(subject, place) from None


def _fault(value: Value) -> Failure:
    match value:
        case {"faultCode": int() | str() as code, "faultString": str() as text}:
            return Failure(["fault", str(code), text])
        case _:
            raise ElementError("a fault is a struct of the int faultCode and the string faultString")


def _outcome(value: Value) -> Success | Failure:
    match value:
        case {"Status": "Success", "Value": result}:
            return Success(result)
        case {"Status": "Failure", "ErrorDescription": description}:
            return Failure(_error_description(description))
        case _:
            return Success(value)


def _error_description(description: Value) -> list[str]:
    """Bring a failure's description into shape, as xapi does for `host.call_extension` (xapi_host.ml).

    Numbers and booleans behind the code become text: xapi writes an integer so for its clients anyway.
    """
    match description:
        case str():
            return [description]
        case [str() as code, *params]:
            texts = [text for param in params if (text := _param_text(param)) is not None]
            if len(texts) == len(params):
                return [code, *texts]
        case _:
            pass
    return ["EXTENSION_PROTOCOL_FAILURE", orjson.dumps(description, default=_to_json).decode()]


def _param_text(param: Value) -> str | None:
    """Write a string, number or boolean as text; None for anything else."""
    match param:
        case str():
            return param
        case bool():
            return "true" if param else "false"
        case int():
            return str(param)
        case float():
            return f"{param:.16g}"
        case _:
            return None


def _to_json(value: object) -> str:
    if isinstance(value, DateTime):
        return value.text
    if isinstance(value, bytes):
        return format_value(value).removeprefix("<value><base64>").removesuffix("</base64></value>")
    raise TypeError(f"{type(value).__name__} is no value of a call")
