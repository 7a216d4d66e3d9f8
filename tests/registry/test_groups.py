"""Groups of users over gRPC: what their members may, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from graft.registry.v1 import group_pb2 as pb
from graft.registry.v1 import identity_pb2, role_pb2
from graft_common.errors import GraftError
from graft_common.roles import is_reserved
from graft_common.rpc.client import call
from graft_common.rpc.context import call_metadata
from graft_common.settings import Settings
from registry_service.identity import groups as groups_of_users
from tests.registry.conftest import AS_SERVICE, Registry, StartRegistry

Metadata = Sequence[tuple[str, str]]


async def ask(registry: Registry, rpc: str, request: Any, metadata: Metadata) -> Any:
    return await call(getattr(registry.clients.groups, rpc), request, timeout=20, metadata=metadata)


async def refused(registry: Registry, rpc: str, request: Any, metadata: Metadata) -> list[str]:
    with pytest.raises(GraftError) as raised:
        await ask(registry, rpc, request, metadata)
    return raised.value.error_info()


async def roles_of(registry: Registry, name: str) -> list[str]:
    return list((await registry.login(name, "password of the user")).session.roles)


async def groups(registry: Registry, metadata: Metadata) -> dict[str, tuple[str, list[str], list[str]]]:
    listed = await ask(registry, "ListGroups", pb.ListGroupsRequest(), metadata)
    return {group.name: (group.description, list(group.roles), list(group.members)) for group in listed.groups}


async def test_members_have_the_roles_of_their_groups_from_the_next_login(registry: Registry) -> None:
    admin = await registry.as_admin()
    await registry.create_user("ann", "read-only")
    await registry.create_user("bob", "read-only")
    made = pb.CreateGroupRequest(
        name="ops", description="On call.", roles=["vm-admin", "pool-operator"], members=["ann"]
    )
    group = (await ask(registry, "CreateGroup", made, admin)).group
    assert (list(group.roles), list(group.members)) == (["pool-operator", "vm-admin"], ["ann"])
    assert await roles_of(registry, "ann") == ["read-only", "pool-operator", "vm-admin"]
    assert await roles_of(registry, "bob") == ["read-only"]

    # Sessions that are open keep what they have.
    ann = await registry.as_user("ann")
    change = pb.ChangeMembersRequest(group="ops", add=["bob", "bob"], remove=["ann", "nobody"])
    assert list((await ask(registry, "ChangeMembers", change, admin)).group.members) == ["bob"]
    who = await call(registry.clients.identity.WhoAmI, identity_pb2.WhoAmIRequest(), timeout=20, metadata=ann)
    assert "pool-operator" in who.session.roles
    assert await roles_of(registry, "ann") == ["read-only"]

    await ask(registry, "UpdateGroup", pb.UpdateGroupRequest(name="ops", roles=["vm-operator"]), admin)
    assert await roles_of(registry, "bob") == ["read-only", "vm-operator"]
    await ask(registry, "UpdateGroup", pb.UpdateGroupRequest(name="ops", description=""), admin)
    assert await groups(registry, admin) == {"ops": ("", ["vm-operator"], ["bob"])}
    await ask(registry, "DeleteGroup", pb.DeleteGroupRequest(name="ops"), admin)
    assert await groups(registry, admin) == {}
    assert await roles_of(registry, "bob") == ["read-only"]


async def test_a_user_who_is_removed_leaves_its_groups(registry: Registry) -> None:
    admin = await registry.as_admin()
    await registry.create_user("ann", "read-only")
    await ask(registry, "CreateGroup", pb.CreateGroupRequest(name="ops", roles=["vm-admin"], members=["ann"]), admin)
    gone = identity_pb2.DeleteUserRequest(name="ann")
    await call(registry.clients.identity.DeleteUser, gone, timeout=20, metadata=admin)
    # Whoever has the name after that is somebody else.
    await registry.create_user("ann", "read-only")
    assert await groups(registry, admin) == {"ops": ("", ["vm-admin"], [])}
    assert await roles_of(registry, "ann") == ["read-only"]


async def test_a_role_of_a_group_is_in_use(registry: Registry) -> None:
    admin = await registry.as_admin()
    made = role_pb2.CreateRoleRequest(name="greeter")
    await call(registry.clients.roles.CreateRole, made, timeout=20, metadata=admin)
    await ask(registry, "CreateGroup", pb.CreateGroupRequest(name="ops", roles=["greeter"]), admin)
    gone = role_pb2.DeleteRoleRequest(name="greeter")
    with pytest.raises(GraftError) as raised:
        await call(registry.clients.roles.DeleteRole, gone, timeout=20, metadata=admin)
    assert raised.value.error_info() == ["ROLE_IN_USE", "greeter", "ops"]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (pb.CreateGroupRequest(name="ops", roles=["read-only"]), ["GROUP_EXISTS", "ops"]),
        (pb.CreateGroupRequest(name="", roles=["read-only"]), ["VALUE_NOT_SUPPORTED", "name"]),
        (pb.CreateGroupRequest(name="a\n", roles=["read-only"]), ["VALUE_NOT_SUPPORTED", "name"]),
        (pb.CreateGroupRequest(name="a"), ["VALUE_NOT_SUPPORTED", "roles"]),
        (pb.CreateGroupRequest(name="a", roles=["boss"]), ["ROLE_NOT_FOUND", "boss"]),
        (pb.CreateGroupRequest(name="a", roles=["read-only"], members=["nobody"]), ["USER_NOT_FOUND", "nobody"]),
        (pb.CreateGroupRequest(name="a", roles=["read-only"], members=["\0"]), ["USER_NOT_FOUND", "?"]),
        (
            pb.CreateGroupRequest(name="a", roles=["read-only"], description="x\n"),
            ["VALUE_NOT_SUPPORTED", "description"],
        ),
        (pb.UpdateGroupRequest(name="a"), ["GROUP_NOT_FOUND", "a"]),
        (pb.UpdateGroupRequest(name="ops", roles=["boss"]), ["ROLE_NOT_FOUND", "boss"]),
        (pb.UpdateGroupRequest(name="ops", description="x" * 1025), ["VALUE_NOT_SUPPORTED", "description"]),
        (pb.ChangeMembersRequest(group="\0"), ["GROUP_NOT_FOUND", "?"]),
        (pb.ChangeMembersRequest(group="ops", add=["nobody"]), ["USER_NOT_FOUND", "nobody"]),
        (pb.DeleteGroupRequest(name="a"), ["GROUP_NOT_FOUND", "a"]),
    ],
)
async def test_groups_that_cannot_be(registry: Registry, request_: Any, told: list[str]) -> None:
    admin = await registry.as_admin()
    await ask(registry, "CreateGroup", pb.CreateGroupRequest(name="ops", roles=["vm-admin"]), admin)
    rpc = type(request_).__name__.removesuffix("Request")
    assert (await refused(registry, rpc, request_, admin))[:2] == told
    assert await groups(registry, admin) == {"ops": ("", ["vm-admin"], [])}


async def test_what_postgresql_cannot_hold_is_refused_like_all_else(
    start_registry: StartRegistry, settings: Settings, postgres_url: str
) -> None:
    registry = await start_registry(settings.model_copy(update={"database_url": SecretStr(postgres_url)}))
    admin = await registry.as_admin()
    made = pb.CreateGroupRequest(name="a\0", roles=["read-only"])
    assert (await refused(registry, "CreateGroup", made, admin))[:2] == ["VALUE_NOT_SUPPORTED", "name"]
    nobody = identity_pb2.LogoutSubjectRequest(identifier="a\0")
    ended = await call(registry.clients.identity.LogoutSubject, nobody, timeout=20, metadata=admin)
    assert ended.closed == 0


async def test_groups_have_bounds(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_of_users, "MAX_MEMBERS", 1)
    monkeypatch.setattr(groups_of_users, "MAX_GROUPS", 1)
    admin = await registry.as_admin()
    for name in ("ann", "bob"):
        await registry.create_user(name, "read-only")
    made = pb.CreateGroupRequest(name="ops", roles=["read-only"], members=["ann", "bob"])
    assert (await refused(registry, "CreateGroup", made, admin))[:3] == ["VALUE_NOT_SUPPORTED", "members", "2"]
    await ask(registry, "CreateGroup", pb.CreateGroupRequest(name="ops", roles=["read-only"], members=["ann"]), admin)
    # Who is added is looked for only if so many can be.
    many = pb.ChangeMembersRequest(group="ops", add=["nobody", "neither"])
    assert (await refused(registry, "ChangeMembers", many, admin))[:3] == ["VALUE_NOT_SUPPORTED", "members", "3"]
    more = pb.ChangeMembersRequest(group="ops", add=["bob"])
    assert (await refused(registry, "ChangeMembers", more, admin))[:3] == ["VALUE_NOT_SUPPORTED", "members", "2"]
    other = pb.CreateGroupRequest(name="more", roles=["read-only"])
    assert (await refused(registry, "CreateGroup", other, admin))[:3] == ["VALUE_NOT_SUPPORTED", "name", "more"]


@pytest.mark.parametrize(
    ("rpc", "request_", "permission"),
    [
        ("ListGroups", pb.ListGroupsRequest(), "group.get_all"),
        ("CreateGroup", pb.CreateGroupRequest(name="a", roles=["pool-admin"], members=["op"]), "group.create"),
        ("UpdateGroup", pb.UpdateGroupRequest(name="a"), "group.update"),
        ("ChangeMembers", pb.ChangeMembersRequest(group="a", add=["op"]), "group.change_members"),
        ("DeleteGroup", pb.DeleteGroupRequest(name="a"), "group.destroy"),
    ],
)
async def test_groups_are_for_administrators(registry: Registry, rpc: str, request_: Any, permission: str) -> None:
    await registry.create_user("op", "pool-operator")
    told = await refused(registry, rpc, request_, await registry.as_user("op"))
    assert told[:2] == ["RBAC_PERMISSION_DENIED", permission]
    assert is_reserved(permission) == (rpc != "ListGroups")
    for metadata in ((), call_metadata("OpaqueRef:x"), AS_SERVICE):
        assert (await refused(registry, rpc, request_, metadata))[0] == "SESSION_INVALID"
