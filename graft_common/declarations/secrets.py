"""Declarations without what they say of secrets, so that nothing that is made from them can tell it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from graft_common.declarations.api import Api
from graft_common.declarations.literals import LiteralError, read_literal, write_literal
from graft_common.declarations.model import Document, Example, Field, Method, Param, Types
from graft_common.declarations.types import (
    EnumType,
    MapType,
    OptionType,
    RecordType,
    Scalar,
    SetType,
    Type,
)
from graft_common.values import DateTime, Value

HIDDEN: Final = "(hidden)"
"""In place of a secret text, or of one that cannot be read."""
_MAX_DEPTH: Final = 16
_SCALARS: Final[dict[str, Value]] = {
    "string": HIDDEN,
    "int": 0,
    "float": 0.0,
    "bool": False,
    "datetime": DateTime("1970-01-01T00:00:00Z"),
}


def without_secrets(api: Api) -> Api:
    """Return an api whose secret parameters, fields and results have blank values for defaults and in examples."""
    return Api(_Blanking(api.types).document(api.document), api.origins, api.undeclared)


class _Blanking:
    def __init__(self, types: Types) -> None:
        self._types = types

    def document(self, document: Document) -> Document:
        return replace(
            document,
            classes=tuple(replace(told, fields=self._fields(told.fields)) for told in document.classes),
            records=tuple(replace(told, fields=self._fields(told.fields)) for told in document.records),
            methods=tuple(self._method(method) for method in document.methods),
        )

    def _method(self, method: Method) -> Method:
        params = tuple(self._param(param) for param in method.params)
        examples = tuple(self._example(example, method) for example in method.examples)
        if params == method.params and examples == method.examples:
            return method
        return replace(method, params=params, examples=examples)

    def _fields(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(
            field
            if field.default is None
            else replace(field, default=self._literal(field.default, field.type, secret=field.secret))
            for field in fields
        )

    def _param(self, param: Param) -> Param:
        if param.default is None:
            return param
        return replace(param, default=self._literal(param.default, param.type, secret=param.secret))

    def _example(self, example: Example, method: Method) -> Example:
        params = {param.name: param for param in method.params}
        arguments = tuple(
            replace(
                argument, value=self._literal(argument.value, params[argument.name].type, params[argument.name].secret)
            )
            for argument in example.arguments
            if argument.name in params
        )
        result = example.result
        if result is not None and method.result is not None:
            result = self._literal(result, method.result.type, secret=method.result.secret)
        return replace(example, arguments=arguments, result=result)

    def _literal(self, text: str, kind: Type, secret: bool) -> str:
        if not secret and not self._holds_secrets(kind, frozenset()):
            return text
        try:
            value = read_literal(text, kind)
            return write_literal(self._blank(kind, value) if secret else self._cleared(value, kind), kind)
        except LiteralError:
            return HIDDEN

    def _holds_secrets(self, kind: Type, within: frozenset[str]) -> bool:
        match kind:
            case SetType() | OptionType():
                return self._holds_secrets(kind.of, within)
            case MapType():
                return self._holds_secrets(kind.key, within) or self._holds_secrets(kind.value, within)
            case RecordType(name=name) if name in self._types.records and name not in within:
                inner = within | {name}
                return any(
                    field.secret or self._holds_secrets(field.type, inner) for field in self._types.records[name].fields
                )
            case _:
                return False

    def _cleared(self, value: Value, kind: Type) -> Value:
        """Blank the secret fields within a value."""
        match kind, value:
            case (SetType() | OptionType(), list()):
                return [self._cleared(item, kind.of) for item in value]
            case (MapType(), dict()):
                return {key: self._cleared(item, kind.value) for key, item in value.items()}
            case (RecordType(name=name), dict()) if name in self._types.records:
                fields = {field.name: field for field in self._types.records[name].fields}
                return {key: self._member(item, fields.get(key)) for key, item in value.items()}
            case _:
                return value

    def _member(self, value: Value, field: Field | None) -> Value:
        if field is None:
            return value
        return self._blank(field.type, value) if field.secret else self._cleared(value, field.type)

    def _blank(self, kind: Type, value: Value) -> Value:
        """Return a value of the type that tells nothing but whether it is empty.

        What has a default that is not empty has another form in typed gRPC, so that this must stay.
        """
        match kind:
            case SetType(of=inner) | OptionType(of=inner):
                return [self._made_up(inner)] if value else []
            case MapType(key=key, value=inner):
                return {_key(self._made_up(key)): self._made_up(inner)} if value else {}
            case _:
                return self._made_up(kind)

    def _made_up(self, kind: Type, depth: int = 0) -> Value:
        match kind:
            case Scalar():
                return _SCALARS[kind.name]
            case EnumType(name=name):
                declared = self._types.enums.get(name)
                return declared.values[0].name if declared and declared.values else HIDDEN
            case SetType() | OptionType():
                return []
            case MapType():
                return {}
            case RecordType(name=name) if name in self._types.records and depth < _MAX_DEPTH:
                return {
                    field.name: self._made_up(field.type, depth + 1)
                    for field in self._types.records[name].fields
                    if field.default is None and not isinstance(field.type, OptionType)
                }
            case RecordType():
                return {}
            case _:
                return HIDDEN


def _key(value: Value) -> str:
    match value:
        case DateTime(text=text):
            return text
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
