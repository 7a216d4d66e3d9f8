"""From values to text: the two ways in which a value is written."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Any

from graft_common.values import INT64_MAX, INT64_MIN, DateTime, Value

_INT32_MIN = -(2**31)
_INT32_MAX = 2**31 - 1
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CARRIAGE_RETURN = "\0"  # stands for it until the ampersands are written
_ASCII = {code: None for code in range(0x20) if chr(code) not in "\t\n\r"} | {ord("\r"): _CARRIAGE_RETURN}


class I4(int):
    """An integer of 32 bits that is written as `<i4>` where any other is written as text.

    For `valid_ref_counts` of `event.from`, the one place where xapi does so (xapi-project/xen-api#988).
    """

    __slots__ = ()


def escape(text: str) -> str:
    """Write text as XML does: `< > & "` as entities like xapi, and what XML cannot hold dropped like xapi.

    A carriage return, which xapi writes as it is, becomes a character reference: else every reader turns it into a
    line feed or nothing.
    """
    if text.isprintable():
        return _with_entities(text)
    kept = text.translate(_ASCII) if text.isascii() else _NOT_XML.sub("", text).replace("\r", _CARRIAGE_RETURN)
    return _with_entities(kept).replace(_CARRIAGE_RETURN, "&#13;")


def _with_entities(text: str) -> str:
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    return text


def format_value(value: Value) -> str:
    """Write a value as xapi writes it: `<value>…</value>` on one line, integers and strings as mere text.

    This is how values stand in answers, in `task.result`, and in what an extension reads (xapi, Xmlrpc.to_string of
    ocaml-rpc; unlike there, names of struct members are escaped).

    Raises:
        TypeError: it is no value of a call.
    """
    writer = _XAPI.get(type(value))
    return writer(value) if writer else _format_other(value, _XAPI)


def format_typed_value(value: Value) -> str:
    """Write a value with its type: `<value><int>5</int></value>`.

    Raises:
        TypeError: it is no value of a call.
        ValueError: an integer does not fit into 64 bits.
    """
    writer = _TYPED.get(type(value))
    return writer(value) if writer else _format_other(value, _TYPED)


_Writers = dict[type, Callable[[Any], str]]


def _format_other(value: Value, writers: _Writers) -> str:
    """Write a value whose class inherits from one of those of values, such as an enum's."""
    for kind, writer in writers.items():
        if isinstance(value, kind):
            return writer(value)
    raise TypeError(f"{type(value).__name__} is no value of a call")


def _text(value: str) -> str:
    return f"<value>{escape(value)}</value>"


def _typed_text(value: str) -> str:
    return f"<value><string>{escape(value)}</string></value>"


def _int(value: int) -> str:
    return f"<value>{int(value)}</value>"


def _typed_int(value: int) -> str:
    if _INT32_MIN <= value <= _INT32_MAX:
        return f"<value><int>{int(value)}</int></value>"
    if INT64_MIN <= value <= INT64_MAX:
        return f"<value><i8>{int(value)}</i8></value>"
    raise ValueError(f"integer {value} does not fit into 64 bits")


def _i4(value: int) -> str:
    return f"<value><i4>{int(value)}</i4></value>"


def _bool(value: bool) -> str:
    return "<value><boolean>1</boolean></value>" if value else "<value><boolean>0</boolean></value>"


def _double(value: float) -> str:
    """Write 16 digits as xapi does, and one more where another number would be read otherwise, even infinity."""
    text = f"{value:.16g}"
    if float(text) != value and value == value:  # noqa: PLR0124 - NaN alone is not equal to itself
        text = f"{value:.17g}"
    return f"<value><double>{text}</double></value>"


def _exact_double(value: float) -> str:
    return f"<value><double>{float(value)!r}</double></value>"


def _date_time(value: DateTime) -> str:
    return f"<value><dateTime.iso8601>{escape(value.text)}</dateTime.iso8601></value>"


def _base64(value: bytes) -> str:
    return f"<value><base64>{binascii.b2a_base64(value, newline=False).decode()}</base64></value>"


def _nil(_: None) -> str:
    return "<value><nil/></value>"


def _array_writer(write: Callable[[Value], str]) -> Callable[[list[Value]], str]:
    def write_array(value: list[Value]) -> str:
        return f"<value><array><data>{''.join(map(write, value))}</data></array></value>"

    return write_array


def _struct_writer(write: Callable[[Value], str]) -> Callable[[dict[str, Value]], str]:
    def write_struct(value: dict[str, Value]) -> str:
        members = [f"<member><name>{escape(name)}</name>{write(item)}</member>" for name, item in value.items()]
        return f"<value><struct>{''.join(members)}</struct></value>"

    return write_struct


# A class stands before those that it inherits from, for _format_other.
_XAPI: _Writers = {
    str: _text,
    bool: _bool,
    I4: _i4,
    int: _int,
    float: _double,
    DateTime: _date_time,
    bytes: _base64,
    type(None): _nil,
    list: _array_writer(format_value),
    dict: _struct_writer(format_value),
}
_TYPED: _Writers = _XAPI | {
    str: _typed_text,
    int: _typed_int,
    float: _exact_double,
    list: _array_writer(format_typed_value),
    dict: _struct_writer(format_typed_value),
}
