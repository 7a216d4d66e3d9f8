"""Calls as most clients write them: ASCII, scalars, no escapes; matched in a fifth of a parser's time.

Whatever looks in the least otherwise is left to the parser, which reads these calls to the same values.
"""

from __future__ import annotations

import re

from graft_common.values import Value
from graft_common.xmlrpc._decode import decode_scalar
from graft_common.xmlrpc._errors import ElementError

_SPACE = rb"[ \t\n]*"
_TEXT = rb"([\t\n -%'-;=?-~]*)"  # printable, but for & < >
_HEAD = re.compile(
    rb"(?:<\?xml version=(?:'1\.0'|\"1\.0\")\?>)?%b<methodCall>%b<methodName>%b</methodName>%b<params>%b"
    % (_SPACE, _SPACE, _TEXT, _SPACE, _SPACE)
)
_PARAM = re.compile(
    rb"<param>%b<value>(?:%b|<(string|int|i4|i8|boolean|double)>%b</\2>)</value>%b</param>%b"
    % (_SPACE, _TEXT, _TEXT, _SPACE, _SPACE)
)
_TAIL = re.compile(rb"</params>%b</methodCall>%b" % (_SPACE, _SPACE))


def parse_plain(body: bytes, max_params: int) -> tuple[str, list[Value]] | None:
    """Read a call's method and parameters; None where it takes a parser to tell what it is, or that it is none."""
    head = _HEAD.match(body)
    if head is None:
        return None
    params: list[Value] = []
    end = head.end()
    try:
        while param := _PARAM.match(body, end):
            untyped, kind, typed = param.groups()
            params.append(untyped.decode() if kind is None else decode_scalar(kind.decode(), typed.decode()))
            end = param.end()
            if len(params) > max_params:
                return None
    except ElementError:
        return None
    return (head[1].decode(), params) if _TAIL.fullmatch(body, end) else None
