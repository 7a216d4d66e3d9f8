"""The values that calls carry, and their one encoding between the services.

Every type of XML-RPC stays apart from every other: an integer is no string, a binary no text, a date no string.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
MAX_DEPTH = 64

_DATE_TIME_EXTENSION = 1


@dataclass(frozen=True, slots=True)
class DateTime:
    """XML-RPC's `dateTime.iso8601`: the text exactly as it came, such as `20260101T00:00:00Z`."""

    text: str


Value = None | bool | int | float | str | bytes | DateTime | list["Value"] | dict[str, "Value"]
"""What a parameter or a result is: nil, boolean, int (64 bits), double, string, base64, dateTime, array, struct."""


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


_encoder = msgspec.msgpack.Encoder(enc_hook=_to_extension)
_decoder = msgspec.msgpack.Decoder(ext_hook=_from_extension)


def encode_value(value: Value) -> bytes:
    """Encode one value as MessagePack."""
    return _encoder.encode(value)


def encode_values(values: Sequence[Value]) -> bytes:
    """Encode parameters as one MessagePack array."""
    return _encoder.encode(list(values))


def decode_value(data: bytes) -> Value:
    """Decode one value.

    Raises:
        ValueDecodeError: the bytes are not MessagePack, hold a type that no call carries, or nest too deeply.
    """
    try:
        value: Value = _decoder.decode(data)
    except ValueDecodeError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueDecodeError(f"not a MessagePack value: {error}") from error
    _check(value, MAX_DEPTH)
    return value


def decode_values(data: bytes) -> list[Value]:
    """Decode parameters: one MessagePack array.

    Raises:
        ValueDecodeError: as for `decode_value`, or the value is no array.
    """
    value = decode_value(data)
    if not isinstance(value, list):
        raise ValueDecodeError(f"parameters are one MessagePack array, not {type_name(value)}")
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
    if depth < 0:
        raise ValueDecodeError(f"values nest more than {MAX_DEPTH} deep")
    match value:
        case bool():
            pass
        case int() if not INT64_MIN <= value <= INT64_MAX:
            raise ValueDecodeError(f"integer {value} does not fit into 64 bits")
        case list():
            for item in value:
                _check(item, depth - 1)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise ValueDecodeError(f"struct member names are strings, not {type(key).__name__}")
                _check(item, depth - 1)
        case _:
            pass
