"""Fields of Go's structs: their types, and how each is sent and read."""

from __future__ import annotations

from dataclasses import dataclass

from graft_common.declarations.literals import LiteralError, read_literal
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
from graft_sdk.languages.go.names import STYLE, Names, exported
from graft_sdk.naming import Scope
from graft_sdk.view import ApiView, FieldView, MethodView, ParamView, boxed

_SCALARS = {"string": "string", "int": "int64", "float": "float64", "bool": "bool", "datetime": "time.Time"}
_CODECS = {
    "string": "text[string]()",
    "int": "integer()",
    "float": "float()",
    "bool": "boolean()",
    "datetime": "moment()",
}
_KEYS = {
    "string": "textKey[string]()",
    "int": "integerKey()",
    "float": "floatKey()",
    "bool": "booleanKey()",
    "datetime": "momentKey()",
}
_ZEROS = {"string": "", "int": 0, "float": 0.0, "bool": False}


@dataclass(frozen=True)
class TypeNames:
    """What types are called, inside of the package or, with a prefix, outside of it."""

    api: ApiView
    names: Names
    prefix: str = ""

    def type(self, kind: Type) -> str:
        """Write a type."""
        match kind:
            case Scalar():
                return _SCALARS[kind.name]
            case EnumType():
                return self.prefix + self.api.enum(kind.name).ident
            case RefType():
                return self.prefix + self.api.ref(kind.class_name).ident
            case RecordType():
                return self.prefix + self.api.record(kind.name).ident
            case SetType():
                return f"[]{self.type(kind.of)}"
            case MapType():
                return f"map[{self.type(kind.key)}]{self.type(kind.value)}"
            case OptionType():
                return f"{'[]' if boxed(kind) else '*'}{self.type(kind.of)}"
            case DescribedType():
                return "any"

    def codec(self, kind: Type) -> str:
        """Write the codec of a type."""
        match kind:
            case Scalar():
                return _CODECS[kind.name]
            case EnumType() | RefType():
                return f"text[{self.type(kind)}]()"
            case RecordType():
                return f"{codec_name(self.type(kind))}()"
            case SetType():
                return f"setOf({self.codec(kind.of)})"
            case MapType():
                key = _KEYS[kind.key.name] if isinstance(kind.key, Scalar) else f"textKey[{self.type(kind.key)}]()"
                return f"mapOf({key}, {self.codec(kind.value)})"
            case OptionType():
                return f"{'boxOf' if boxed(kind) else 'optionOf'}({self.codec(kind.of)})"
            case DescribedType():
                return "anything()"

    def enum_value(self, enum: str, value: str) -> str | None:
        """Return the constant of an enum's value, if it has one."""
        found = self.names.enum_values.get((enum, value))
        return found and self.prefix + found


def codec_name(ident: str) -> str:
    """Return the function that makes the codec of a record."""
    return f"codec{ident}"


@dataclass(frozen=True)
class Slot:
    """A field of a struct."""

    name: str
    ident: str
    type: str
    doc: str
    secret: bool
    put_codec: str
    get_codec: str
    points: bool
    """It is a pointer to its declared type; nil leaves it out."""
    sent_if: str
    """What sends it: `always`, `pointer` that is not nil, or `not nil`."""
    read_as: str
    """The function that reads it."""
    of: FieldView | ParamView

    def put(self, holder: str, made: str) -> str:
        """Write the statement that sends it."""
        function = "putPointer" if self.sent_if == "pointer" else "put"
        written = f'{function}({made}, "{self.name}", {self.put_codec}, {holder}.{self.ident})'
        if self.sent_if == "not nil":
            return f"if {holder}.{self.ident} != nil {{\n\t{written}\n}}"
        return written

    def get(self, read: str, holder: str) -> str:
        """Write the statement that reads it."""
        return f'{self.read_as}({read}, "{self.name}", {self.get_codec}, &{holder}.{self.ident})'

    def hidden(self, holder: str) -> str:
        """Write what is printed in place of a secret."""
        if self.type.startswith(("*", "[]", "map[")) or self.type == "any":
            return "nil"
        if isinstance(self.of.type, EnumType | RefType) or self.type == "string":
            return f"hidden({holder}.{self.ident})"
        return {"int64": "0", "float64": "0", "bool": "false"}.get(self.type, f"{self.type}{{}}")


def field_slot(field: FieldView, record: str, names: TypeNames) -> Slot:
    """Return the field of a record's struct."""
    kind = field.type
    if not field.optional:
        if isinstance(kind, RecordType) and _holds(kind, record, names.api, set()):
            # Of a record that holds itself, only one that lacks the field has an end.
            return _slot(field, names, points=True, sent_if="pointer", read_as="getPointer")
        return _slot(field, names, points=False, sent_if="always", read_as="get")
    if field.default is None or _is_zero(field.default, kind):
        if isinstance(kind, OptionType) and not boxed(kind):
            return _slot(field, names, points=False, sent_if="pointer", read_as="getIf", put_as=kind.of)
        sent_if = "not nil" if isinstance(kind, DescribedType) else "always"
        return _slot(field, names, points=False, sent_if=sent_if, read_as="getIf")
    return _optional(field, names)


def param_slot(param: ParamView, ident: str, names: TypeNames) -> Slot:
    """Return the field of an options struct; what is nil is left out."""
    return _optional(param, names, ident)


def option_slots(method: MethodView, names: TypeNames) -> list[Slot]:
    """Return the fields of the struct of what may be left out."""
    scope = Scope(STYLE, exported, STYLE.taken_fields)
    idents = scope.all(param.name for param in method.optional)
    return [param_slot(param, idents[param.name], names) for param in method.optional]


def _optional(of: FieldView | ParamView, names: TypeNames, ident: str = "") -> Slot:
    if isinstance(of.type, SetType | MapType | DescribedType) or (isinstance(of.type, OptionType) and boxed(of.type)):
        return _slot(of, names, points=False, sent_if="not nil", read_as="getIf", ident=ident)
    return _slot(of, names, points=True, sent_if="pointer", read_as="getPointer", ident=ident)


def _slot(
    of: FieldView | ParamView,
    names: TypeNames,
    *,
    points: bool,
    sent_if: str,
    read_as: str,
    put_as: Type | None = None,
    ident: str = "",
) -> Slot:
    codec = names.codec(of.type)
    return Slot(
        name=of.name,
        ident=ident or of.ident,
        type=f"{'*' if points else ''}{names.type(of.type)}",
        doc=of.doc,
        secret=of.secret,
        put_codec=codec if put_as is None else names.codec(put_as),
        get_codec=codec,
        points=points,
        sent_if=sent_if,
        read_as=read_as,
        of=of,
    )


def _is_zero(default: str, kind: Type) -> bool:
    """Tell whether a default is what Go gives to a field of which nothing is said."""
    try:
        value = read_literal(default, kind)
    except LiteralError:
        return False
    match kind:
        case Scalar():
            return kind.name in _ZEROS and value == _ZEROS[kind.name] and not str(value).startswith("-")
        case RefType():
            return value == ""
        case SetType() | MapType() | OptionType():
            return not value
    return False


def _holds(kind: Type, record: str, api: ApiView, seen: set[str]) -> bool:
    """Tell whether a struct holds another itself, neither through a pointer nor in a slice."""
    if not isinstance(kind, RecordType) or kind.name in seen:
        return False
    seen.add(kind.name)
    return kind.name == record or any(
        _holds(field.type, record, api, seen) for field in api.record(kind.name).fields if not field.optional
    )
