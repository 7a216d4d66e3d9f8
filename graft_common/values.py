"""The values that calls carry, and their one encoding between the services.

Every type of XML-RPC stays apart from every other: an integer is no string, a binary no text, a date no string.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import msgspec

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
MAX_DEPTH = 64

_DATE_TIME_EXTENSION = 1


class DateTime:
    """XML-RPC's `dateTime.iso8601`: the text exactly as it came, such as `20260101T00:00:00Z`.

    Not a dataclass, which msgspec would encode as a struct.
    """

    __slots__ = ("text",)
    __match_args__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DateTime) and self.text == other.text

    def __hash__(self) -> int:
        return hash((DateTime, self.text))

    def __repr__(self) -> str:
        return f"DateTime({self.text!r})"


Value = None | bool | int | float | str | bytes | DateTime | list["Value"] | dict[str, "Value"]
"""What a parameter or a result is: nil, boolean, int (64 bits), double, string, base64, dateTime, array, struct."""


class Prepared(dict[str, Value]):
    """A struct that many are given: whatever is made of it is made once. It is not to be changed.

    To whoever does not know it, it is a struct like any other.
    """

    __slots__ = ("_forms",)
    _forms: dict[object, bytes]

    def made(self, make: Callable[[Prepared], bytes]) -> bytes | None:
        """Return what a function has made of it; None where it was not asked yet."""
        try:
            return self._forms.get(make)
        except AttributeError:
            return None

    def form(self, make: Callable[[Prepared], bytes]) -> bytes:
        """Return what a function makes of it; the function, a lasting one, is asked once."""
        made = self.made(make)
        if made is None:
            made = make(self)
            try:
                self._forms[make] = made
            except AttributeError:
                self._forms = {make: made}
        return made


class ValueEncodeError(ValueError):
    """What should be encoded is no value of a call, though its type might be."""


class ValueDecodeError(ValueError):
    """The bytes are no values in the encoding that the services use."""


def _to_extension(item: object) -> msgspec.msgpack.Ext:
    if isinstance(item, DateTime):
        return msgspec.msgpack.Ext(_DATE_TIME_EXTENSION, item.text.encode())
    raise TypeError(f"{type(item).__name__} is no value of a call")


def _from_extension(code: int, data: memoryview) -> DateTime:
    if code != _DATE_TIME_EXTENSION:
        raise ValueDecodeError(
            f"MessagePack extension type {code} is unknown; only {_DATE_TIME_EXTENSION} (dateTime) is"
        )
    return DateTime(bytes(data).decode())


_SCALARS = frozenset({type(None), bool, float, str, bytes, DateTime})
_encoder = msgspec.msgpack.Encoder(enc_hook=_to_extension)
_decoder = msgspec.msgpack.Decoder(ext_hook=_from_extension)


def encode_value(value: Value) -> bytes:
    """Encode one value as MessagePack.

    Raises:
        TypeError: it, or something inside it, is of a type that no call carries.
        ValueEncodeError: an integer is beyond what MessagePack holds (not every one that it
            holds is decoded: 64 bits with sign are), a string holds half a surrogate pair, or it nests too deeply.
    """
    try:
        return value.form(_encoder.encode) if type(value) is Prepared else _encoder.encode(value)
    except (OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise ValueEncodeError(f"not a value of a call: {error}") from error


def encode_values(values: Sequence[Value]) -> bytes:
    """Encode parameters as one MessagePack array.

    Raises:
        TypeError: as for `encode_value`.
        ValueEncodeError: as for `encode_value`.
    """
    return encode_value(list(values))


def decode_value(data: bytes) -> Value:
    """Decode one value.

    Raises:
        ValueDecodeError: the bytes are not MessagePack, hold a type that no call carries, or nest too deeply.
    """
    value = _decode(data)
    _check(value, MAX_DEPTH)
    return value


def decode_values(data: bytes) -> list[Value]:
    """Decode parameters: one MessagePack array, each item of which may nest as deeply as `decode_value` takes it.

    Raises:
        ValueDecodeError: as for `decode_value`, or the value is no array.
    """
    values = _decode(data)
    if not isinstance(values, list):
        raise ValueDecodeError(f"parameters are one MessagePack array, not {type_name(values)}")
    for value in values:
        _check(value, MAX_DEPTH)
    return values


def _decode(data: bytes) -> Value:
    try:
        value: Value = _decoder.decode(data)
    except ValueDecodeError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueDecodeError(f"not a MessagePack value: {error}") from error
    return value


def type_name(value: Value) -> str:
    """Name a value's type in XML-RPC's own words, for error messages."""
    match value:
        case None:
            return "nil"
        case bool():
            return "boolean"
        case int():
            return "int"
        case float():
            return "double"
        case str():
            return "string"
        case bytes():
            return "base64"
        case DateTime():
            return "dateTime.iso8601"
        case list():
            return "array"
        case _:
            return "struct"


def _check(value: Value, depth: int) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is int:
        if not INT64_MIN <= cast("int", value) <= INT64_MAX:
            raise ValueDecodeError(f"integer {value!r} does not fit into 64 bits")
    elif depth <= 0 and kind in (list, dict):
        raise ValueDecodeError(f"arrays and structs nest more than {MAX_DEPTH} deep")
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueDecodeError(f"struct member names are strings, not {type(key).__name__}")
            _check(item, depth - 1)
    else:
        raise ValueDecodeError(f"{kind.__name__} is no value of a call")
