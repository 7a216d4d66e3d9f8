"""`extension.*` and `link.*`: extension versions and their links to stacks, as XenAPI shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.builtins.records import ObjectClass, date_time, readers
from dispatcher_service.references import NULL_REF, ref_of
from dispatcher_service.sessions.objects import Extension, Link, Objects, extension_uuid
from dispatcher_service.sessions.session import Session
from dispatcher_service.sessions.view import RegistryView
from graft_common.errors import handle_invalid
from graft_common.values import Value

Kept = TypeVar("Kept", Extension, Link)

EXTENSION_FIELDS: Mapping[str, Callable[[Extension], Value]] = {
    "uuid": lambda extension: extension.uuid,
    "name_label": lambda extension: extension.name,
    "version": lambda extension: extension.version,
    "valid": lambda extension: extension.valid,
    "errors": lambda extension: list(extension.errors),
    "parent": lambda extension: (
        ref_of(extension_uuid(extension.name, extension.parent_version)) if extension.parent_version else NULL_REF
    ),
    "auto_link": lambda extension: extension.auto_link,
    "services": lambda extension: list(extension.services),
}
"""The record of an extension version."""

LINK_FIELDS: Mapping[str, Callable[[Link], Value]] = {
    "uuid": lambda link: link.uuid,
    "name_label": lambda link: f"{link.extension_name}/{link.extension_version} {link.stack_name}/{link.stack_version}",
    "id": lambda link: link.id,
    "stack_name": lambda link: link.stack_name,
    "stack_version": lambda link: link.stack_version,
    "extension": lambda link: ref_of(extension_uuid(link.extension_name, link.extension_version)),
    "extension_name": lambda link: link.extension_name,
    "extension_version": lambda link: link.extension_version,
    "created": lambda link: date_time(link.created),
    "problem": lambda link: link.problem,
}
"""The record of a link."""


def extension_class(view: Callable[[], RegistryView]) -> ObjectClass[Extension]:
    """Make the class of extension versions; everybody sees all."""

    async def get(_session: Session, ref: str) -> Extension:
        return _found(view().extensions, "extension", ref)

    async def every(_session: Session) -> Sequence[Extension]:
        return list(view().extensions)

    return ObjectClass("extension", EXTENSION_FIELDS, get, every)


def link_class(view: Callable[[], RegistryView]) -> ObjectClass[Link]:
    """Make the class of links; everybody sees all."""

    async def get(_session: Session, ref: str) -> Link:
        return _found(view().links, "link", ref)

    async def every(_session: Session) -> Sequence[Link]:
        return list(view().links)

    return ObjectClass("link", LINK_FIELDS, get, every)


def catalog_builtins(view: Callable[[], RegistryView]) -> BuiltinTable:
    """Make the readers of extension versions and links."""
    return {**readers(extension_class(view)), **readers(link_class(view))}


def _found(held: Objects[Kept], kind: str, ref: str) -> Kept:
    found = held.get(ref)
    if found is None:
        raise handle_invalid(kind, ref)
    return found
