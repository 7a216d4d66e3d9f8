"""Declarations as bytes for this code's own use, such as a cache: read again in a tenth of the time that XML takes.

Each value is an array of its fields in their order, with nothing in place of defaults, and a type is its text. Another
version of this code may write it otherwise: `mark` tells versions apart.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from graft_common.declarations.types import Type, parse_type

T = TypeVar("T")

_Pack: TypeAlias = Callable[[Any], Any]


def pack(value: object) -> bytes:
    """Write a value made of frozen dataclasses, such as a `Document`."""
    kind: Any = type(value)
    return msgspec.msgpack.encode(_packer(kind)(value))


def unpack(kind: type[T], data: bytes) -> T:
    """Read a value that `pack` has written.

    Raises:
        ValueError: the bytes are not that.
    """
    try:
        hint: Any = kind
        value: T = _unpacker(hint)(msgspec.msgpack.decode(data))
    except (msgspec.DecodeError, TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"no {kind.__name__} of this version: {error}") from error
    return value


@cache
def mark() -> bytes:
    """Return a digest of the code by which declarations are read and understood."""
    here = Path(__file__).parent
    parts = sorted(path for kind in ("py", "xml", "xsd") for path in here.glob(f"*.{kind}"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in parts)).digest()


def _same(value: Any) -> Any:
    return value


@cache
def _packer(hint: Any) -> _Pack:
    return _Making(packing=True).of(hint)


@cache
def _unpacker(hint: Any) -> _Pack:
    return _Making(packing=False).of(hint)


class _Making:
    """Makes the functions for one direction, those of each class once."""

    def __init__(self, *, packing: bool) -> None:
        self.packing = packing
        self.type_texts: dict[str, Type] = {}

    def of(self, hint: Any) -> _Pack:
        origin, arguments = get_origin(hint), get_args(hint)
        if hint == Type:
            return str if self.packing else self._type
        if origin in (Union, UnionType):
            [inner] = [argument for argument in arguments if argument is not type(None)]
            item = self.of(inner)
            return lambda value: None if value is None else item(value)
        if origin is tuple and arguments[-1] is ...:
            item = self.of(arguments[0])
            if item is _same:
                return list if self.packing else tuple
            if self.packing:
                return lambda value: [item(part) for part in value]
            return lambda value: tuple([item(part) for part in value])
        if origin is dict:
            item = self.of(arguments[1])
            return lambda value: {key: item(part) for key, part in value.items()}
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self._dataclass(hint)
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return (lambda value: value.value) if self.packing else hint
        if origin is Literal or hint in (str, int, float, bool):
            return _same
        raise TypeError(f"{hint} cannot be packed")

    def _type(self, text: str) -> Type:
        found = self.type_texts.get(text)
        if found is None:
            found = self.type_texts[text] = parse_type(text)
        return found

    def _dataclass(self, kind: type) -> _Pack:
        hints = get_type_hints(kind)
        parts = [(part.name, self.of(hints[part.name]), _default(part)) for part in dataclasses.fields(kind)]
        if self.packing:
            return lambda value: _packed(value, parts)
        known = [(item, default) for _, item, default in parts]

        def made(packed: Any) -> Any:
            if len(packed) > len(known):
                raise ValueError(f"{kind.__name__} has fewer fields")
            return kind(
                *[
                    default if part is None else part if item is _same else item(part)
                    for part, (item, default) in zip(packed, known, strict=False)
                ]
            )

        return made


def _packed(value: Any, parts: list[tuple[str, _Pack, Any]]) -> list[Any]:
    """Write a value's fields: nothing in place of a default, and none of those at the end."""
    packed = []
    for name, item, default in parts:
        field = getattr(value, name)
        packed.append(None if field == default else item(field))
    while packed and packed[-1] is None:
        packed.pop()
    return packed


def _default(field: dataclasses.Field[Any]) -> Any:
    # What a factory makes may be changed by whoever has it, and is not shared.
    return None if field.default is dataclasses.MISSING else field.default
