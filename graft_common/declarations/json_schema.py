"""JSON Schema (2020-12) for what methods take and answer in JSON; see `json_form` for the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from graft_common.declarations.conversion import Converters, MisfitError
from graft_common.declarations.json_form import JsonWriters
from graft_common.declarations.literals import LiteralError
from graft_common.declarations.model import EnumDeclaration, Field, Lifecycle, Method, Param, Record, State, Types
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
from graft_common.values import INT64_MAX, INT64_MIN

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFINITIONS = "#/$defs/"
NOTHING: Mapping[str, str] = {"type": "null"}

_SCALARS: Mapping[str, Schema] = {
    "string": {"type": "string"},
    "int": {"type": "integer", "format": "int64", "minimum": INT64_MIN, "maximum": INT64_MAX},
    "float": {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
}
_KEYS: Mapping[str, Schema] = {
    "int": {"pattern": "^-?[0-9]+$"},
    "bool": {"enum": ["true", "false"]},
}


class Schemas:
    """Makes the schemas of types, and gathers the enums and records that they refer to.

    Args:
        types: all enums and records that types may name.
        place: where the definitions will stand in the document.
    """

    def __init__(self, types: Types, place: str = DEFINITIONS) -> None:
        self._types = types
        self._place = place
        self._converters = Converters(types)
        self._writers = JsonWriters(types)
        self._enums: dict[str, None] = {}
        self._records: dict[str, None] = {}

    def of(self, kind: Type) -> Schema:
        """Return the schema of a type."""
        match kind:
            case Scalar():
                return dict(_SCALARS[kind.name])
            case RefType():
                return {"type": "string", "title": str(kind)}
            case EnumType() if kind.name in self._types.enums:
                self._enums[kind.name] = None
                return {"$ref": self._place + kind.name}
            case RecordType() if kind.name in self._types.records:
                self._records[kind.name] = None
                return {"$ref": self._place + self._record_key(kind.name)}
            case SetType():
                return {"type": "array", "items": self.of(kind.of)}
            case MapType():
                return {"type": "object", **self._names(kind.key), "additionalProperties": self.of(kind.value)}
            case OptionType(of=OptionType() | DescribedType()):
                return {"type": "array", "items": self.of(kind.of), "maxItems": 1}
            case OptionType():
                return _or_null(self.of(kind.of))
            case DescribedType():
                return {"description": kind.words}
            case _:
                return {}

    def arguments(self, method: Method) -> Schema:
        """Return the schema of arguments by name."""
        shown: Schema = {
            "type": "object",
            "properties": {param.name: self._param(param) for param in method.params},
            "additionalProperties": False,
        }
        if required := [param.name for param in method.params if param.required]:
            shown["required"] = required
        return shown

    def places(self, method: Method) -> Schema:
        """Return the schema of arguments by place."""
        shown: Schema = {"type": "array", "maxItems": len(method.params)}
        if method.params:
            shown["prefixItems"] = [{"title": param.name, **self.of(param.type)} for param in method.params]
        if required := sum(param.required for param in method.params):
            shown["minItems"] = required
        return shown

    def result(self, method: Method) -> Schema:
        """Return the schema of the result."""
        if method.result is None:
            return dict(NOTHING)
        return _described(self.of(method.result.type), method.result.doc)

    def definitions(self) -> dict[str, Schema]:
        """Return what the schemas refer to, by name; records refer to others, or to themselves."""
        made: dict[str, Schema] = {}
        while waiting := [name for name in self._records if self._record_key(name) not in made]:
            for name in waiting:
                key = self._record_key(name)
                made[key] = {}
                made[key] = self._record(self._types.records[name])
        made |= {name: _enum(self._types.enums[name]) for name in self._enums}
        return dict(sorted(made.items()))

    def example(self, literal: str, kind: Type) -> object:
        """Return a literal of a type as it is in JSON.

        Raises:
            LookupError, LiteralError, MisfitError: it is none, which `rules` keeps from happening.
        """
        return self._writers.of(kind)(self._converters.default(literal, kind))

    def _param(self, param: Param) -> Schema:
        doc = "\n\n".join(filter(None, [param.doc, f"Since release {param.since}." if param.since else ""]))
        return self._member(param.type, doc, param.default, secret=param.secret)

    def _record(self, record: Record) -> Schema:
        shown: Schema = {"type": "object", "properties": {field.name: self._field(field) for field in record.fields}}
        required = [
            field.name
            for field in record.fields
            if field.default is None and not isinstance(field.type, OptionType | DescribedType)
        ]
        if required:
            shown["required"] = required
        return _described(shown, record.doc)

    def _field(self, field: Field) -> Schema:
        shown = self._member(field.type, field.doc, field.default, secret=field.secret)
        return {**shown, "deprecated": True} if is_deprecated(field.lifecycle) else shown

    def _member(self, kind: Type, doc: str, default: str | None, *, secret: bool) -> Schema:
        shown = _described(self.of(kind), doc)
        if secret:
            return {**shown, "writeOnly": True}
        if default is not None:
            try:
                shown["default"] = self.example(default, kind)
            except (LookupError, LiteralError, MisfitError):
                return shown
        return shown

    def _record_key(self, name: str) -> str:
        # A dot stands in no name.
        return f"{name}.record" if name in self._types.enums else name

    def _names(self, key: Type) -> Schema:
        if isinstance(key, EnumType):
            return {"propertyNames": self.of(key)}
        names = _KEYS.get(key.name) if isinstance(key, Scalar) else None
        return {"propertyNames": names} if names else {}


def arguments_schema(method: Method, types: Types) -> Schema:
    """Return the schema of a method's arguments by name, whole in itself."""
    schemas = Schemas(types)
    return _whole(schemas.arguments(method), schemas)


def result_schema(method: Method, types: Types) -> Schema:
    """Return the schema of a method's result, whole in itself."""
    schemas = Schemas(types)
    return _whole(schemas.result(method), schemas)


def is_deprecated(lifecycle: Lifecycle) -> bool:
    """Tell whether a thing should not be used any more."""
    return lifecycle.state in {State.DEPRECATED, State.REMOVED}


def _whole(schema: Schema, schemas: Schemas) -> Schema:
    definitions = schemas.definitions()
    return {"$schema": DIALECT, **schema, **({"$defs": definitions} if definitions else {})}


def _or_null(schema: Schema) -> Schema:
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, dict(NOTHING)]}


def _enum(declared: EnumDeclaration) -> Schema:
    shown: Schema = {"type": "string", "enum": [value.name for value in declared.values]}
    return _described(shown, "\n".join(_told(declared)))


def _told(declared: EnumDeclaration) -> Iterator[str]:
    if declared.doc:
        yield declared.doc
        yield ""
    for value in declared.values:
        if value.doc:
            yield f"- `{value.name}`: {value.doc}"


def _described(schema: Schema, doc: str) -> Schema:
    """Add a description, behind the one of a type that is only told in words."""
    texts = [text for text in (doc, schema.get("description", "")) if text]
    return {**schema, "description": "\n\n".join(texts)} if texts else schema
