"""Types in C#'s words, and how they travel."""

from __future__ import annotations

from collections.abc import Mapping

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
from graft_sdk.view import ApiView, RecordView, boxed

_SCALARS = {"string": "string", "int": "long", "float": "double", "bool": "bool", "datetime": "Moment"}
_CODECS = {"string": "String", "int": "Int", "float": "Float", "bool": "Bool", "datetime": "DateTime"}


def type_of(kind: Type, api: ApiView) -> str:
    """Write a type; an option is what null can stand for."""
    match kind:
        case Scalar():
            return _SCALARS[kind.name]
        case EnumType():
            return api.enum(kind.name).ident
        case RefType():
            return api.ref(kind.class_name).ident
        case RecordType():
            return api.record(kind.name).ident
        case SetType():
            return f"List<{type_of(kind.of, api)}>"
        case MapType():
            return f"Dictionary<{type_of(kind.key, api)}, {type_of(kind.value, api)}>"
        case OptionType() if boxed(kind):
            return f"List<{type_of(kind.of, api)}>"
        case OptionType():
            return type_of(kind.of, api) + ("?" if is_value(kind.of) else "")
        case DescribedType():
            return "object"


def codec_of(kind: Type, api: ApiView) -> str:
    """Write what turns a type into JSON and back."""
    match kind:
        case Scalar():
            return f"Codecs.{_CODECS[kind.name]}"
        case EnumType() | RefType() | RecordType():
            # In an expression a property or method of that name would come before the type.
            return f"{qualifier(api)}{type_of(kind, api)}.Codec_"
        case SetType():
            return f"Codecs.Set({codec_of(kind.of, api)})"
        case MapType():
            return f"Codecs.Map({codec_of(kind.key, api)}, {codec_of(kind.value, api)})"
        case OptionType() if boxed(kind):
            return f"Codecs.Box({codec_of(kind.of, api)})"
        case OptionType():
            return f"Codecs.{'OptionalValue' if is_value(kind.of) else 'OptionalObject'}({codec_of(kind.of, api)})"
        case DescribedType():
            return "Codecs.Anything"


def qualifier(api: ApiView) -> str:
    """Write what stands before the name of a type so that it means nothing else."""
    return f"global::{api.package}."


def is_value(kind: Type) -> bool:
    """Tell whether null cannot be among a type's values."""
    return isinstance(kind, EnumType | RefType) or (isinstance(kind, Scalar) and kind.name != "string")


def property_names(record: RecordView) -> Mapping[str, str]:
    """Return what the fields are called: none can be called as its class is."""
    return {field.ident: f"{field.ident}_" if field.ident == record.ident else field.ident for field in record.fields}
