"""Types and values as Rust writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from graft_common.declarations.literals import read_literal
from graft_common.declarations.scalars import utc_time
from graft_common.declarations.types import (
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    Scalar,
    SetType,
    Type,
)
from graft_common.values import DateTime, Value
from graft_sdk.view import ApiView, FieldView, RecordView, leads_to

_SCALARS = {"string": "String", "int": "i64", "float": "f64", "bool": "bool", "datetime": "DateTime"}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def string(text: str) -> str:
    """Write a literal of text."""
    return f'"{"".join(_character(char) for char in text)}"'


def _character(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def owned(kind: Type, api: ApiView, record: str = "") -> str:
    """Write a type; one that leads to the record that holds it is boxed."""
    match kind:
        case Scalar():
            return _SCALARS[kind.name]
        case EnumType():
            return api.enum(kind.name).ident
        case RefType():
            return api.ref(kind.class_name).ident
        case RecordType():
            ident = api.record(kind.name).ident
            return f"Box<{ident}>" if record and leads_to(kind, record, api) else ident
        case SetType():
            return f"Vec<{owned(kind.of, api)}>"
        case MapType():
            key = "FloatKey" if kind.key == Scalar("float") else owned(kind.key, api)
            return f"BTreeMap<{key}, {owned(kind.value, api)}>"
        case OptionType():
            return f"Option<{owned(kind.of, api, record)}>"
        case DescribedType():
            return "Json"


def given(kind: Type, api: ApiView) -> str:
    """Write the type of a parameter."""
    match kind:
        case Scalar(name="string"):
            return "&str"
        case Scalar():
            return _SCALARS[kind.name]
        case SetType():
            return f"&[{owned(kind.of, api)}]"
        case OptionType():
            return f"Option<{given(kind.of, api)}>"
    return f"&{owned(kind, api)}"


def field_type(field: FieldView, record: RecordView, api: ApiView) -> str:
    """Write the type of a field."""
    written = owned(field.type, api, record.name)
    return f"Option<{written}>" if _is_endless(field, record, api) else written


def field_kind(field: FieldView, record: RecordView, api: ApiView) -> str:
    """Write whether a field has to be there, or what it is where it is not."""
    if field.default is not None:
        return f"{{{Literals(api).owned(read_literal(field.default, field.type), field.type, record.name)}}}"
    return "optional" if field.optional or _is_endless(field, record, api) else "required"


def _is_endless(field: FieldView, record: RecordView, api: ApiView) -> bool:
    """Tell whether a record that has the field would hold another of its own kind without end."""
    return isinstance(field.type, RecordType) and not field.optional and _holds(field.type, record.name, api, set())


def _holds(kind: Type, record: str, api: ApiView, seen: set[str]) -> bool:
    if not isinstance(kind, RecordType) or kind.name in seen:
        return False
    seen.add(kind.name)
    fields = api.record(kind.name).fields
    return kind.name == record or any(_holds(item.type, record, api, seen) for item in fields if not item.optional)


def names_types(kind: Type) -> bool:
    """Tell whether a type has a part that the declarations name."""
    match kind:
        case EnumType() | RefType() | RecordType():
            return True
        case SetType() | OptionType():
            return names_types(kind.of)
        case MapType():
            return names_types(kind.key) or names_types(kind.value)
    return False


@dataclass(frozen=True)
class Literals:
    """Writes values."""

    api: ApiView
    parsing: str = "moment({})"
    """How a point in time is written: by what the crate itself has, or another form."""

    def given(self, value: Value, kind: Type) -> str:
        """Write a value as the argument for a parameter."""
        match kind, value:
            case Scalar(name="string"), str():
                return string(value)
            case Scalar(), _:
                return self.owned(value, kind)
            case SetType(), list():
                return f"&[{', '.join(self.owned(item, kind.of) for item in value)}]"
            case OptionType(), list():
                return f"Some({self.given(value[0], kind.of)})" if value else "None"
        return f"&{self.owned(value, kind)}"

    def owned(self, value: Value, kind: Type, record: str = "") -> str:  # noqa: C901 - one case for each type
        """Write a value of a type; in a record what is boxed there."""
        match kind, value:
            case Scalar(name="datetime"), DateTime() | str():
                return self.parsing.format(string(_time(value.text if isinstance(value, DateTime) else value)))
            case Scalar(name="float"), float() | int() | str():
                return _float(float(value))
            case EnumType(), str():
                enum = self.api.enum(kind.name)
                ident = next((item.ident for item in enum.values if item.name == value), None)
                return f"{enum.ident}::{ident}" if ident else f"{enum.ident}::from({string(value)})"
            case RefType(), str():
                return f"{owned(kind, self.api)}::from({string(value)})"
            case RecordType(), dict():
                return self._record(value, kind, record)
            case SetType(), list():
                return f"vec![{', '.join(self.owned(item, kind.of) for item in value)}]" if value else "Vec::new()"
            case OptionType(), list():
                return f"Some({self.owned(value[0], kind.of, record)})" if value else "None"
            case MapType(), dict():
                pairs = (f"({self._key(key, kind.key)}, {self.owned(item, kind.value)})" for key, item in value.items())
                return f"BTreeMap::from([{', '.join(pairs)}])" if value else "BTreeMap::new()"
            case DescribedType(), _:
                return self._json(value)
            case _, str():
                return f"String::from({string(value)})" if value else "String::new()"
            case _, bool():
                return "true" if value else "false"
        return str(value)

    def _record(self, value: dict[str, Value], kind: RecordType, outer: str) -> str:
        record = self.api.record(kind.name)
        members = []
        for field in record.fields:
            if field.name in value:
                shown = self.owned(value[field.name], field.type, record.name)
                members.append(f"{field.ident}: {f'Some({shown})' if _is_endless(field, record, self.api) else shown}")
        if len(members) < len(record.fields):
            members.append(f"..{record.ident}::default()")
        written = f"{record.ident} {{ {', '.join(members)} }}" if members else f"{record.ident} {{}}"
        return f"Box::new({written})" if outer and leads_to(kind, outer, self.api) else written

    def _key(self, text: str, kind: Type) -> str:
        match kind:
            case Scalar(name="int" | "bool"):
                return text
            case Scalar(name="float"):
                return f"FloatKey({_float(float(text))})"
        return self.owned(text, kind)

    def _json(self, value: Value) -> str:
        match value:
            case None:
                return "Json::Null"
            case bool() | str() | float() | int():
                return f"Json::from({self._plain(value)})"
            case DateTime(text=text):
                return f"Json::from({string(text)})"
            case list():
                return f"Json::Array(vec![{', '.join(self._json(item) for item in value)}])"
            case dict():
                pairs = (f"(String::from({string(key)}), {self._json(item)})" for key, item in value.items())
                return f"Json::Object(BTreeMap::from([{', '.join(pairs)}]))"
        return "Json::Null"

    @staticmethod
    def _plain(value: bool | str | float) -> str:
        if isinstance(value, str):
            return string(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return _float(value) if isinstance(value, float) else f"{value}_i64"

    def names(self, value: Value, kind: Type) -> Iterator[str]:
        """Name the types that a value needs from the crate."""
        match kind, value:
            case Scalar(name="datetime"), _:
                yield "DateTime"
            case EnumType() | RefType(), _:
                yield owned(kind, self.api)
            case RecordType(), dict():
                record = self.api.record(kind.name)
                yield record.ident
                for field in record.fields:
                    if field.name in value:
                        yield from self.names(value[field.name], field.type)
            case SetType() | OptionType(), list():
                for item in value:
                    yield from self.names(item, kind.of)
            case MapType(), dict():
                yield from self._map_names(value, kind)
            case DescribedType(), _:
                yield "Json"

    def _map_names(self, value: dict[str, Value], kind: MapType) -> Iterator[str]:
        for key, item in value.items():
            yield from ["FloatKey"] if kind.key == Scalar("float") else self.names(key, kind.key)
            yield from self.names(item, kind.value)


def _time(text: str) -> str:
    """Write a point in time as RFC 3339; one that is none as the beginning of 1970."""
    found = utc_time(text)
    return f"{found[:4]}-{found[4:6]}-{found[6:]}" if found else "1970-01-01T00:00:00Z"


def _float(value: float) -> str:
    if math.isnan(value):
        return "f64::NAN"
    if math.isinf(value):
        return "f64::INFINITY" if value > 0 else "f64::NEG_INFINITY"
    return repr(value)
