"""The types of an API as C has them: a name, a C type and three functions for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

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
from graft_sdk.naming import Scope, Style, snake
from graft_sdk.view import ApiView, EnumView, RecordView, boxed

_SCALARS = {
    "string": "char *",
    "int": "int64_t ",
    "float": "double ",
    "bool": "bool ",
    "datetime": "graft_datetime ",
}


@dataclass(frozen=True)
class Shape:
    """A type that is made for an API: a set, a map or an option."""

    name: str
    """Unique among the API's types, without the package."""
    type: SetType | MapType | OptionType


class Shapes:
    """Names every type of an API."""

    def __init__(self, api: ApiView, style: Style) -> None:
        self._api = api
        types = [enum.ident for enum in api.enums] + [record.ident for record in api.records]
        types += [error.ident for error in api.errors]
        taken = {pattern.format(name) for name in types for pattern in ("{}", *style.type_forms)}
        for class_ in api.classes:
            for method in class_.methods:
                taken |= {method.ident, *method.forms.values()}
        self._scope = Scope(style, snake, taken, style.type_forms)
        self._names: dict[str, str] = {}
        self._shapes: dict[str, Shape] = {}
        for kind in self._used():
            self.name(kind)

    @property
    def made(self) -> Sequence[Shape]:
        """The sets, maps and options."""
        return tuple(self._shapes.values())

    @cached_property
    def structs(self) -> Sequence[Shape]:
        """Those that are structs of their own: options are pointers."""
        return tuple(shape for shape in self.made if not is_pointer(shape.type))

    @cached_property
    def records(self) -> Sequence[RecordView]:
        """The records, each behind those that it holds."""
        ordered: dict[str, RecordView] = {}

        def add(record: RecordView) -> None:
            for field in record.fields:
                if isinstance(field.type, RecordType) and field.type.name not in ordered:
                    add(self._api.record(field.type.name))
            ordered[record.name] = record

        for record in self._api.records:
            if record.name not in ordered:
                add(record)
        return tuple(ordered.values())

    def name(self, kind: Type) -> str:
        """Return what the functions of a type are called after."""
        match kind:
            case Scalar():
                return kind.name
            case EnumType() | RefType():
                return "string"
            case DescribedType():
                return "json"
            case RecordType():
                return self._api.record(kind.name).ident
            case SetType() | MapType() | OptionType():
                return self._shape(kind)

    def c_type(self, kind: Type) -> str:
        """Write the type of a variable, so that its name can follow."""
        match kind:
            case Scalar():
                return _SCALARS[kind.name]
            case EnumType() | RefType():
                return "char *"
            case DescribedType():
                return "graft_json *"
            case OptionType() if is_pointer(kind):
                return "char *" if is_text(kind.of) else f"{self.c_type(kind.of).rstrip()} *".replace("* *", "**")
            case _:
                return f"{self._api.package}_{self.name(kind)} "

    def c_given(self, kind: Type) -> str:
        """Write the type of a parameter, so that its name can follow."""
        if isinstance(kind, Scalar) and not is_text(kind):
            return self.c_type(kind)
        if isinstance(kind, DescribedType) or is_text(kind) or is_pointer(kind):
            return f"const {self.c_type(kind)}"
        return f"const {self.c_type(kind)}*"

    def function(self, what: str, kind: Type) -> str:
        """Name one of the functions of a type: `put`, `get` or `free`."""
        name = self.name(kind)
        if isinstance(kind, Scalar | EnumType | RefType | DescribedType):
            return f"graft_{what}_{name}"
        return f"{self._api.package}_{name}_free" if what == "free" else f"{what}_{name}"

    def key_function(self, what: str, kind: Type) -> str:
        """Name the function of a map's keys."""
        name = self.name(kind)
        if what == "put" and name in {"string", "datetime"}:
            return f"graft_put_{name}"
        return f"graft_{what}_{name}_key"

    def holds(self, kind: Type) -> bool:
        """Tell whether a value has something to be freed."""
        return not (isinstance(kind, Scalar) and kind.name != "string")

    def _shape(self, kind: SetType | MapType | OptionType) -> str:
        match kind:
            case MapType():
                wanted = f"{self.name(kind.key)}_to_{self.name(kind.value)}_map"
            case OptionType() if is_pointer(kind):
                wanted = f"{self.name(kind.of)}_option"
            case _:
                # An option of options is a set of at most one.
                wanted = f"{self.name(kind.of)}_set"
        if wanted not in self._names:
            self._names[wanted] = self._scope.name(wanted)
            self._shapes[wanted] = Shape(self._names[wanted], kind)
        return self._names[wanted]

    def _used(self) -> Iterator[Type]:
        for record in self._api.records:
            for field in record.fields:
                yield field.type
        for class_ in self._api.classes:
            for method in class_.methods:
                yield from (param.type for param in method.params)
                if method.result is not None:
                    yield method.result.type


def is_pointer(kind: Type) -> bool:
    """Tell whether a type is an option, for which NULL is none."""
    return isinstance(kind, OptionType) and not boxed(kind)


def is_text(kind: Type) -> bool:
    """Tell whether a type is `char *`."""
    return isinstance(kind, EnumType | RefType) or (isinstance(kind, Scalar) and kind.name == "string")


def enum_values(enum: EnumView, style: Style) -> list[str]:
    """Return the names of an enum's values behind the enum's own."""
    scope = Scope(style, style.values, {"UNKNOWN"})
    return [scope.name(value.name) for value in enum.values]
