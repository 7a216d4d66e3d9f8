"""Declarations in the form of xapi's published datamodel, so that tools made for `xenapi.json` work with them.

That form does not have the values of parameters' defaults, the parameters of errors, releases of parameters, examples,
limits, access, and what else is of no concern to a caller; they are left out. Lifecycles are written with their state.
Whether a parameter is required is written, for all of them, where any may be left out: then nothing else tells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import UNSET

from graft_common.declarations import xenapi_json as json
from graft_common.declarations.literals import LiteralError, read_literal
from graft_common.declarations.model import (
    ANYONE,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    Field,
    Lifecycle,
    Method,
    Param,
    State,
)
from graft_common.declarations.types import (
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    SetType,
    Type,
    format_type,
)
from graft_common.declarations.xenapi_defaults import write_default
from graft_common.roles import ROLES, at_least

LOCAL_ROOT: Final = "local-root"
"""Among published roles: nobody by a role, only root on the host itself; the JSON has an empty list for it (xapi,
datamodel_roles.ml, `_R_LOCAL_ROOT_ONLY`)."""
SESSION_NAME: Final = "session_id"
SESSION_TYPE: Final = "session ref"
SESSION_DOC: Final = "Reference to a valid session"

_STATES: Final[dict[State, json.State]] = {
    State.UNRELEASED: "Unreleased_s",
    State.PROTOTYPED: "Prototyped_s",
    State.PUBLISHED: "Published_s",
    State.DEPRECATED: "Deprecated_s",
    State.REMOVED: "Removed_s",
}


def export_datamodel(documents: Iterable[Document]) -> tuple[json.Class, ...]:
    """Write declarations as a datamodel.

    Classes stand in the order of their positions, then in that in which they are declared, and those that only records
    or methods name behind them. The methods of a class keep their order; an enum stands with each class that lists or
    uses it.
    """
    documents = tuple(documents)
    declared = [class_ for document in documents for class_ in document.classes]
    declared.sort(key=lambda class_: (class_.position is None, class_.position or 0))
    classes = {class_.name: class_ for class_ in declared}
    for document in documents:
        for record in document.records:
            classes.setdefault(record.name, ClassDeclaration(record.name, record.doc, record.fields))
        for method in document.methods:
            classes.setdefault(method.class_name, ClassDeclaration(method.class_name))
    methods: dict[str, list[Method]] = {name: [] for name in classes}
    for document in documents:
        for method in document.methods:
            methods[method.class_name].append(method)
    enums = {enum.name: enum for document in documents for enum in document.enums}
    optional = any(not param.required for found in methods.values() for method in found for param in method.params)
    return tuple(_class(class_, methods[name], enums, optional) for name, class_ in classes.items())


def _class(
    declared: ClassDeclaration, methods: list[Method], enums: dict[str, EnumDeclaration], optional: bool
) -> json.Class:
    used = dict.fromkeys((*declared.enums, *_used(declared, methods)))
    return json.Class(
        name=declared.name,
        description=declared.doc,
        fields=tuple(_field(field) for field in declared.fields),
        messages=tuple(_message(method, optional) for method in methods),
        enums=tuple(_enum(enums[name]) for name in used if name in enums),
        lifecycle=_lifecycle(declared.lifecycle),
        tag=declared.tag,
    )


def _used(declared: ClassDeclaration, methods: list[Method]) -> Iterator[str]:
    """Name the enums that fields and methods use, as often as they do."""
    for field in declared.fields:
        yield from _enums_in(field.type)
    for method in methods:
        if method.result is not None:
            yield from _enums_in(method.result.type)
        for param in method.params:
            yield from _enums_in(param.type)


def _enums_in(kind: Type) -> Iterator[str]:
    match kind:
        case EnumType():
            yield kind.name
        case SetType() | OptionType():
            yield from _enums_in(kind.of)
        case MapType():
            yield from _enums_in(kind.key)
            yield from _enums_in(kind.value)


def _field(field: Field) -> json.Field:
    return json.Field(
        name=field.name,
        description=field.doc,
        type=_type(field.type),
        qualifier=field.qualifier,
        tag=field.tag,
        lifecycle=_lifecycle(field.lifecycle),
        default=UNSET if field.default is None else _default(field.default, field.type),
    )


def _default(literal: str, kind: Type) -> str:
    try:
        return write_default(read_literal(literal, kind), kind)
    except LiteralError:
        return literal


def _message(method: Method, optional: bool) -> json.Message:
    params = [_param(param, optional) for param in method.params]
    if method.session:
        required = True if optional else UNSET
        params.insert(0, json.Param(type=SESSION_TYPE, name=SESSION_NAME, doc=SESSION_DOC, required=required))
    return json.Message(
        name=method.short_name,
        description=method.doc,
        result=(json.VOID,) if method.result is None else (_type(method.result.type), method.result.doc),
        params=tuple(params),
        errors=tuple(json.Error(name=error.code, doc=error.doc) for error in method.errors),
        roles=_roles(method),
        tag=method.tag,
        lifecycle=_lifecycle(method.lifecycle),
        implicit=method.implicit,
    )


def _param(param: Param, optional: bool) -> json.Param:
    required = param.required if optional else UNSET
    return json.Param(type=_type(param.type), name=param.name, doc=param.doc, required=required)


def _roles(method: Method) -> tuple[str, ...]:
    if method.roles == (LOCAL_ROOT,):
        return ()
    if method.roles:
        return method.roles
    return tuple(role.name for role in ROLES) if method.role == ANYONE else tuple(at_least(method.role))


def _enum(declared: EnumDeclaration) -> json.Enum:
    return json.Enum(declared.name, tuple(json.EnumValue(value.name, value.doc) for value in declared.values))


def _lifecycle(lifecycle: Lifecycle) -> json.Lifecycle:
    transitions = (
        json.Transition(transition=change.change.value, release=change.release, description=change.doc)
        for change in lifecycle.transitions
    )
    return json.Lifecycle(state=_STATES[lifecycle.state], transitions=tuple(transitions))


def _type(kind: Type) -> str:
    return kind.words if isinstance(kind, DescribedType) else format_type(kind)
