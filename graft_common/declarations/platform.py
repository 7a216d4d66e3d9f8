"""The declarations of the methods that are a part of Graft: what a file says, and those that its classes imply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from graft_common.declarations.building import Builder
from graft_common.declarations.model import (
    ANYONE,
    ClassDeclaration,
    Document,
    ErrorDeclaration,
    Field,
    Method,
    Param,
    Result,
)
from graft_common.declarations.types import STRING, MapType, RecordType, RefType, SetType, Type
from graft_common.roles import POOL_OPERATOR, READ_ONLY, VM_OPERATOR
from graft_common.xml_documents import parse_with_lines

FILE = Path(__file__).parent / "platform.xml"
"""Written by hand; the tests hold it against the schema and against what the services serve."""

_SESSION = "session"
_WITHOUT_NAMES = frozenset({_SESSION, "pool"})
"""Classes whose objects are not looked for by name."""
_TOLD = frozenset({"name", "label", "description", "name_label", "name_description", "uuid"})
"""What parameters are called that name things."""


@cache
def platform_document() -> Document:
    """Return the declarations of all built-in methods, those of `session.*` among them."""
    builder = Builder()
    document = builder.document(parse_with_lines(FILE.read_bytes()))
    implied = [
        method
        for declared in document.classes
        if declared.fields
        for method in (*_readers(declared), *_setters(declared))
    ]
    return replace(document, methods=tuple(map(_with_told, (*document.methods, *implied))))


def _with_told(method: Method) -> Method:
    """Say of references and names that they are no secrets, as xapi's audit does (rbac_audit.ml); sessions' are."""
    told = (
        replace(
            param, public=param.name in _TOLD or (isinstance(param.type, RefType) and param.type.class_name != _SESSION)
        )
        for param in method.params
    )
    return replace(method, params=tuple(told))


def _readers(declared: ClassDeclaration) -> Iterator[Method]:
    """Make the readers that xapi makes of each class's fields (dm_api.ml, add_implicit_messages)."""
    name = declared.name
    itself = RefType(name)
    record = RecordType(name)
    this = (Param("self", itself, f"The {name}."),)
    yield _reader(declared, "get_all", (), SetType(itself), f"List the references of all {name} objects.")
    doc = f"List all {name} records by reference."
    yield _reader(declared, "get_all_records", (), MapType(itself, record), doc)
    yield _reader(declared, "get_record", this, record, f"Return one {name} record.")
    uuid = (Param("uuid", STRING, "The UUID."),)
    yield _reader(declared, "get_by_uuid", uuid, itself, f"Find a {name} by its UUID.")
    if name not in _WITHOUT_NAMES:
        label = (Param("label", STRING, "The name."),)
        yield _reader(declared, "get_by_name_label", label, SetType(itself), f"Find every {name} of that name.")
    for field in declared.fields:
        yield _getter(declared, field, this)


def _getter(declared: ClassDeclaration, field: Field, this: tuple[Param, ...]) -> Method:
    made = _reader(declared, f"get_{field.name}", this, field.type, f"Return a {declared.name}'s {field.name}.")
    return replace(made, result=Result(field.type, field.doc))


def _reader(declared: ClassDeclaration, name: str, params: tuple[Param, ...], answer: Type, doc: str) -> Method:
    return Method(
        f"{declared.name}.{name}",
        doc,
        role=ANYONE if declared.name == _SESSION else READ_ONLY,
        params=params,
        result=Result(answer),
        errors=_ERRORS[params[0].name] if params else (),
        lifecycle=declared.lifecycle,
        idempotent=True,
        implicit=True,
    )


def _setters(declared: ClassDeclaration) -> Iterator[Method]:
    """Make the setters of the fields that are RW, and what adds to and removes from their maps and sets."""
    for field in declared.fields:
        if field.qualifier != "RW":
            continue
        name, what = field.name, f"a {declared.name}'s {field.name}"
        value = Param("value", field.type, "What it becomes.")
        yield _setter(declared, field, f"set_{name}", (value,), f"Set {what}.")
        match field.type:
            case MapType(key, to):
                pair = (Param("key", key, "The key."), Param("value", to, "What it stands for."))
                yield _setter(declared, field, f"add_to_{name}", pair, f"Add a key to {what}.", (_DUPLICATE,))
                doc = f"Remove a key from {what}, if it is there."
                yield _setter(declared, field, f"remove_from_{name}", pair[:1], doc)
            case SetType(of):
                member = (Param("value", of, "The value."),)
                yield _setter(declared, field, f"add_{name}", member, f"Add a value to {what}.")
                yield _setter(declared, field, f"remove_{name}", member, f"Remove a value from {what}, if it is there.")
            case _:
                pass


def _setter(
    declared: ClassDeclaration,
    field: Field,
    name: str,
    params: tuple[Param, ...],
    doc: str,
    errors: tuple[ErrorDeclaration, ...] = (),
) -> Method:
    return Method(
        f"{declared.name}.{name}",
        doc,
        role=VM_OPERATOR if field.name == "tags" else _WRITERS[declared.name],
        params=(Param("self", RefType(declared.name), f"The {declared.name}."), *params),
        errors=(*_ERRORS["self"], *errors),
        lifecycle=field.lifecycle if field.lifecycle.transitions else declared.lifecycle,
        idempotent=not errors,
        implicit=True,
    )


_WRITERS = {"task": READ_ONLY, "pool": POOL_OPERATOR, "host": POOL_OPERATOR, _SESSION: ANYONE}
"""The least role that may set the fields of a class; tags may be set by more (xapi, datamodel_pool.ml)."""

_DUPLICATE = ErrorDeclaration("MAP_DUPLICATE_KEY", ("class", "field", "ref", "key"), "The key is there already.")

_ERRORS: dict[str, tuple[ErrorDeclaration, ...]] = {
    "self": (ErrorDeclaration("HANDLE_INVALID", ("class", "ref"), "There is no such object."),),
    "uuid": (ErrorDeclaration("UUID_INVALID", ("class", "uuid"), "There is no such object."),),
    "label": (),
}
