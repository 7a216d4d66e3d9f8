"""How a value of a declared type stands in a field of a message: the rules that descriptors and messages share."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from graft_common.declarations.literals import LiteralError, read_literal
from graft_common.declarations.model import Field, Method, Param, Record
from graft_common.declarations.types import (
    BOOL,
    INT,
    STRING,
    DescribedType,
    MapType,
    OptionType,
    RecordType,
    Scalar,
    SetType,
    Type,
)


class Label(enum.Enum):
    """What a field holds."""

    PLAIN = enum.auto()
    """One element; left out it is 0 or empty, unless it is a message."""
    PRESENT = enum.auto()
    """One element or none."""
    REPEATED = enum.auto()
    MAP = enum.auto()


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a message."""

    number: int
    name: str
    """As declared."""
    type: Type
    omittable: bool = False
    """Whether it may be left out, and that is something else than an empty value."""

    @property
    def label(self) -> Label:
        """What the field holds."""
        if self.omittable:
            return Label.PRESENT
        match self.type:
            case SetType():
                return Label.REPEATED
            case MapType():
                return Label.MAP
            case OptionType():
                return Label.PRESENT
        return Label.PLAIN

    @property
    def element(self) -> Type:
        """The type of what the field holds, once or several times."""
        if self.omittable:
            return self.type
        match self.type:
            case SetType(of) | OptionType(of) | MapType(value=of):
                return of
        return self.type


RESULT = "value"
"""What the field of a response is called."""
_WRAPPED = {SetType: "items", MapType: "entries", OptionType: "value"}


def request_slots(method: Method) -> list[Slot]:
    """Return the fields of a method's request."""
    return [
        Slot(_number(place), param.name, param.type, _omittable(param)) for place, param in enumerate(method.params)
    ]


def response_slots(method: Method) -> list[Slot]:
    """Return the fields of a method's response."""
    return [] if method.result is None else [Slot(1, RESULT, method.result.type)]


def record_slots(record: Record) -> list[Slot]:
    """Return the fields of a record's message."""
    return [
        Slot(_number(place), field.name, field.type, _omittable(field)) for place, field in enumerate(record.fields)
    ]


def wrapped_slot(kind: Type) -> Slot | None:
    """Return the one field of the message that stands for a set, map or option as an element; None for others."""
    name = _WRAPPED.get(type(kind))
    return None if name is None else Slot(1, name, kind)


def is_message(kind: Type) -> bool:
    """Tell whether an element of the type is a message, which is there or not."""
    return isinstance(kind, RecordType | DescribedType | SetType | MapType | OptionType) or kind == Scalar("datetime")


def key_scalar(key: Type) -> Scalar:
    """Return the type that the keys of a map have in messages."""
    return key if isinstance(key, Scalar) and key in (INT, BOOL) else STRING


def named_types(kind: Type) -> Iterator[Type]:
    """Return the types without parts that a type is made of."""
    match kind:
        case SetType(of) | OptionType(of):
            yield from named_types(of)
        case MapType(key, value):
            yield from named_types(key)
            yield from named_types(value)
        case _:
            yield kind


def _number(place: int) -> int:
    """Return the number of a field: its place from 1, past those that Protocol Buffers keep for themselves."""
    number = place + 1
    return number if number < 19_000 else number + 1_000


def _omittable(declared: Param | Field) -> bool:
    if declared.default is None:
        return isinstance(declared, Param) and declared.optional
    if isinstance(declared.type, SetType | MapType | OptionType):
        try:
            return read_literal(declared.default, declared.type) not in ([], {})
        except LiteralError:
            return True
    return True
