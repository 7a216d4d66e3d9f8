"""From elements to values: what stands in `<value>`."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from graft_common.values import INT64_MAX, INT64_MIN, MAX_DEPTH, DateTime, Value
from graft_common.xmlrpc._errors import ElementError, quote

_INT64_DIGITS = 19
_INT = re.compile(r"[ \t\r\n]*([+-]?)0*([0-9]{1,20})[ \t\r\n]*")
_DOUBLE = re.compile(
    r"[ \t\r\n]*[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)[ \t\r\n]*", re.IGNORECASE
)
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def decode_value(element: Element, depth: int = MAX_DEPTH) -> Value:
    """Read a `<value>`; without a type inside it is a string, all white space kept.

    Args:
        element: what should be a `<value>`.
        depth: how many arrays and structs may still be inside one another.

    Raises:
        ElementError: it is not what a value is.
    """
    if element.tag != "value":
        raise ElementError(f"<{_name(element)}> stands where <value> is expected")
    count = len(element)
    if not count:
        return element.text or ""
    typed = element[0]
    if count > 1 or element.text or typed.tail:
        only_child(element)
    kind = typed.tag
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return scalar(leaf_text(typed) if len(typed) else typed.text or "")
    if kind == "struct":
        return _decode_struct(typed, depth - 1)
    if kind == "array":
        return _decode_array(typed, depth - 1)
    raise ElementError(f"<{_name(typed)}> is no type; the types are {', '.join(_TYPES)}")


def decode_scalar(kind: str, text: str) -> Value:
    """Read the text of a type that holds no others.

    Raises:
        ElementError: it is not what the type holds.
    """
    return _SCALARS[kind](text)


def only_child(element: Element) -> Element:
    """Return the one element that stands inside, with nothing but white space around it.

    Raises:
        ElementError: there is none, another, or text.
    """
    if len(element) != 1:
        raise ElementError(f"<{_name(element)}> holds {len(element)} elements; it holds exactly one")
    child = element[0]
    if element.text or child.tail:
        check_blank(element, element.text, child.tail)
    return child


def leaf_text(element: Element) -> str:
    """Return the text of an element that holds no other.

    Raises:
        ElementError: it holds one.
    """
    if len(element):
        raise ElementError(f"<{_name(element)}> holds <{_name(element[0])}>; it holds text only")
    return element.text or ""


def check_blank(element: Element, *texts: str | None) -> None:
    """Check that nothing but white space stands between the elements inside of one.

    Raises:
        ElementError: there is text.
    """
    for text in texts:
        if text and not text.isspace():
            raise ElementError(f"<{_name(element)}> holds the text {quote(text.strip())} beside its elements")


def expect(element: Element, tag: str) -> Element:
    """Return the element if its tag is the one named.

    Raises:
        ElementError: it is another.
    """
    if element.tag != tag:
        raise ElementError(f"<{_name(element)}> stands where <{tag}> is expected")
    return element


def _name(element: Element) -> str:
    return quote(element.tag)[1:-1]


def _decode_array(array: Element, depth: int) -> list[Value]:
    _check_depth(depth)
    data = expect(only_child(array), "data")
    check_blank(data, data.text)
    items: list[Value] = []
    try:
        for element in data:
            if element.tail:
                check_blank(data, element.tail)
            items.append(decode_value(element, depth))
    except ElementError as error:
        raise error.within(f"[{len(items)}]") from None
    return items


def _decode_struct(struct: Element, depth: int) -> dict[str, Value]:
    """Read a struct; of members of the same name the last one counts, as for Python's xmlrpc.client."""
    _check_depth(depth)
    check_blank(struct, struct.text)
    members: dict[str, Value] = {}
    for position, member in enumerate(struct):
        if member.tag != "member" or len(member) != 2:
            raise ElementError(
                f"<{_name(member)}> number {position + 1} of a struct is not a <member> of one <name> and one <value>"
            )
        label, element = member
        if label.tag == "value":
            label, element = element, label
        name = leaf_text(expect(label, "name"))
        if member.text or label.tail or element.tail or member.tail:
            check_blank(member, member.text, label.tail, element.tail, member.tail)
        try:
            members[name] = decode_value(element, depth)
        except ElementError as error:
            raise error.within(f"[{quote(name)}]") from None
    return members


def _check_depth(depth: int) -> None:
    if depth < 0:
        raise ElementError(f"arrays and structs are nested more than {MAX_DEPTH} deep")


def _int(text: str) -> int:
    if len(text) < _INT64_DIGITS and text.isdecimal() and text.isascii():
        return int(text)
    match = _INT.fullmatch(text)
    number = int(match[1] + match[2]) if match else None
    if number is None or not INT64_MIN <= number <= INT64_MAX:
        raise ElementError(f"{quote(text)} is no integer of 64 bits; write decimal digits, with a sign or without")
    return number


def _double(text: str) -> float:
    if not _DOUBLE.fullmatch(text):
        raise ElementError(f"{quote(text)} is no double; write a decimal number, inf or nan")
    return float(text)


def _boolean(text: str) -> bool:
    truth = _BOOLEANS.get(text.strip().lower())
    if truth is None:
        raise ElementError(f"{quote(text)} is no boolean; write 1 or 0")
    return truth


def _base64(text: str) -> bytes:
    try:
        # A character that is not ASCII becomes "?", which is not base64 either.
        packed = text.encode("ascii", "replace").translate(None, b" \t\r\n")
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError as error:
        raise ElementError(f"the text is no base64 ({error}); use the standard alphabet with its padding") from None


def _nil(text: str) -> None:
    if text and not text.isspace():
        raise ElementError(f"<nil/> holds the text {quote(text)}; it holds nothing")


_SCALARS: dict[str, Callable[[str], Value]] = {
    "string": str,
    "int": _int,
    "i1": _int,
    "i2": _int,
    "i4": _int,
    "i8": _int,
    "boolean": _boolean,
    "double": _double,
    "float": _double,
    "dateTime.iso8601": DateTime,
    "base64": _base64,
    "nil": _nil,
}
# Apache's prefix for the types that XML-RPC lacks; declared or not, as Python's xmlrpc.client takes it.
_SCALARS.update({f"ex:{kind}": _SCALARS[kind] for kind in ("i1", "i2", "i8", "float", "nil")})
_TYPES = ("string", "int", "i4", "i8", "boolean", "double", "dateTime.iso8601", "base64", "nil", "array", "struct")
