"""What the comments of `.proto` files tell of declarations."""

from __future__ import annotations

from collections.abc import Iterator

from graft_common.declarations.model import (
    ANYONE,
    ClassDeclaration,
    EnumDeclaration,
    EnumValue,
    Field,
    Lifecycle,
    Method,
    Param,
    Record,
    Result,
)
from graft_common.declarations.proto_form.slots import named_types
from graft_common.declarations.types import DescribedType, MapType, OptionType, RefType, SetType, Type

_SHOWN_DEFAULT = 200
"""Characters."""


def of_class(declared: ClassDeclaration) -> str:
    """Tell what a class is for."""
    return _paragraphs(declared.doc or f"The methods of {declared.name}.", *_changes(declared.lifecycle))


def of_method(method: Method) -> str:
    """Tell what a method does, who may call it, how it fails, and since when it is there."""
    who = "Needs a session of any role." if method.role == ANYONE else f"Needs the role {method.role}."
    if not method.session:
        # Of the platform's own methods it needs none, and of others one all the same.
        who = ""
    return _paragraphs(method.doc, who, *_errors(method), *_changes(method.lifecycle))


def of_request(method: Method) -> str:
    """Tell what a request is."""
    return f"The parameters of `{method.name}`."


def of_response(method: Method) -> str:
    """Tell what a response is."""
    return f"What `{method.name}` answers{'.' if method.result else ': nothing.'}"


def of_param(param: Param) -> str:
    """Tell what a parameter means, and what the method gets without it."""
    left_out = "It may be left out." if param.optional else ""
    since = f"Since {param.since}." if param.since else ""
    return _paragraphs(param.doc, _kind(param.type), left_out, _default(param), since, _secret(param))


def of_result(result: Result) -> str:
    """Tell what a result means."""
    return _paragraphs(result.doc, _kind(result.type), _secret(result))


def of_record(record: Record) -> str:
    """Tell what a record is."""
    return _paragraphs(record.doc or f"The fields of `{record.name} record`.")


def of_field(field: Field) -> str:
    """Tell what a field of a record means."""
    return _paragraphs(field.doc, _kind(field.type), _default(field), *_changes(field.lifecycle), _secret(field))


def of_enum(declared: EnumDeclaration) -> str:
    """Tell what an enum is."""
    return _paragraphs(declared.doc or f"The values of `enum {declared.name}`.")


def of_value(value: EnumValue) -> str:
    """Tell how a value is spelt in the declaration, and what it means."""
    return f"`{value.name}`: {value.doc}" if value.doc else f"`{value.name}`"


def _kind(kind: Type) -> str:
    """Tell of a type what its field in Protocol Buffers does not."""
    leaves = list(named_types(kind))
    if not any(isinstance(leaf, RefType | DescribedType) for leaf in leaves) and not _nested(kind):
        return ""
    return f"Type: `{kind}`."


def _nested(kind: Type) -> bool:
    match kind:
        case SetType(of) | OptionType(of) | MapType(value=of):
            return isinstance(of, SetType | OptionType | MapType)
    return False


def _default(declared: Param | Field) -> str:
    if declared.default is None or declared.secret:
        return ""
    shown = declared.default
    if len(shown) > _SHOWN_DEFAULT:
        shown = f"{shown[: _SHOWN_DEFAULT - 1]}…"
    return f"Left out it is `{shown}`." if shown else "Left out it is empty."


def _secret(declared: Param | Result | Field) -> str:
    return "It is secret, and kept out of logs." if declared.secret else ""


def _errors(method: Method) -> Iterator[str]:
    lines = []
    for error in method.errors:
        params = f" [{', '.join(error.params)}]" if error.params else ""
        lines.append(f"- {error.code}{params}{f': {error.doc}' if error.doc else ''}")
    if lines:
        yield "\n".join(["Errors:", *lines])


def _changes(lifecycle: Lifecycle) -> Iterator[str]:
    lines = []
    for step in lifecycle.transitions:
        told = f": {step.doc}" if step.doc else "."
        lines.append(f"{step.change.value.capitalize()} in {step.release}{told}")
    if lines:
        yield "\n".join(lines)


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)
