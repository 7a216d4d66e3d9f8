"""xapi's published datamodel as declarations: each class becomes a document of its own.

Everything that the JSON says has a place there. Where a place holds less than the JSON said, a note tells what has
changed: after the import each class is exported again and compared with what was read, so that no loss goes unseen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import msgspec

from graft_common.declarations import rules
from graft_common.declarations import xenapi_json as json
from graft_common.declarations.literals import LiteralError, write_literal
from graft_common.declarations.model import (
    Change,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    ErrorDeclaration,
    Field,
    Lifecycle,
    Method,
    Param,
    Result,
    Transition,
    Types,
)
from graft_common.declarations.types import NAME_PATTERN, DescribedType, Type, TypeSyntaxError, parse_type
from graft_common.declarations.xenapi_defaults import read_default
from graft_common.declarations.xenapi_export import LOCAL_ROOT, SESSION_NAME, SESSION_TYPE, export_datamodel
from graft_common.roles import POOL_ADMIN, ROLES, at_least

MAX_NOTES: Final = 100
MAX_FAULTS: Final = 20

_NAME = re.compile(NAME_PATTERN)
_PART = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_MAX_NAME = 128
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Imported:
    """What has become of a datamodel."""

    documents: Mapping[str, Document]
    """For each class, in the order of the datamodel. An enum stands with the first class that shows it."""
    known: Types
    """The enums and records of the whole datamodel."""
    notes: tuple[str, ...]
    """What the classes need of others that were not wanted, and what an export would say otherwise than the datamodel
    did; each with its path in the JSON, at most 100."""


def import_datamodel(classes: Sequence[json.Class], wanted: Collection[str] = ()) -> Imported:
    """Turn a datamodel, or only the classes wanted, into declarations.

    Raises:
        DatamodelError: a class or a message is there twice, something is named as nothing in a declaration can be,
            a text has a character that XML cannot hold, what it says is against the rules of declarations, or a
            class that is wanted is not there.
    """
    _check(classes, wanted)
    chosen = {number: class_ for number, class_ in enumerate(classes) if not wanted or class_.name in wanted}
    shown: set[str] = set()
    documents = {class_.name: _document(class_, number, shown) for number, class_ in chosen.items()}
    known = Types.of(*(_document(class_, number, set()) for number, class_ in enumerate(classes)))
    _check_rules(chosen, documents, known)
    missing = _missing(chosen, documents) if len(chosen) < len(classes) else ()
    notes = chain(missing, _changes(chosen, documents))
    return Imported(documents, known, tuple(islice(notes, MAX_NOTES)))


def _check_rules(chosen: Mapping[int, json.Class], documents: Mapping[str, Document], known: Types) -> None:
    for number, class_ in chosen.items():
        document = documents[class_.name]
        wrong = [_fault(document, number, *fault) for fault in islice(rules.faults(document, known), MAX_FAULTS)]
        if wrong:
            raise json.DatamodelError("\n".join(wrong))


def _missing(chosen: Mapping[int, json.Class], documents: Mapping[str, Document]) -> Iterator[str]:
    """Say what the classes that were chosen need of others; there is nothing else to say of them."""
    available = Types.of(*documents.values())
    for number, class_ in chosen.items():
        document = documents[class_.name]
        yield from (_fault(document, number, *fault) for fault in rules.faults(document, available))


def _fault(document: Document, number: int, place: rules.Place, reason: str) -> str:
    """Say where in the JSON a rule is broken."""
    path = f"$[{number}]"
    method: Method | None = None
    for kind, position in place:
        match kind:
            case "method":
                method = document.methods[position]
                path += f".messages[{position}]"
            case "param" if method is not None:
                path += f".params[{position + method.session}]"
            case "field" | "error" | "value":
                path += f".{kind}s[{position}]"
            case "enum":
                path += f".enums[{document.classes[0].enums.index(document.enums[position].name)}]"
            case "result" | "lifecycle":
                path += f".{kind}"
    return f"{path}: {reason}"


def _changes(chosen: Mapping[int, json.Class], documents: Mapping[str, Document]) -> Iterator[str]:
    exported = {class_.name: class_ for class_ in export_datamodel(documents.values())}
    for number, class_ in chosen.items():
        before, after = (msgspec.to_builtins(item) for item in (class_, exported[class_.name]))
        yield from _differences(before, after, f"$[{number}]")


def _check(classes: Sequence[json.Class], wanted: Collection[str]) -> None:
    _once("$", [class_.name for class_ in classes], "class")
    missing = [name for name in wanted if name not in {class_.name for class_ in classes}]
    if missing:
        known = ", ".join(class_.name for class_ in classes)
        raise json.DatamodelError(f"there is no class {missing[0]}; there are {known or 'none'}")
    for number, class_ in enumerate(classes):
        path = f"$[{number}]"
        _once(f"{path}.fields", [field.name for field in class_.fields], "field")
        _once(f"{path}.messages", [message.name for message in class_.messages], "message")
        _once(f"{path}.enums", [enum.name for enum in class_.enums], "enum")
        for place, message in enumerate(class_.messages):
            _once(f"{path}.messages[{place}].params", [param.name for param in message.params], "parameter")
        _check_texts(msgspec.to_builtins(class_), path)


def _once(path: str, names: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise json.DatamodelError(f"{path}[{number}].name: there is a {what} {name} before it")
        pattern = _PART if what in ("class", "message") else _NAME
        if not pattern.fullmatch(name) or len(name) > _MAX_NAME:
            raise json.DatamodelError(f"{path}[{number}].name: {_shown(name)} is no name that a {what} can have")
        seen.add(name)


def _check_texts(value: Any, path: str) -> None:
    match value:
        case str() if found := _NO_XML.search(value):
            raise json.DatamodelError(f"{path}: the character U+{ord(found[0]):04X} cannot be written in XML")
        case dict():
            for name, item in value.items():
                _check_texts(item, f"{path}.{name}")
        case list() | tuple():
            for number, item in enumerate(value):
                _check_texts(item, f"{path}[{number}]")


def _document(class_: json.Class, number: int, shown: set[str]) -> Document:
    enums = [enum for enum in class_.enums if enum.name not in shown]
    shown.update(enum.name for enum in enums)
    declared = ClassDeclaration(
        name=class_.name,
        doc=class_.description,
        fields=tuple(_field(field) for field in class_.fields),
        enums=tuple(enum.name for enum in class_.enums),
        lifecycle=_lifecycle(class_.lifecycle),
        tag=class_.tag,
        position=number + 1,
    )
    return Document(
        classes=(declared,),
        enums=tuple(_enum(enum) for enum in enums),
        methods=tuple(_method(class_.name, message) for message in class_.messages),
    )


def _enum(enum: json.Enum) -> EnumDeclaration:
    return EnumDeclaration(enum.name, tuple(EnumValue(value.name, value.doc) for value in enum.values))


def _field(field: json.Field) -> Field:
    kind = _type(field.type)
    return Field(
        name=field.name,
        type=kind,
        doc=field.description,
        default=None if field.default is msgspec.UNSET else _default(field.default, kind),
        qualifier=field.qualifier,
        lifecycle=_lifecycle(field.lifecycle),
        tag=field.tag,
    )


def _default(text: str, kind: Type) -> str | None:
    """Write a default as a literal; one that fits its type in no way is left out, which a note will tell."""
    try:
        return write_literal(read_default(text, kind), kind)
    except (ValueError, LiteralError):
        return None


def _method(class_name: str, message: json.Message) -> Method:
    first = message.params[0] if message.params else None
    session = first is not None and (first.name, first.type) == (SESSION_NAME, SESSION_TYPE)
    role, roles = _roles(message.roles)
    return Method(
        name=f"{class_name}.{message.name}",
        doc=message.description,
        role=role,
        roles=roles,
        session=session,
        params=tuple(_param(param) for param in message.params[session:]),
        result=None if message.result == (json.VOID,) else Result(_type(message.result[0]), message.result[1]),
        # One that is listed twice stands once in a declaration.
        errors=tuple({error.name: ErrorDeclaration(error.name, doc=error.doc) for error in message.errors}.values()),
        lifecycle=_lifecycle(message.lifecycle),
        implicit=message.implicit,
        tag=message.tag,
    )


def _param(param: json.Param) -> Param:
    return Param(name=param.name, type=_type(param.type), doc=param.doc, optional=param.required is False)


def _roles(published: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the least role that may call, and the published list where that does not tell it.

    The role lets nobody in whom the list does not have: going down from pool-admin, it is the last one before one
    that is not in the list.
    """
    if not published:
        return POOL_ADMIN, (LOCAL_ROOT,)
    role = POOL_ADMIN
    for lower in ROLES:
        if lower.name not in published:
            break
        role = lower.name
    return role, () if tuple(at_least(role)) == published else published


def _lifecycle(lifecycle: json.Lifecycles) -> Lifecycle:
    transitions = lifecycle.transitions if isinstance(lifecycle, json.Lifecycle) else lifecycle
    return Lifecycle(
        tuple(Transition(Change(change.transition), change.release, change.description) for change in transitions)
    )


def _type(text: str) -> Type:
    """Read a type; `an event batch` and the like are told in words."""
    try:
        return parse_type(text)
    except TypeSyntaxError:
        return DescribedType(text)


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    """Say where what is exported differs, other than by vintage."""
    match before, after:
        case dict(), dict():
            for name in dict.fromkeys((*before, *after)):
                # Older vintages do not say it, and then each parameter is.
                default = True if name == "required" else None
                yield from _differences(before.get(name, default), after.get(name, default), f"{path}.{name}")
        case list() | tuple(), {"transitions": transitions}:
            yield from _differences(before, transitions, path)
        case list() | tuple(), list() | tuple() if len(before) == len(after):
            for number, (item, other) in enumerate(zip(before, after, strict=True)):
                yield from _differences(item, other, f"{path}[{number}]")
        case _ if before != after:
            yield f"{path}: {_shown(before)} becomes {_shown(after)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:197]}..."
