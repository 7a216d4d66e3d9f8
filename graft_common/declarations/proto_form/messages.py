"""Values of calls as messages, and back, by declared type.

Reading gives what the message says; whether that fits is for `checking` to tell. So what no value of the type can be is
given as something that the checks refuse: the unknown number of an enum's value as its digits, and nil for a value that
is unspecified, or for a message that should be there and is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from google.protobuf.message import Message

from graft_common.declarations.model import Types
from graft_common.declarations.proto_form.slots import Label, Slot, is_message, key_scalar, record_slots, wrapped_slot
from graft_common.declarations.types import (
    BOOL,
    DATETIME,
    INT,
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    Type,
)
from graft_common.values import DateTime, Value

MAX_DEPTH = 100
"""How many messages may stand one within the other: more are not read by most implementations of Protocol Buffers."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")

Read: TypeAlias = Callable[[Any], Value]
Fill: TypeAlias = Callable[[Any, Any, int], None]
"""Fills a message with a value; the number is how many messages may still stand within it."""


class TooDeepError(ValueError):
    """A value nests deeper than messages do."""


@dataclass(frozen=True, slots=True)
class _Element:
    """How one value stands in a message: as what is assigned, or as a message of its own that is filled."""

    read: Read
    plain: Callable[[Any], Any] | None = None
    fill: Fill | None = None


class Fields:
    """The fields of one kind of message.

    Args:
        slots: what they hold.
        descriptor: the message's.
        forms: makes what the fields need.
    """

    def __init__(self, slots: Sequence[Slot], descriptor: Any, forms: Forms) -> None:
        self._fields = [_FieldForm(slot, descriptor.fields_by_number[slot.number], forms) for slot in slots]

    def read(self, message: Message) -> dict[str, Value]:
        """Return by declared names what is there; what a message leaves out that can be left out has no entry."""
        taken: dict[str, Value] = {}
        for field in self._fields:
            if field.is_there(message):
                taken[field.slot.name] = field.read(message)
        return taken

    def write(self, message: Message, values: dict[str, Value], depth: int = MAX_DEPTH) -> None:
        """Put values into a message; names that have no field are left out.

        Raises:
            TooDeepError: they nest too deeply.
        """
        for field in self._fields:
            if field.slot.name in values:
                field.write(message, values[field.slot.name], depth)


class Forms:
    """Makes the forms of elements, each record's once.

    Args:
        types: the enums and records that types may name.
    """

    def __init__(self, types: Types) -> None:
        self._types = types
        self._records: dict[str, Fields] = {}

    def element(self, kind: Type, field: Any) -> _Element:
        """Return how values of a type stand in a field.

        Raises:
            LookupError: the type names what is not declared.
        """
        inner = wrapped_slot(kind)
        if inner is not None:
            return _wrapped(Fields([inner], field.message_type, self), inner)
        match kind:
            case RecordType(name):
                return self._record(name, field.message_type)
            case EnumType(name):
                return _enum([value.name for value in self._types.enums[name].values])
            case DescribedType():
                return _Element(_read_any, fill=_fill_any)
        if kind == DATETIME:
            return _Element(_read_time, fill=_fill_time)
        return _Element(_same)

    def _record(self, name: str, descriptor: Any) -> _Element:
        declared = self._types.records[name]

        def fields() -> Fields:
            # Made when first used: a record may hold itself.
            if name not in self._records:
                self._records[name] = Fields(record_slots(declared), descriptor, self)
            return self._records[name]

        def read(message: Any) -> Value:
            return fields().read(message)

        def fill(message: Any, value: Any, depth: int) -> None:
            fields().write(message, value, depth)

        return _Element(read, fill=fill)


class _FieldForm:
    """One field."""

    def __init__(self, slot: Slot, field: Any, forms: Forms) -> None:
        self.slot = slot
        self._name = field.name
        entry = field.message_type.fields_by_name if slot.label is Label.MAP else None
        element = forms.element(slot.element, field if entry is None else entry["value"])
        self._is_option = isinstance(slot.type, OptionType) and not slot.omittable
        self.is_there: Callable[[Message], bool] = _always
        if slot.label is Label.PRESENT or is_message(slot.element):
            self.is_there = self._has
        elif isinstance(slot.element, EnumType):
            self.is_there = self._is_set
        match slot.label:
            case Label.REPEATED:
                self.is_there = _always
                self.read, self.write = self._repeated(element)
            case Label.MAP:
                self.is_there = _always
                self.read, self.write = self._map(element)
            case _:
                self.read, self.write = self._single(element)

    def _has(self, message: Message) -> bool:
        return message.HasField(self._name)

    def _is_set(self, message: Message) -> bool:
        return bool(getattr(message, self._name))

    def _single(self, element: _Element) -> tuple[Read, Fill]:
        name, is_option, fill = self._name, self._is_option, element.fill

        def read(message: Any) -> Value:
            value = element.read(getattr(message, name))
            return [value] if is_option else value

        def write(message: Any, value: Any, depth: int) -> None:
            if is_option:
                if not value:
                    return
                value = value[0]
            if fill is None:
                setattr(message, name, value if element.plain is None else element.plain(value))
                return
            part = getattr(message, name)
            part.SetInParent()
            fill(part, value, _deeper(depth))

        return read, write

    def _repeated(self, element: _Element) -> tuple[Read, Fill]:
        name, fill = self._name, element.fill

        def read(message: Any) -> Value:
            return [element.read(item) for item in getattr(message, name)]

        def write(message: Any, value: Any, depth: int) -> None:
            items = getattr(message, name)
            if fill is None:
                items.extend(value if element.plain is None else map(element.plain, value))
                return
            for item in value:
                fill(items.add(), item, _deeper(depth))

        return read, write

    def _map(self, element: _Element) -> tuple[Read, Fill]:
        name, fill = self._name, element.fill
        assert isinstance(self.slot.type, MapType)  # noqa: S101 - only maps have the label
        read_key, write_key = _KEYS.get(str(key_scalar(self.slot.type.key)), (_same, _same))

        def read(message: Any) -> Value:
            return {read_key(key): element.read(item) for key, item in getattr(message, name).items()}

        def write(message: Any, value: Any, depth: int) -> None:
            entries = getattr(message, name)
            for key, item in value.items():
                if fill is None:
                    entries[write_key(key)] = item if element.plain is None else element.plain(item)
                else:
                    fill(entries[write_key(key)], item, _deeper(depth, 2))

        return read, write


def _always(_message: Message) -> bool:
    return True


def _same(value: Any) -> Any:
    return value


def _deeper(depth: int, by: int = 1) -> int:
    if depth < by:
        raise TooDeepError(f"it nests more than {MAX_DEPTH} messages deep")
    return depth - by


_KEYS: dict[str, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    str(INT): (str, int),
    str(BOOL): (lambda key: "true" if key else "false", lambda key: key == "true"),
}


def _wrapped(fields: Fields, slot: Slot) -> _Element:
    """Return the form of a set, map or option that has a message of its own."""

    def read(message: Any) -> Value:
        return fields.read(message).get(slot.name, [])

    def fill(message: Any, value: Any, depth: int) -> None:
        fields.write(message, {slot.name: value}, depth)

    return _Element(read, fill=fill)


def _enum(names: Sequence[str]) -> _Element:
    numbers = {name: number for number, name in enumerate(names, 1)}

    def read(number: Any) -> Value:
        if number == 0:
            return None
        return names[number - 1] if 0 < number <= len(names) else str(number)

    return _Element(read, plain=numbers.__getitem__)


def _read_time(message: Any) -> Value:
    try:
        time = _EPOCH + timedelta(seconds=message.seconds)
    except OverflowError:
        return DateTime(f"{message.seconds} s")
    if not 0 <= message.nanos < 10**9:
        return DateTime(f"{message.nanos} ns")
    fraction = f".{message.nanos:09}".rstrip("0") if message.nanos else ""
    return DateTime(f"{time.year:04}{time:%m%dT%H:%M:%S}{fraction}Z")


def _fill_time(message: Any, value: Any, _depth: int) -> None:
    match = _TIME.fullmatch(value.text)
    if match is None:
        raise ValueError(f"{value.text!r} is no date as checks leave them")
    *parts, fraction = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    message.seconds = (time - _EPOCH) // timedelta(seconds=1)
    message.nanos = int((fraction or "").ljust(9, "0"))


def _read_any(message: Any) -> Value:
    kind = message.WhichOneof("kind")
    if kind is None:
        return None
    value: Any = getattr(message, kind)
    match kind:
        case "datetime_value":
            return DateTime(value)
        case "array_value":
            return [_read_any(item) for item in value.items]
        case "struct_value":
            return {name: _read_any(item) for name, item in value.members.items()}
    read: Value = value
    return read


def _fill_any(message: Any, value: Any, depth: int) -> None:
    if isinstance(value, list):
        message.array_value.SetInParent()
        for item in value:
            _fill_any(message.array_value.items.add(), item, _deeper(depth, 2))
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        for name, item in value.items():
            _fill_any(message.struct_value.members[name], item, _deeper(depth, 3))
    elif isinstance(value, DateTime):
        message.datetime_value = value.text
    elif value is not None:
        setattr(message, _KINDS[type(value)], value)


_KINDS = {
    bool: "bool_value",
    int: "int_value",
    float: "float_value",
    str: "string_value",
    bytes: "binary_value",
}
