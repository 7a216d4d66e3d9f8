"""How the registry's changes become a view, and what they mean for the objects that are shown."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import structlog

from dispatcher_service.bundles.marks import read_mark
from dispatcher_service.sessions import objects
from dispatcher_service.sessions.objects import Extension, Link, Objects, Role, User
from dispatcher_service.sessions.session import Session, read_session
from dispatcher_service.sessions.view import RegistryView
from graft.registry.v1 import registry_pb2
from graft_common.rpc.access_messages import read_grant

_log = structlog.get_logger("graft.registry_follower")

RegistryObject = Session | Role | User | Extension | Link
"""What the registry keeps and XenAPI shows as objects."""

Kept = TypeVar("Kept", Role, User, Extension, Link)

CLASSES: dict[type[RegistryObject], str] = {
    Session: "session",
    Role: "role",
    User: "user",
    Extension: "extension",
    Link: "link",
}
"""The class of XenAPI that shows each."""


class Operation(enum.Enum):
    """What has become of an object, by the words of XenAPI's events."""

    ADD = "add"
    MOD = "mod"
    DEL = "del"


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object has come, has changed, or is gone."""

    operation: Operation
    found: RegistryObject
    """The object as it is now; one that is gone as it was."""

    @property
    def kind(self) -> str:
        """The object's class: `session`."""
        return CLASSES[type(self.found)]


def apply_changes(view: RegistryView, changes: Iterable[registry_pb2.Change]) -> list[ObjectChange]:
    """Take changes into a view; return what has become of objects, in order."""
    return [change for message in changes for change in _apply(view, message)]


def differences(before: RegistryView, after: RegistryView) -> list[ObjectChange]:
    """Return what has become of objects between two views: those that came or changed, then those that are gone."""
    old = {found.ref: found for found in _all(before)}
    new = {found.ref: found for found in _all(after)}
    put = [ObjectChange(_operation(old.get(ref)), found) for ref, found in new.items() if found != old.get(ref)]
    return put + [ObjectChange(Operation.DEL, found) for ref, found in old.items() if ref not in new]


def _all(view: RegistryView) -> Iterator[RegistryObject]:
    yield from view.sessions.values()
    yield from view.roles
    yield from view.users
    yield from view.extensions
    yield from view.links


def _apply(view: RegistryView, change: registry_pb2.Change) -> Iterator[ObjectChange]:
    gone = change.type == registry_pb2.CHANGE_TYPE_DELETE
    match change.kind:
        case registry_pb2.RESOURCE_KIND_SESSION:
            old = view.sessions.pop(change.key, None)
            if not gone:
                view.sessions[change.key] = read_session(change.session, view.book)
            yield from _change(old, view.sessions.get(change.key))
        case registry_pb2.RESOURCE_KIND_METHOD_BUNDLE:
            view.bundles.pop(change.key, None)
            if not gone:
                view.bundles[change.key] = read_mark(change.method_bundle)
        case registry_pb2.RESOURCE_KIND_GRANT:
            _apply_grant(view, change, gone=gone)
        case registry_pb2.RESOURCE_KIND_ROLE:
            role = None if gone else objects.read_role(change.role)
            view.book.set(change.key, None if role is None else role.definition)
            yield from _put(view.roles, change.key, role)
        case registry_pb2.RESOURCE_KIND_USER:
            yield from _put(view.users, change.key, None if gone else objects.read_user(change.user))
        case registry_pb2.RESOURCE_KIND_EXTENSION_VERSION:
            extension = None if gone else objects.read_extension(change.extension_version)
            yield from _put(view.extensions, change.key, extension)
        case registry_pb2.RESOURCE_KIND_LINK:
            yield from _put(view.links, change.key, None if gone else objects.read_link(change.link))
        case _:
            return


def _put(held: Objects[Kept], key: str, found: Kept | None) -> Iterator[ObjectChange]:
    before = held.drop(key) if found is None else held.put(key, found)
    yield from _change(before, found)


def _change(before: RegistryObject | None, after: RegistryObject | None) -> Iterator[ObjectChange]:
    if after is not None and before is not None and after.ref != before.ref:
        # Of the same name, but another object.
        yield ObjectChange(Operation.DEL, before)
        before = None
    if after is not None and after != before:
        yield ObjectChange(_operation(before), after)
    elif before is not None and after is None:
        yield ObjectChange(Operation.DEL, before)


def _operation(before: RegistryObject | None) -> Operation:
    return Operation.ADD if before is None else Operation.MOD


def _apply_grant(view: RegistryView, change: registry_pb2.Change, *, gone: bool) -> None:
    view.grants.pop(change.key, None)
    if gone:
        return
    try:
        view.grants[change.key] = read_grant(change.grant)
    except ValueError as error:
        _log.warning("grant.not_understood", key=change.key, reason=str(error), fix="update the dispatcher")
