"""Types as text, in parts of which some lead to what they name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graft_common.declarations.types import (
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    Type,
)
from graft_docs.naming import Links


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a type's text, and where it leads."""

    text: str
    href: str | None = None


def linked_parts(kind: Type, links: Links) -> Iterator[Part]:
    """Return the parts of a type in their order."""
    match kind:
        case EnumType(name=name):
            yield Part(str(kind), links.enum(name))
        case RefType(class_name=name):
            yield Part(str(kind), links.class_(name))
        case RecordType(name=name):
            yield Part(str(kind), links.record(name))
        case SetType(of=inner) | OptionType(of=inner):
            yield from linked_parts(inner, links)
            yield Part(" set" if isinstance(kind, SetType) else " option")
        case MapType(key=key, value=value):
            yield Part("(")
            yield from linked_parts(key, links)
            yield Part(" → ")
            yield from linked_parts(value, links)
            yield Part(") map")
        case _:
            yield Part(str(kind))
