"""Calls: as clients send them, and as extensions read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from graft_common.values import Value
from graft_common.xmlrpc._decode import check_blank, decode_value, expect, leaf_text, only_child
from graft_common.xmlrpc._document import parse_document
from graft_common.xmlrpc._encode import escape, format_typed_value, format_value
from graft_common.xmlrpc._errors import ElementError, XmlRpcSyntaxError
from graft_common.xmlrpc._plain_calls import parse_plain

MAX_CALL_TAGS = 400_000
MAX_PARAMS = 1_000
_SUBJECT = "the call"


@dataclass(frozen=True, slots=True)
class Call:
    """A method's name, as it was written, and the parameters, the session among them."""

    method: str
    params: list[Value]


def parse_call(body: bytes) -> Call:
    """Read a `<methodCall>` that a client sent.

    As lenient as xapi, and a little more: `<params>` may be missing, white space, comments and CDATA may stand
    anywhere, integers may have a sign, base64 may be wrapped, `true` is true, and a struct may name a member twice
    (the last counts). Stricter only in this: document type definitions, integers such as `0x10` and `1_000`, booleans
    that are neither, and whatever follows the call are errors.

    Raises:
        XmlRpcSyntaxError: it is no call, or larger than 400,000 tags, 1,000 parameters, 64 levels.
    """
    plain = parse_plain(body, MAX_PARAMS)
    return _parse_any(body) if plain is None else Call(*plain)


def _parse_any(body: bytes) -> Call:
    root = parse_document(body, _SUBJECT, max_tags=MAX_CALL_TAGS)
    try:
        method, params = _parts(root)
    except ElementError as error:
        raise error.at(_SUBJECT, "methodCall") from None
    if len(params) > MAX_PARAMS:
        raise XmlRpcSyntaxError(f"{_SUBJECT} has {len(params)} parameters; at most {MAX_PARAMS} are read")
    values: list[Value] = []
    try:
        for param in params:
            if param.tail:
                check_blank(params, param.tail)
            values.append(decode_value(only_child(expect(param, "param"))))
    except ElementError as error:
        raise error.at(_SUBJECT, f"params[{len(values)}]") from None
    return Call(method, values)


def _parts(root: Element) -> tuple[str, Element]:
    expect(root, "methodCall")
    if not 1 <= len(root) <= 2:
        raise ElementError(f"it holds {len(root)} elements; it holds <methodName> and, after it, <params>")
    name = expect(root[0], "methodName")
    params = expect(root[1], "params") if len(root) == 2 else Element("params")
    check_blank(root, root.text, name.tail, params.text, params.tail)
    return leaf_text(name), params


def format_call(method: str, params: Sequence[Value]) -> bytes:
    """Write a call as a client does: typed, integers beyond 32 bits as `<i8>`, doubles to their last digit.

    Raises:
        TypeError: a parameter is no value of a call.
        ValueError: an integer does not fit into 64 bits.
    """
    return _envelope(method, [format_typed_value(value) for value in params])


def format_extension_call(method: str, params: Sequence[Value]) -> bytes:
    """Write a call as an extension finds it on its standard input: as xapi does, integers untyped.

    Raises:
        TypeError: a parameter is no value of a call.
    """
    return _envelope(method, [format_value(value) for value in params])


def _envelope(method: str, values: Sequence[str]) -> bytes:
    params = "".join([f"<param>{value}</param>" for value in values])
    return (
        '<?xml version="1.0"?><methodCall>'
        f"<methodName>{escape(method)}</methodName><params>{params}</params></methodCall>"
    ).encode()
