"""What the registry's changes mean for sessions, roles, users, extension versions and links."""

from __future__ import annotations

from collections.abc import Sequence

from dispatcher_service.sessions.applying import ObjectChange, apply_changes, differences
from dispatcher_service.sessions.follower import RegistryFollower
from dispatcher_service.sessions.objects import extension_uuid, made_uuid, role_uuid
from dispatcher_service.sessions.view import RegistryView
from graft.registry.v1 import identity_pb2, registry_pb2
from graft.registry.v1.registry_pb2 import Change
from graft_common.rpc.context import digest
from support.registry_stand_in import RegistryStandIn

PUT, DELETE = registry_pb2.CHANGE_TYPE_PUT, registry_pb2.CHANGE_TYPE_DELETE
SESSION, ROLE, USER = (
    registry_pb2.RESOURCE_KIND_SESSION,
    registry_pb2.RESOURCE_KIND_ROLE,
    registry_pb2.RESOURCE_KIND_USER,
)
EXTENSION, LINK = registry_pb2.RESOURCE_KIND_EXTENSION_VERSION, registry_pb2.RESOURCE_KIND_LINK


def session(key: str, uuid: str, originator: str = "") -> Change:
    message = identity_pb2.Session(digest=key, uuid=uuid, user="anna", originator=originator)
    return Change(type=PUT, kind=SESSION, key=key, session=message)


def user(name: str, uuid: str, *roles: str) -> Change:
    return Change(type=PUT, kind=USER, key=name, user=identity_pb2.User(name=name, uuid=uuid, roles=roles))


def role(name: str, *permissions: str) -> Change:
    return Change(type=PUT, kind=ROLE, key=name, role=identity_pb2.Role(name=name, permissions=permissions))


def extension(name: str, version: str, *, valid: bool = True) -> Change:
    message = registry_pb2.ExtensionVersion(name=name, version=version, valid=valid)
    return Change(type=PUT, kind=EXTENSION, key=f"{name}/{version}", extension_version=message)


def link(number: int, problem: str = "") -> Change:
    message = registry_pb2.Link(id=number, extension_name="EXT", extension_version="1.0", problem=problem)
    return Change(type=PUT, kind=LINK, key=str(number), link=message)


def gone(kind: registry_pb2.ResourceKind, key: str) -> Change:
    return Change(type=DELETE, kind=kind, key=key)


def told(changes: Sequence[ObjectChange]) -> list[tuple[str, str, str]]:
    return [(change.operation.value, change.kind, change.found.ref) for change in changes]


def test_each_change_is_told_as_what_it_is_to_the_object() -> None:
    view = RegistryView()
    made = [
        session("d", "s-1"),
        user("bert", "u-1"),
        role("vm-admin"),
        extension("EXT", "1.0"),
        link(7),
    ]
    refs = [
        "OpaqueRef:s-1",
        "OpaqueRef:u-1",
        f"OpaqueRef:{role_uuid('vm-admin')}",
        f"OpaqueRef:{extension_uuid('EXT', '1.0')}",
        f"OpaqueRef:{made_uuid('link', '7')}",
    ]
    kinds = ["session", "user", "role", "extension", "link"]
    assert told(apply_changes(view, made)) == list(zip(["add"] * 5, kinds, refs, strict=True))
    assert told(apply_changes(view, made)) == []
    changed = [
        session("d", "s-1", "me"),
        user("bert", "u-1", "read-only"),
        role("vm-admin", "volume.*"),
        extension("EXT", "1.0", valid=False),
        link(7, "vanished"),
    ]
    assert told(apply_changes(view, changed)) == list(zip(["mod"] * 5, kinds, refs, strict=True))
    removed = [
        gone(SESSION, "d"),
        gone(USER, "bert"),
        gone(ROLE, "vm-admin"),
        gone(EXTENSION, "EXT/1.0"),
        gone(LINK, "7"),
    ]
    assert told(apply_changes(view, removed)) == list(zip(["del"] * 5, kinds, refs, strict=True))
    assert told(apply_changes(view, removed)) == []
    assert [len(held) for held in (view.sessions, view.users, view.roles, view.extensions, view.links)] == [0] * 5


def test_another_object_of_the_same_name_takes_the_place_of_the_first() -> None:
    view = RegistryView()
    apply_changes(view, [user("bert", "u-1")])
    assert told(apply_changes(view, [user("bert", "u-2")])) == [
        ("del", "user", "OpaqueRef:u-1"),
        ("add", "user", "OpaqueRef:u-2"),
    ]
    assert view.users.get("OpaqueRef:u-1") is None
    assert view.users.get("OpaqueRef:u-2") is view.users.by_key("bert")
    assert [found.uuid for found in view.users] == ["u-2"]


def test_a_snapshot_differs_from_what_was_known() -> None:
    before, after = RegistryView(), RegistryView()
    apply_changes(before, [session("same", "s-1"), session("gone", "s-2"), link(1), link(2)])
    apply_changes(after, [session("same", "s-1"), session("new", "s-3"), link(1, "vanished"), link(2)])
    assert told(differences(before, after)) == [
        ("add", "session", "OpaqueRef:s-3"),
        ("mod", "link", f"OpaqueRef:{made_uuid('link', '1')}"),
        ("del", "session", "OpaqueRef:s-2"),
    ]


async def test_the_follower_tells_of_every_revision_once() -> None:
    registry = RegistryStandIn()
    await registry.login("old")
    follower = RegistryFollower(registry.clients(), "token")
    heard: list[tuple[int, list[tuple[str, str, str]]]] = []

    def hear(revision: int, changes: Sequence[ObjectChange]) -> None:
        assert follower.view.revision == revision
        heard.append((revision, [(change.operation.value, change.kind, change.found.ref) for change in changes]))

    follower.on_objects = hear
    follower.start()
    assert await follower.wait_synced(5)
    first = registry.revision
    revision = await registry.tell(user("bert", "u-1"))
    assert await follower.wait_for(revision, 5)
    revision = await registry.logout("old")
    assert await follower.wait_for(revision, 5)
    await follower.close()
    assert digest("old") not in follower.view.sessions
    assert heard == [
        (first, [("add", "session", "OpaqueRef:u")]),
        (first + 1, [("add", "user", "OpaqueRef:u-1")]),
        (first + 2, [("del", "session", "OpaqueRef:u")]),
    ]
